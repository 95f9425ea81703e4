"""From an arch to a torch module."""

from functools import partial
from typing import TYPE_CHECKING, overload

from torch import Tensor, nn

from nas.common.sizes import Size
from nas.networks.bounds import check_numbers
from nas.networks.cost import cost
from search_spaces.arch import Arch

if TYPE_CHECKING:
    from nas.networks.references import Reference


class Network(nn.Module):
    """A built arch: float [N, channels, H, W] to logits [N, num_classes].

    arch: as it was built; `build` sets it to what was asked for, before small images took strides from it.
    """

    def __init__(self, arch: Arch, num_classes: int, dropout: float = 0.0, channels: int = 3) -> None:
        super().__init__()
        self.arch = arch
        norm = partial(nn.BatchNorm2d, eps=arch.eps)
        self.stem = arch.stem.build(norm, channels)
        blocks, channels = [], arch.stem.out
        for block in arch.blocks:
            blocks.append(block.build(channels, norm))
            channels = block.out
        self.blocks = nn.Sequential(*blocks)
        self.head = arch.head.build(channels, norm, num_classes, dropout)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, num_classes] of images [N, channels, H, W]."""
        logits: Tensor = self.head(self.blocks(self.stem(x)))
        return logits


@overload
def build(
    model: Arch,
    num_classes: int = 1000,
    resolution: Size = 224,
    channels: int = 3,
    *,
    final: int = 2,
    dropout: float = 0.0,
) -> Network: ...
@overload
def build(
    model: "Arch | Reference",
    num_classes: int = 1000,
    resolution: Size = 224,
    channels: int = 3,
    *,
    final: int = 2,
    dropout: float = 0.0,
) -> nn.Module: ...
def build(
    model: "Arch | Reference",
    num_classes: int = 1000,
    resolution: Size = 224,
    channels: int = 3,
    *,
    final: int = 2,
    dropout: float = 0.0,
) -> nn.Module:
    """The module of an arch, or of a library's classifier, for images of this many pixels, a square or height x width,
    and channels.

    With an arch small images lose strides as `Arch.fitted` says, until the smaller side of the last map is `final`; a
    library's classifier is as the library makes it, dropout included. Weights are drawn from torch's global
    generator. Raises UserError for fewer than one class and for what is too large to be built (`nas.networks.bounds`).
    """
    if not isinstance(model, Arch):
        return model.build(num_classes, resolution, channels)
    counted = cost(model, resolution, num_classes, channels, final=final)
    check_numbers(counted.params, counted.activations, resolution)
    network = Network(model.fitted(resolution, final), num_classes, dropout, channels)
    network.arch = model
    return network


def initialise(model: nn.Module) -> None:
    """Kaiming normal by fan-out for convolutions, N(0, 0.01) for the classifier, zero biases.

    As torchvision's mobile networks do. The scales of batch norms stay as the blocks made them: 1, but 0 at the end
    of a residual branch (`blocks.layers.start_closed`). On the meta device there is nothing to draw, and torch would
    load its compiler to do so.
    """
    for module in model.modules():
        if getattr(module, "weight", None) is not None and module.weight.is_meta:
            continue
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
