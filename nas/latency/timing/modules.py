"""The modules of parts and networks that are timed, with an input each."""

import copy

import torch
from torch import Tensor, nn

from nas.common.errors import UserError
from nas.common.sizes import sides
from nas.kernels.compute import folded
from nas.latency.conditions import Conditions
from nas.latency.timing.graph_file import GraphFile
from nas.networks.bounds import check_numbers, check_target
from nas.networks.building import build
from nas.networks.cost import Key, default_table
from nas.networks.counting import build_part
from nas.networks.references import Model

Subject = Key | Model | GraphFile  # what is timed: an entry of a table, a whole network, or one in a file
_GAIN = 6**0.5  # from torch's own initial weights to those that keep the scale of what ReLU lets through


def deployed(subject: Subject, conditions: Conditions) -> tuple[nn.Module, Tensor]:
    """A module as it is deployed: scaled, in evaluation mode, batch norm folded."""
    module, x = built(subject, conditions)
    with folded(scaled(module).eval()):
        return copy.deepcopy(module), x


def built(subject: Subject, conditions: Conditions) -> tuple[nn.Module, Tensor]:
    """A module as it is built, with an input: random, the same each time. Torch's generator is left as it is.

    Raises UserError for a file, which is a graph already.
    """
    if isinstance(subject, GraphFile):
        raise UserError(f"{subject} is run by --backend onnxruntime or openvino, not {conditions.backend}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if isinstance(subject, tuple):
            part, channels, size, classes = subject
            check_target(size, max(classes, 1), channels)
            counted = default_table().entry(subject)
            check_numbers(counted.params, counted.activations, size)
            module = build_part(part, channels, classes)
        else:
            channels, size = conditions.channels, conditions.resolution
            module = build(subject, conditions.classes, size, channels)
        return module, torch.randn(conditions.batch, channels, *sides(size))


def scaled(module: nn.Module) -> nn.Module:
    """The module with weights under which deep networks neither vanish nor explode, and no branch is nothing.

    Numbers too small for their format take processors many times as long; branches that start closed
    (`blocks.layers.start_closed`) would be kernels of zeros, which a runtime may recognise.
    """
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.weight.mul_(_GAIN)
            elif isinstance(layer, nn.BatchNorm2d) and layer.affine:
                layer.weight.fill_(1)
    return module
