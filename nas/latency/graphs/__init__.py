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
from nas.latency.graphs.lowering import lower
from nas.latency.graphs.quantising import quantised
from nas.latency.graphs.writer import Unsupported
from nas.latency.timing import modules
from nas.networks.cost import Key, part_keys
from nas.networks.references import Model, Reference
from search_spaces.arch import Arch

__all__ = ["Fragment", "network", "part", "write"]


def network(model: Model, conditions: Conditions) -> onnx.ModelProto:
    """A whole network, float `x` [batch, 3, resolution, resolution] to logits `y` [batch, classes].

    Its weights are random: it is made to be timed. Raises UserError for what cannot be written.
    """
    size, classes, batch = conditions.resolution, conditions.classes, conditions.batch
    if isinstance(model, Arch):
        entries = part_keys(model.fitted(size), size, classes)
        fragments = [part_fragment(key, batch) for key in entries]
    else:
        fragments = [_reference(model, classes, size, batch)]
    return _precise(fragment.model(fragments), conditions)


def part(key: Key, conditions: Conditions) -> onnx.ModelProto:
    """One entry of a table, float `x` [batch, channels, size, size] to `y`."""
    return _precise(fragment.model([part_fragment(key, conditions.batch)]), conditions)


def _precise(model: onnx.ModelProto, conditions: Conditions) -> onnx.ModelProto:
    return quantised(model) if conditions.precision == "int8" else model


@lru_cache(maxsize=128)
def part_fragment(key: Key, batch: int = 1) -> Fragment:
    """The graph of an entry, from the module that the part builds."""
    return write(*modules.built_part(key, batch), str(key[0]))


@lru_cache(maxsize=4)
def _reference(model: Reference, classes: int, resolution: int, batch: int) -> Fragment:
    return write(*modules.built(model, classes, resolution, batch), str(model))


def write(module: nn.Module, x: Tensor, what: str) -> Fragment:
    """The graph of a module, with its weights: by our table of operators, else by torch's exporter."""
    try:
        return lower(module.eval(), x)
    except Unsupported as reason:
        return export(module, x, what, str(reason))
