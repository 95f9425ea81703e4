"""The bottleneck of ResNet-50 and deeper."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from blocks.base import Block, Change, Place, in_ratio
from blocks.errors import UserError
from blocks.layers import ACTIVATIONS, ConvNorm, Norm, start_closed
from blocks.options import option


@dataclass(frozen=True)
class Bottleneck(Block):
    """Reduce, convolve, expand, add, activate. He et al. 2016, figure 5 and table 1.

    The inner width is a quarter of the output's unless `inner` gives it. The shortcut is the input, or a 1x1
    convolution of it (with the stride) where stride or width change. The stride stands on the 3x3
    convolution, as in every library's ResNet-50; `stride_first` puts it on the first 1x1, as in the paper.

    Multiply-adds at an output of H x W, input of stride s: in * inner * H * W * s^2 (without s^2 where
    `stride_first`) + k^2 * inner^2 * H * W + inner * out * H * W, and in * out * H * W for a convolved
    shortcut.
    """

    token: ClassVar[str] = "rb"
    out: int = option()
    kernel: int = option(3, "k", choices=(3, 5, 7))
    inner: int = option(0, "e", minimum=0)
    stride: int = option(1, "s", choices=(1, 2))
    activation: str = option("RE", choices=tuple(ACTIVATIONS))
    stride_first: bool = option(False, "stride1")

    def canonical(self, in_channels: int) -> Self:
        """The usual inner width is not written; without a stride its place does not matter."""
        if self.out % 4 and not self.inner:
            raise UserError(
                f"rb: an output of {self.out} has no bottleneck of a quarter; take a multiple of 4"
            )
        return replace(
            self,
            inner=0 if 4 * self.inner == self.out else self.inner,
            stride_first=self.stride_first and self.stride > 1,
        )

    def inner_width(self, in_channels: int) -> int:
        """Of the convolution between."""
        return self.inner or self.out // 4

    @classmethod
    def in_stage(cls, place: Place, options: Mapping[str, Any]) -> Self:
        """Expanded outside, as the SandGlass."""
        return cls(place.wide, inner=place.width, **options)

    def narrow_width(self, in_channels: int) -> int:
        """Of the convolution between."""
        return self.inner_width(in_channels)

    def resized(self, channels: Change, narrow: Change, own: Change) -> Self:
        """The output keeps its ratio; a bottleneck of a quarter stays one exactly."""
        if not self.inner:
            return replace(self, out=4 * own[1])
        return replace(self, out=in_ratio(self.out, own), inner=own[1])

    def build(self, in_channels: int, norm: Norm) -> nn.Module:
        """Module from float [N, in, H, W] to [N, out, ceil(H / stride), ceil(W / stride)]."""
        return _Bottleneck(self, in_channels, norm)


class _Bottleneck(nn.Module):
    def __init__(self, block: Bottleneck, in_channels: int, norm: Norm) -> None:
        super().__init__()
        inner, act = block.inner_width(in_channels), block.activation
        first, second = (block.stride, 1) if block.stride_first else (1, block.stride)
        self.layers = nn.Sequential(
            ConvNorm(in_channels, inner, norm, stride=first, activation=act),
            ConvNorm(inner, inner, norm, kernel=block.kernel, stride=second, activation=act),
            ConvNorm(inner, block.out, norm),
        )
        start_closed(self.layers)
        plain = block.stride == 1 and in_channels == block.out
        self.shortcut = (
            nn.Identity() if plain else ConvNorm(in_channels, block.out, norm, stride=block.stride)
        )
        self.activation = ACTIVATIONS[act]()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.activation(self.shortcut(x) + self.layers(x))
        return y
