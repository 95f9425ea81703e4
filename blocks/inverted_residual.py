"""The inverted residual of MobileNetV2 and V3, with grouped pointwise convolutions as an option."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

from torch import Tensor, nn

from blocks.base import Block, Change, Place, in_ratio, need_divisible, shortest_ratio
from blocks.layers import (
    ACTIVATIONS,
    GATES,
    ConvNorm,
    Norm,
    SqueezeExcite,
    depthwise,
    make_divisible,
    start_closed,
)
from blocks.options import option


def expanded_width(in_channels: int, expansion: float) -> int:
    """Inner width of an expansion: a multiple of 8 (MobileNetV2's code), and exactly the input at 1."""
    return in_channels if expansion == 1 else make_divisible(in_channels * expansion)


@dataclass(frozen=True)
class InvertedResidual(Block):
    """Expand, depthwise, squeeze-excite, project. MobileNetV2 figure 3, MobileNetV3 figure 4.

    The first pointwise convolution (in -> inner) is absent where the inner width is the input's; the
    projection is linear; the shortcut exists iff stride is 1 and in == out. `groups` > 1 groups both
    pointwise convolutions with a channel shuffle after the first; without an expansion it has no effect.
    To measure what they earn, both can be undone: `shortcut` leaves the input out of the sum,
    `activated_bottleneck` activates the projection (MobileNetV2, figure 6). Neither is counted.

    The width of the squeeze is a quarter of the inner one, make_divisible(inner / 4, 8), unless `squeeze`
    gives it: MnasNet and EfficientNet take a quarter of the input's. EfficientNet activates it with SiLU.

    Multiply-adds at an output of H x W, input of stride s: in * inner * H * W * s^2 / g (expansion)
    + k^2 * inner * H * W + inner * out * H * W / g, and 2 * inner * squeeze for squeeze-excite.
    """

    token: ClassVar[str] = "ir"
    expands: ClassVar[Literal["inside"]] = "inside"
    out: int = option()
    kernel: int = option(3, "k", choices=(3, 5, 7))
    expansion: float = option(1.0, "t", minimum=0.01)
    inner: int = option(0, "e", minimum=0)
    stride: int = option(1, "s", choices=(1, 2))
    squeeze_excite: bool = option(False, "se")
    squeeze: int = option(0, "sq", minimum=0)
    squeeze_activation: str = option("RE", "sq", choices=tuple(ACTIVATIONS))
    gate: str = option("hsig", choices=tuple(GATES))
    activation: str = option("RE", choices=tuple(ACTIVATIONS))
    groups: int = option(1, "g")
    shuffle: bool = option(True, "noshuffle")
    activated_bottleneck: bool = option(False, "bnact")
    shortcut: bool = option(True, "noskip")

    def canonical(self, in_channels: int) -> Self:
        """Inner width as the shortest expansion; what does nothing without its layer is dropped."""
        inner = self.inner_width(in_channels)
        plain = inner == in_channels
        expansion = 1.0 if plain else shortest_ratio(inner, in_channels, expanded_width)
        groups = 1 if plain else self.groups
        need_divisible(self.token, groups, input=in_channels, expansion=inner, output=self.out)
        return replace(
            self,
            expansion=expansion or 1.0,
            inner=0 if expansion else inner,
            squeeze=self.squeeze if self.squeeze_excite and self.squeeze != make_divisible(inner / 4) else 0,
            squeeze_activation=self.squeeze_activation if self.squeeze_excite else "RE",
            gate=self.gate if self.squeeze_excite else "hsig",
            groups=groups,
            shuffle=self.shuffle or groups in (1, inner),  # one group, or groups of one channel
            shortcut=self.shortcut or self.stride != 1 or in_channels != self.out,
        )

    def inner_width(self, in_channels: int) -> int:
        """Of the depthwise convolution."""
        return self.inner or expanded_width(in_channels, self.expansion)

    @classmethod
    def in_stage(cls, place: Place, options: Mapping[str, Any]) -> Self:
        """Expanded inside, of the narrow width before it."""
        return cls(place.width, inner=make_divisible(float(place.narrow * place.expansion)), **options)

    def ratio(self, in_channels: int, narrow: int) -> float:
        """The inner width's, to the narrow one before the block."""
        return self.inner_width(in_channels) / narrow

    def is_plain(self, in_channels: int) -> bool:
        """Whether there is no first pointwise convolution."""
        return self.inner_width(in_channels) == in_channels

    def explicit(self, in_channels: int) -> Self:
        """With the inner width."""
        return replace(self, inner=self.inner_width(in_channels))

    def behind(self, in_channels: int, now: int) -> Self:
        """Without an expansion the inner width follows the input."""
        return replace(self, inner=now) if self.is_plain(in_channels) else self

    def expanded(self, expansion: int, in_channels: int, narrow: int) -> Self:
        """Wider inside; without an expansion it keeps none."""
        return self if self.is_plain(in_channels) else replace(self, inner=make_divisible(narrow * expansion))

    def again(self, in_channels: int) -> Self:
        """Keeps its t where it widens: the inner width follows the input."""
        if in_channels == self.out:
            return replace(self, stride=1)
        plain = self.is_plain(in_channels)
        inner = self.out if plain else make_divisible(self.out * self.inner / in_channels)
        return replace(self, stride=1, inner=inner)

    def resized(self, channels: Change, narrow: Change, own: Change) -> Self:
        """The inner width follows the narrow one before the block, a given squeeze the input."""
        before, now = channels
        inner = now if self.is_plain(before) else in_ratio(self.inner, narrow)
        squeeze = max(1, self.squeeze * now // before) if self.squeeze else 0
        return replace(self, out=own[1], inner=inner, squeeze=squeeze)

    def build(self, in_channels: int, norm: Norm) -> nn.Module:
        """Module from float [N, in, H, W] to [N, out, H / stride, W / stride]."""
        return _InvertedResidual(self, in_channels, norm)


class _InvertedResidual(nn.Module):
    def __init__(self, block: InvertedResidual, in_channels: int, norm: Norm) -> None:
        super().__init__()
        inner = block.inner_width(in_channels)
        layers: list[nn.Module] = []
        if inner != in_channels:
            layers.append(
                ConvNorm(in_channels, inner, norm, groups=block.groups, activation=block.activation)
            )
            if block.groups > 1 and block.shuffle:
                layers.append(nn.ChannelShuffle(block.groups))
        layers.append(depthwise(inner, norm, block.kernel, block.stride, block.activation))
        if block.squeeze_excite:
            squeeze = block.squeeze or make_divisible(inner / 4)
            layers.append(SqueezeExcite(inner, squeeze, block.gate, block.squeeze_activation))
        last = block.activation if block.activated_bottleneck else None
        layers.append(ConvNorm(inner, block.out, norm, groups=block.groups, activation=last))
        self.layers = nn.Sequential(*layers)
        self.residual = block.shortcut and block.stride == 1 and in_channels == block.out
        if self.residual:
            start_closed(self.layers)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y if self.residual else y
