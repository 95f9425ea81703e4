"""The modules of parts and networks that are timed, with an input each: random, the same each time.

Torch's own random generator is left as it is.
"""

import copy

import torch
from torch import Tensor, nn

from nas.kernels.compute import folded
from nas.latency.conditions import Conditions
from nas.networks.building import build
from nas.networks.cost import Key
from nas.networks.counting import build_part
from nas.networks.references import Model

_GAIN = 6**0.5  # from torch's own initial weights to those that keep the scale of what ReLU lets through


def part(key: Key, conditions: Conditions) -> tuple[nn.Module, Tensor]:
    """The module of a table's entry as it is deployed: in evaluation mode, batch norm folded."""
    module, x = built_part(key, conditions.batch)
    return _deployed(module), x


def network(model: Model, conditions: Conditions) -> tuple[nn.Module, Tensor]:
    """A whole network, likewise."""
    module, x = built(model, conditions.classes, conditions.resolution, conditions.batch)
    return _deployed(scaled(module)), x


def built_part(key: Key, batch: int) -> tuple[nn.Module, Tensor]:
    """The module that a part builds, scaled."""
    block, channels, size, classes = key
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return scaled(build_part(block, channels, classes)), torch.randn(batch, channels, size, size)


def built(model: Model, classes: int, resolution: int, batch: int) -> tuple[nn.Module, Tensor]:
    """A whole network as it is built."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(model, classes, resolution), torch.randn(batch, 3, resolution, resolution)


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


def _deployed(module: nn.Module) -> nn.Module:
    with folded(module.eval()):
        return copy.deepcopy(module)
