"""ONNX graphs of parts and of whole networks, written from the built modules.

An entry of the latency table is built and traced once, in some milliseconds; a network is its entries one
behind the other, and costs only the putting together. A new primitive needs nothing here.
"""

from functools import lru_cache

import onnx
import torch
from torch import nn

from nas.latency.conditions import Conditions
from nas.latency.graphs import fragment
from nas.latency.graphs.exporter import export
from nas.latency.graphs.fragment import Fragment
from nas.latency.graphs.lowering import lower
from nas.latency.graphs.quantising import quantised
from nas.latency.graphs.writer import Unsupported
from nas.networks.cost import Key, part_keys
from nas.networks.counting import build_part
from nas.networks.references import Model, Reference
from search_spaces.arch import Arch

__all__ = ["Fragment", "network", "part", "write"]

_GAIN = 6**0.5  # from torch's own initial weights to those that keep the scale of what ReLU lets through


def network(model: Model, conditions: Conditions) -> onnx.ModelProto:
    """A whole network, float `x` [batch, 3, resolution, resolution] to logits `y` [batch, classes].

    Its weights are random: it is made to be timed. Raises UserError for what cannot be written.
    """
    if isinstance(model, Arch):
        fitted = model.fitted(conditions.resolution)
        entries = part_keys(fitted, conditions.resolution, conditions.classes)
        fragments = [part_fragment(key, conditions.batch) for key in entries]
    else:
        fragments = [_reference(model, conditions.resolution, conditions.classes, conditions.batch)]
    return _precise(fragment.model(fragments), conditions)


def part(key: Key, conditions: Conditions) -> onnx.ModelProto:
    """One entry of a table, float `x` [batch, channels, size, size] to `y`."""
    return _precise(fragment.model([part_fragment(key, conditions.batch)]), conditions)


def _precise(model: onnx.ModelProto, conditions: Conditions) -> onnx.ModelProto:
    return quantised(model) if conditions.precision == "int8" else model


@lru_cache(maxsize=128)
def part_fragment(key: Key, batch: int = 1) -> Fragment:
    """The graph of an entry, from the module that the part builds."""
    block, channels, size, classes = key
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = build_part(block, channels, classes)
        return write(scaled(module), torch.randn(batch, channels, size, size), str(block))


@lru_cache(maxsize=4)
def _reference(model: Reference, resolution: int, classes: int, batch: int) -> Fragment:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = model.build(classes, resolution)
        return write(module, torch.randn(batch, 3, resolution, resolution), str(model))


def write(module: nn.Module, x: torch.Tensor, what: str) -> Fragment:
    """The graph of a module, with its weights: by our table of operators, else by torch's exporter."""
    try:
        return lower(module.eval(), x)
    except Unsupported as reason:
        return export(module, x, what, str(reason))


def scaled(module: nn.Module) -> nn.Module:
    """The module with weights under which deep networks neither vanish nor explode, and no branch is nothing.

    Without batch statistics torch's own would shrink the values layer by layer, and numbers too small for
    their format take processors many times as long. Branches that start closed (`blocks.layers.start_closed`)
    would be kernels of zeros, which a runtime may recognise and a trained network does not have.
    """
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.weight.mul_(_GAIN)
            elif isinstance(layer, nn.BatchNorm2d) and layer.affine:
                layer.weight.fill_(1)
    return module
