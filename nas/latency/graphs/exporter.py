"""Torch's own exporter, for what our table of operators does not have: seconds instead of milliseconds."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import torch
from onnx import helper
from torch import Tensor, nn

from nas.common.errors import UserError, briefly
from nas.latency.graphs.fragment import INPUT, OPSET, Fragment


def export(module: nn.Module, x: Tensor, what: str, reason: str) -> Fragment:
    """What the module, in evaluation mode, computes for an input such as `x`.

    Raises UserError, naming `what` it is and the `reason` for coming here, where it cannot be exported.
    """
    if find_spec("onnxscript") is None:
        raise UserError(f"{what}: {reason}; torch's exporter would take it: pip install onnxscript")
    try:
        with torch.no_grad(), quiet("torch.onnx"):
            out_shape = tuple(module.eval()(x).shape)
            program = torch.onnx.export(module, (x,), dynamo=True, opset_version=OPSET, verbose=False)
        graph = program.model_proto.graph
    except Exception as error:  # the exporter's own, of many kinds
        raise UserError(
            f"{what} cannot be written as ONNX: {reason}, and torch's exporter: {briefly(error)}"
        ) from error
    names = {graph.input[0].name: INPUT}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    nodes, output = list(graph.node), names.get(graph.output[0].name, graph.output[0].name)
    if output == INPUT:
        nodes, output = [helper.make_node("Identity", [INPUT], ["same"])], "same"
    return Fragment(tuple(nodes), tuple(graph.initializer), output, tuple(x.shape), out_shape)


@contextmanager
def quiet(remarking: str | None) -> Iterator[None]:
    """Without warnings, and without what a logger says below errors."""
    logger = logging.getLogger(remarking)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
