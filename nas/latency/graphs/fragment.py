"""A piece of an ONNX graph, and whole models made of such pieces."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx
from onnx import NodeProto, TensorProto, helper

OPSET = 20
_IR_VERSION = 10  # older than what this onnx writes by itself, so that older runtimes read it
INPUT = "x"


@dataclass(frozen=True)
class Fragment:
    """Nodes from one input, called `x`, to one output, with their weights. Shapes hold the batch."""

    nodes: tuple[NodeProto, ...]
    weights: tuple[TensorProto, ...]
    output: str
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]


def model(fragments: Sequence[Fragment]) -> onnx.ModelProto:
    """The model that runs the fragments one behind the other, from `x` to `y`.

    Each has its own copy of its weights, as the parts of a network do, however alike they are.
    """
    graph = onnx.GraphProto(name="network")
    current = INPUT
    for index, fragment in enumerate(fragments):
        names = {INPUT: current, "": ""}
        for weight in fragment.weights:
            names[weight.name] = f"{index}.{weight.name}"
            copy = graph.initializer.add()
            copy.CopyFrom(weight)
            copy.name = names[weight.name]
        for node in fragment.nodes:
            names.update((name, f"{index}.{name}") for name in node.output)
            added = graph.node.add()
            added.CopyFrom(node)
            added.name = names[node.output[0]]
            added.input[:] = [names[name] for name in node.input]
            added.output[:] = [names[name] for name in node.output]
        current = names[fragment.output]
    graph.node.append(helper.make_node("Identity", [current], ["y"], name="y"))
    graph.input.append(helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, fragments[0].in_shape))
    graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, fragments[-1].out_shape))
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION, producer_name="nas-search")
