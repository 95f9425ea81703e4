"""The SandGlass block of MobileNeXt: the shortcut joins wide maps, the bottleneck lies between."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from blocks.base import Block, Change, Place, in_ratio, need_divisible, shortest_ratio
from blocks.errors import UserError
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


def reduced_width(out: int, expansion: float) -> int:
    """Inner width of a SandGlass whose output is `expansion` times as wide: a multiple of 8."""
    return make_divisible(out / expansion)


@dataclass(frozen=True)
class SandGlass(Block):
    """Depthwise, reduce, expand, depthwise. Zhou et al. 2020 (MobileNeXt), figure 3 and official code.

    The first depthwise (stride 1) and the expansion are activated, the reduction and the second depthwise,
    which carries the stride, are linear. The shortcut exists iff stride is 1 and in == out. `expansion` is
    out / inner. Kernel holds for both depthwise convolutions; squeeze-excite follows the first, so that it
    has no effect without it; groups hold for both pointwise convolutions, the shuffle following the first.
    `identity` d lets the shortcut pass the first in / d channels only (the official `identity_div`).
    `stride_first` puts the stride on the first depthwise, as some copies do. To measure what they earn,
    `shortcut` leaves the input out of the sum, `activated_bottleneck` activates the reduction. Neither is
    counted.

    Multiply-adds at an output of H x W, input of stride s: (k^2 * in + in * inner / g + inner * out / g)
    * H * W * s^2 + k^2 * out * H * W, and 2 * in * squeeze for squeeze-excite, squeeze =
    make_divisible(in / 4, 8). With `stride_first` there is no s^2.
    """

    token: ClassVar[str] = "sg"
    expands: ClassVar[Literal["between"]] = "between"
    out: int = option()
    kernel: int = option(3, "k", choices=(3, 5, 7))
    expansion: float = option(1.0, "t", minimum=0.01)
    inner: int = option(0, "e", minimum=0)
    stride: int = option(1, "s", choices=(1, 2))
    squeeze_excite: bool = option(False, "se")
    gate: str = option("hsig", choices=tuple(GATES))
    activation: str = option("RE", choices=tuple(ACTIVATIONS))
    groups: int = option(1, "g")
    shuffle: bool = option(True, "noshuffle")
    first_depthwise: bool = option(True, "nodw1")
    last_depthwise: bool = option(True, "nodw2")
    identity: int = option(1, "id")
    stride_first: bool = option(False, "stride1")
    activated_bottleneck: bool = option(False, "bnact")
    shortcut: bool = option(True, "noskip")

    def canonical(self, in_channels: int) -> Self:
        """Inner width as the shortest expansion; options without effect at their defaults."""
        if self.stride != 1 and not (self.first_depthwise if self.stride_first else self.last_depthwise):
            which = "first" if self.stride_first else "second"
            raise UserError(f"{self.token}: the {which} depthwise carries the stride {self.stride}; keep it")
        possible = self.stride == 1 and in_channels == self.out
        shortcut = self.shortcut and possible
        if shortcut and in_channels % self.identity:
            raise UserError(f"{self.token}: no shortcut of {in_channels} / {self.identity} channels")
        inner = self.inner_width(in_channels)
        need_divisible(self.token, self.groups, input=in_channels, bottleneck=inner, output=self.out)
        expansion = shortest_ratio(inner, self.out, reduced_width)
        squeeze_excite = self.squeeze_excite and self.first_depthwise
        return replace(
            self,
            kernel=self.kernel if self.first_depthwise or self.last_depthwise else 3,
            expansion=expansion or 1.0,
            inner=0 if expansion else inner,
            squeeze_excite=squeeze_excite,
            gate=self.gate if squeeze_excite else "hsig",
            shuffle=self.shuffle or self.groups in (1, inner),  # one group, or groups of one channel
            identity=self.identity if shortcut else 1,
            stride_first=self.stride_first and self.stride != 1,
            shortcut=self.shortcut or not possible,
        )

    def inner_width(self, in_channels: int) -> int:
        """Of the bottleneck."""
        return self.inner or reduced_width(self.out, self.expansion)

    @classmethod
    def in_stage(cls, place: Place, options: Mapping[str, Any]) -> Self:
        """Expanded outside. The one that begins a stage lacks its first depthwise, as MobileNeXt's does.

        Unless a squeeze-excite needs it.
        """
        depthwise = not place.first or bool(options.get("squeeze_excite"))
        return cls(place.wide, inner=place.width, first_depthwise=depthwise, **options)

    def narrow_width(self, in_channels: int) -> int:
        """Of the bottleneck."""
        return self.inner_width(in_channels)

    def ratio(self, in_channels: int, narrow: int) -> float:
        """The output's, to the bottleneck."""
        return self.out / self.inner_width(in_channels)

    def explicit(self, in_channels: int) -> Self:
        """With the inner width."""
        return replace(self, inner=self.inner_width(in_channels))

    def expanded(self, expansion: int, in_channels: int, narrow: int) -> Self:
        """Wider outside; without an expansion it keeps none."""
        return self if self.inner == self.out else replace(self, out=make_divisible(self.inner * expansion))

    def again(self, in_channels: int) -> Self:
        """With the first depthwise, which the block that begins a stage may lack."""
        return replace(self, stride=1, first_depthwise=True)

    def resized(self, channels: Change, narrow: Change, own: Change) -> Self:
        """The output keeps its ratio to the bottleneck."""
        return replace(self, out=in_ratio(self.out, own), inner=own[1])

    def build(self, in_channels: int, norm: Norm) -> nn.Module:
        """Module from float [N, in, H, W] to [N, out, H / stride, W / stride]."""
        return _SandGlass(self, in_channels, norm)


class _SandGlass(nn.Module):
    def __init__(self, block: SandGlass, in_channels: int, norm: Norm) -> None:
        super().__init__()
        inner = block.inner_width(in_channels)
        layers: list[nn.Module] = []
        if block.first_depthwise:
            stride = block.stride if block.stride_first else 1
            layers.append(depthwise(in_channels, norm, block.kernel, stride, block.activation))
        if block.squeeze_excite:
            layers.append(SqueezeExcite(in_channels, make_divisible(in_channels / 4), block.gate))
        narrow = block.activation if block.activated_bottleneck else None
        layers.append(ConvNorm(in_channels, inner, norm, groups=block.groups, activation=narrow))
        if block.groups > 1 and block.shuffle:
            layers.append(nn.ChannelShuffle(block.groups))
        layers.append(ConvNorm(inner, block.out, norm, groups=block.groups, activation=block.activation))
        if block.last_depthwise:
            stride = 1 if block.stride_first else block.stride
            layers.append(depthwise(block.out, norm, block.kernel, stride, None))
        self.layers = nn.Sequential(*layers)
        residual = block.shortcut and block.stride == 1 and in_channels == block.out
        self.passed = in_channels // block.identity if residual else 0
        self.channels = in_channels
        if self.passed:
            start_closed(self.layers, self.passed)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        if self.passed in (0, self.channels):
            return x + y if self.passed else y
        kept = self.passed
        return torch.cat((x[:, :kept] + y[:, :kept], y[:, kept:]), 1)
