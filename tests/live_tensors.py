"""Peak memory counted anew, by nothing of `nas`: torch.fx reads the built module as a graph, an image is sent through.

    python -m tests.live_tensors stem16-ir16-2xir24_t6_s2-head64 96 10     prints bytes at int8, with and without
                                                                           depthwise convolutions in place

The graph's own order is taken, which is the best where there are no branches but shortcuts and squeeze-excites.
"""

import sys
from typing import Any

import torch
from torch import Tensor, fx, nn

import nas
from nas.common.sizes import Size, read_size, sides
from search_spaces import Arch

_FUSED = (
    nn.BatchNorm2d,
    nn.ReLU,
    nn.ReLU6,
    nn.Hardswish,
    nn.SiLU,
    nn.Sigmoid,
    nn.Hardsigmoid,
    nn.Identity,
    nn.Dropout,
)


class _Sizes(fx.Interpreter):
    """Elements of every tensor that a node of the graph gives."""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__(graph)
        self.sizes: dict[fx.Node, int] = {}

    def run_node(self, n: fx.Node) -> Any:
        """Run it, and note its size."""
        out = super().run_node(n)
        self.sizes[n] = out.numel() if isinstance(out, Tensor) else 0
        return out


def peak(network: nn.Module, resolution: Size, *, in_place: bool = False) -> int:
    """Bytes at int8 of what is live while the operator runs that needs most."""
    graph = fx.symbolic_trace(network.eval())
    modules = dict(graph.named_modules())
    reader = _Sizes(graph)
    with torch.no_grad():
        reader.run(torch.zeros(1, 3, *sides(resolution)))
    holder: dict[fx.Node, fx.Node] = {}  # which tensor a node's value lies in

    def fused(node: fx.Node) -> bool:
        module = modules.get(str(node.target)) if node.op == "call_module" else None
        return isinstance(module, _FUSED) and len(node.all_input_nodes[0].users) == 1

    for node in graph.graph.nodes:
        holder[node] = holder[node.all_input_nodes[0]] if fused(node) else node
    nodes = list(graph.graph.nodes)
    last = {holder[taken]: at for at, node in enumerate(nodes) for taken in node.all_input_nodes}
    most, live = 0, set[fx.Node]()
    for at, node in enumerate(nodes):
        if node.op in ("output", "get_attr") or holder[node] is not node:
            continue
        live.add(node)
        need = sum(reader.sizes[one] for one in live)
        module = modules.get(str(node.target)) if node.op == "call_module" else None
        if in_place and isinstance(module, nn.Conv2d) and 1 < module.groups == module.out_channels:
            source = holder[node.all_input_nodes[0]]
            need -= min(reader.sizes[source], reader.sizes[node]) if last[source] == at else 0
        most = max(most, need)
        live = {one for one in live if last.get(one, 0) > at}
    return most


if __name__ == "__main__":
    text, size, classes = sys.argv[1], read_size(sys.argv[2], "size"), int(sys.argv[3])
    built = nas.build(Arch.parse(text), classes, size)
    print(peak(built, size), peak(built, size, in_place=True))
