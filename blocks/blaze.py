"""BlazeFace's BlazeBlock, single and double."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from torch import Tensor, nn
from torch.nn import functional as F

from blocks.base import Block, Place
from blocks.errors import UserError
from blocks.layers import ACTIVATIONS, ConvNorm, Norm, depthwise, start_closed
from blocks.options import option


@dataclass(frozen=True)
class Blaze(Block):
    """Depthwise and pointwise, the input added, then activated. Bazarevsky et al. 2019, figure 1.

    With an `inner` width the block is double: a second such pair follows the first, which then narrows to
    `inner` and is activated. Nothing is activated behind a depthwise. Where the stride is 2 the shortcut is
    max-pooled 2x2; where the block widens, the shortcut's missing channels are zeros, at no cost.
    `conv_shortcut` puts a 1x1 convolution there, as some copies do. The paper's kernel is 5; the weights that
    were released have 3.

    Multiply-adds at an output of H x W, single: k^2 * in * H * W + in * out * H * W; double: k^2 * in * H * W
    + in * inner * H * W + k^2 * inner * H * W + inner * out * H * W. A convolved shortcut adds
    in * out * H * W.
    """

    token: ClassVar[str] = "bz"
    out: int = option()
    kernel: int = option(5, "k", choices=(3, 5, 7))
    inner: int = option(0, "e", minimum=0)
    stride: int = option(1, "s", choices=(1, 2))
    activation: str = option("RE", choices=tuple(ACTIVATIONS))
    conv_shortcut: bool = option(False, "convskip")

    def canonical(self, in_channels: int) -> Self:
        """A shortcut that changes nothing is never convolved."""
        if in_channels > self.out and not self.conv_shortcut:
            raise UserError(
                f"bz: a shortcut of {in_channels} channels exceeds the output of {self.out}; do not narrow"
            )
        changes = self.stride > 1 or in_channels != self.out
        return replace(self, conv_shortcut=self.conv_shortcut and changes)

    def inner_width(self, in_channels: int) -> int | None:
        """Between the two pairs of a double block."""
        return self.inner or None

    @classmethod
    def in_stage(cls, place: Place, options: Mapping[str, Any]) -> Self:
        """As wide as others at their widest, c * t; the shortcut is convolved where it has to narrow."""
        return cls(place.wide, conv_shortcut=place.channels > place.wide, **options)

    def build(self, in_channels: int, norm: Norm) -> nn.Module:
        """Module from float [N, in, H, W] to [N, out, ceil(H / stride), ceil(W / stride)]."""
        return _Blaze(self, in_channels, norm)


class _Blaze(nn.Module):
    def __init__(self, block: Blaze, in_channels: int, norm: Norm) -> None:
        super().__init__()
        act, inner = block.activation, block.inner or block.out
        layers: list[nn.Module] = [
            depthwise(in_channels, norm, block.kernel, block.stride, None),
            ConvNorm(in_channels, inner, norm, activation=act if block.inner else None),
        ]
        if block.inner:
            layers += [depthwise(inner, norm, block.kernel, 1, None), ConvNorm(inner, block.out, norm)]
        self.layers = nn.Sequential(*layers)
        self.shortcut: nn.Module = nn.Identity()
        if block.conv_shortcut:
            self.shortcut = ConvNorm(in_channels, block.out, norm, stride=block.stride)
        elif block.stride > 1:
            self.shortcut = nn.MaxPool2d(block.stride, ceil_mode=True)
        self.missing = 0 if block.conv_shortcut else block.out - in_channels
        start_closed(self.layers, block.out - self.missing)
        self.activation = ACTIVATIONS[act]()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        x = self.shortcut(x)
        if self.missing:
            x = F.pad(x, (0, 0, 0, 0, 0, self.missing))
        result: Tensor = self.activation(x + y)
        return result
