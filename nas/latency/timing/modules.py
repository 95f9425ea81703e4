"""Built modules as they are deployed: in evaluation mode, batch norm folded, for backends that run torch."""

import copy

import torch
from torch import Tensor, nn

from nas.kernels.compute import folded
from nas.latency.conditions import Conditions
from nas.latency.graphs import scaled
from nas.networks.building import build
from nas.networks.cost import Key
from nas.networks.counting import build_part
from nas.networks.references import Model


def part(key: Key, conditions: Conditions) -> tuple[nn.Module, Tensor]:
    """The module of a table's entry, with a random input; torch's random generator is left as it is."""
    block, channels, size, classes = key
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return _deployed(build_part(block, channels, classes)), torch.randn(
            conditions.batch, channels, size, size
        )


def network(model: Model, conditions: Conditions) -> tuple[nn.Module, Tensor]:
    """A whole network, likewise."""
    side = conditions.resolution
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return _deployed(build(model, conditions.classes, side)), torch.randn(conditions.batch, 3, side, side)


def _deployed(module: nn.Module) -> nn.Module:
    module = scaled(module.eval())
    with folded(module):
        return copy.deepcopy(module)
