"""Torch's own exporter: for whole networks, and for what our table of operators does not have.

It takes seconds where the table takes milliseconds.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import onnx
import torch
from onnx import helper
from torch import Tensor, nn

from nas.common.errors import UserError, briefly
from nas.latency.graphs.fragment import INPUT, OPSET, Fragment


def export(module: nn.Module, x: Tensor, what: str, reason: str) -> Fragment:
    """What the module, in evaluation mode, computes for an input such as `x`.

    Raises UserError, naming `what` it is and the `reason` for coming here, where it cannot be exported.
    """
    with torch.no_grad():
        out_shape = tuple(module.eval()(x).shape)
    graph = whole(module, x, what, reason).graph
    names = {graph.input[0].name: INPUT}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    nodes, output = list(graph.node), names.get(graph.output[0].name, graph.output[0].name)
    if output == INPUT:
        nodes, output = [helper.make_node("Identity", [INPUT], ["same"])], "same"
    return Fragment(tuple(nodes), tuple(graph.initializer), output, tuple(x.shape), out_shape)


def whole(
    module: nn.Module,
    x: Tensor,
    what: str,
    reason: str = "",
    *,
    names: tuple[str, str] | None = None,
    any_batch: bool = False,
) -> onnx.ModelProto:
    """A model of the module, in evaluation mode, for an input such as `x`; with `any_batch` for any number of them.

    names: of its input and its output. Raises UserError as `export` does.
    """
    because = f"{reason}, and torch's exporter: " if reason else ""
    if find_spec("onnxscript") is None:
        raise UserError(
            f"{what}: {reason or 'not written'}; torch's exporter would take it: pip install onnxscript"
        )
    try:
        with torch.no_grad(), quiet("torch.onnx"):
            program = torch.onnx.export(
                module.eval(),
                (x,),
                dynamo=True,
                opset_version=OPSET,
                verbose=False,
                input_names=names and [names[0]],
                output_names=names and [names[1]],
                dynamic_shapes=({0: torch.export.Dim("batch")},) if any_batch else None,
            )
            model: onnx.ModelProto = program.model_proto
    except Exception as error:  # the exporter's own, of many kinds
        raise UserError(f"{what} cannot be written as ONNX: {because}{briefly(error)}") from error
    return model


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
