"""ONNX graphs of parts and of whole networks, written from the built modules.

An entry of the latency table is built and traced once, in some milliseconds; a network is its entries one
behind the other, and costs only the putting together. A new primitive needs nothing here.
"""

from functools import lru_cache

import onnx
from torch import Tensor, nn

from nas.latency.conditions import Conditions
from nas.latency.graphs import fragment
from nas.latency.graphs.exporter import export
from nas.latency.graphs.fragment import Fragment
from nas.latency.graphs.operators import OPERATORS
from nas.latency.graphs.quantising import quantised
from nas.latency.graphs.writer import Unsupported, Writer, record
from nas.latency.timing.graph_file import GraphFile
from nas.latency.timing.modules import Subject, built, scaled
from nas.networks.cost import Key, part_keys
from search_spaces.arch import Arch

__all__ = ["Fragment", "lower", "write", "written"]


def written(subject: Subject, conditions: Conditions) -> onnx.ModelProto:
    """The graph of a part or a network, float `x` [batch, channels, height, width] to `y`.

    Its weights are random: it is made to be timed; but a file is what it is. Raises UserError for what cannot be
    written.
    """
    if isinstance(subject, GraphFile):
        return subject.of(conditions.batch)
    if isinstance(subject, tuple):
        fragments = [part_fragment(subject, conditions)]
    elif isinstance(subject, Arch):
        size = conditions.resolution
        keys = part_keys(subject.fitted(size), size, conditions.classes, conditions.channels)
        fragments = [part_fragment(key, conditions) for key in keys]
    else:
        fragments = [write(*built(subject, conditions), str(subject))]
    model = fragment.model(fragments)
    return quantised(model) if conditions.precision == "int8" else model


@lru_cache(maxsize=128)
def part_fragment(key: Key, conditions: Conditions) -> Fragment:
    """The graph of an entry, from the module that the part builds."""
    module, x = built(key, conditions)
    return write(scaled(module), x, str(key[0]))


def write(module: nn.Module, x: Tensor, what: str) -> Fragment:
    """The graph of a module, with its weights: by our table of operators, else by torch's exporter."""
    try:
        return lower(module.eval(), x)
    except Unsupported as reason:
        return export(module, x, what, str(reason))


def lower(module: nn.Module, x: Tensor) -> Fragment:
    """What the module, in evaluation mode, computes for an input such as `x`, by our table of operators.

    Batch norm goes into the convolution before it; what depends on no input is a weight. Raises Unsupported for
    operators that the table does not have, and where memory is shared in a way that single operators do not tell.
    """
    steps, output = record(module, x)
    if not isinstance(output, Tensor):
        raise Unsupported(f"its output is no tensor but {type(output).__name__}")
    writer = Writer(x, steps, output)
    for step in steps:
        if writer.is_constant(step):
            continue
        operator = OPERATORS.get(step.name)
        if operator is None:
            raise Unsupported(f"no rule for aten::{step.name}")
        writer.take(step, operator(writer, step.arguments, step.output))
    return writer.fragment()
