"""ONNX: by torch's exporter, dressed as deployed networks are, and read again by ONNX Runtime."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from nas.common.errors import UserError, briefly
from nas.export.deployed import INPUT, OUTPUT, Deployed, example
from nas.export.images import Floats, Run
from nas.latency.graphs.exporter import whole
from nas.networks.checkpoint import Card


def model(network: Deployed, card: Card, batch: int | None) -> onnx.ModelProto:
    """The network for `batch` images, or for any number of them. Raises UserError where it cannot be written."""
    x = example(card, batch or 2)  # not 1, which would be taken for a number that never changes
    made = whole(network, x, card.network, names=(INPUT, OUTPUT), any_batch=batch is None)
    _undress(made)
    _pool(made.graph)
    onnx.checker.check_model(made)
    return made


def write(made: onnx.ModelProto, told: Mapping[str, str], path: Path) -> None:
    """The file, with what it says of itself."""
    made.producer_name, made.producer_version = "nas-search", told["producer"].rpartition(" ")[2]
    helper.set_model_props(made, dict(told))
    path.write_bytes(made.SerializeToString())


def load(path: Path) -> Run:
    """The file as ONNX Runtime runs it on the CPU. Raises UserError where it does not."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it remarks on weights that it does not need any more
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own kinds, none of which a user of ours knows
        raise UserError(f"{path} cannot be run by onnxruntime: {briefly(error)}") from None

    def run(images: Floats) -> Floats:
        made: Floats = session.run([OUTPUT], {INPUT: images})[0]
        return made

    return run


def _undress(made: onnx.ModelProto) -> None:
    """Without where in whose Python each operator came from: paths of this machine, and half of a small file."""
    del made.metadata_props[:]
    for part in (made.graph, *made.graph.node, *made.graph.value_info, *made.graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""


def _pool(graph: onnx.GraphProto) -> None:
    """A mean over a map is a global average pooling, which runtimes keep in their own layout and in eight bits."""
    known = {weight.name: weight for weight in graph.initializer}
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        graph.node.append(node)
        if node.op_type != "ReduceMean" or len(node.input) < 2 or node.input[1] not in known:
            continue
        axes = sorted(np.atleast_1d(numpy_helper.to_array(known[node.input[1]])).tolist())
        if axes not in ([2, 3], [-2, -1]):
            continue
        kept = {attribute.name: attribute.i for attribute in node.attribute}.get("keepdims", 1)
        pooled, name = graph.node[-1], node.output[0]
        pooled.op_type = "GlobalAveragePool"
        del pooled.input[1:], pooled.attribute[:]
        if not kept:
            pooled.output[0] = f"{name}_map"
            graph.node.append(helper.make_node("Flatten", [f"{name}_map"], [name], f"{node.name}_flat"))
    used = {name for node in graph.node for name in node.input}
    for weight in [weight for name, weight in known.items() if name not in used]:
        graph.initializer.remove(weight)
