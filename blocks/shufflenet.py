"""The units of ShuffleNet: V1's pointwise group convolutions, V2's channel split."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from blocks.base import Block, Place, need_divisible
from blocks.errors import UserError
from blocks.layers import ACTIVATIONS, ConvNorm, Norm, depthwise, start_closed
from blocks.options import option
from blocks.separable import Separable


@dataclass(frozen=True)
class GroupShuffle(Block):
    """ShuffleNetV1's unit: grouped 1x1, shuffle, depthwise (not activated), grouped 1x1. Figure 2.

    The bottleneck is a quarter of the output's width, unless `inner` gives another (copies take a quarter
    of the input's or of the branch's). Where in == out the input is added; else the branch makes out - in
    channels and the input, average-pooled 3x3 with the stride, is concatenated before them. `dense_first`
    leaves the first pointwise ungrouped (the first unit of stage 2). `relu_after_depthwise` activates the
    depthwise as well, which section 3.2 advises against and many copies do.

    Multiply-adds at an output of H x W, input of stride s, branch = out - in where that is not 0, else out:
    in * inner * H * W * s^2 / g (not divided by g where dense) + k^2 * inner * H * W
    + inner * branch * H * W / g: g groups make a pointwise convolution g times cheaper.
    """

    token: ClassVar[str] = "gs"
    begins_with: ClassVar[tuple[str, ...]] = ("groups",)
    out: int = option()
    kernel: int = option(3, "k", choices=(3, 5, 7))
    inner: int = option(0, "e", minimum=0)
    stride: int = option(1, "s", choices=(1, 2))
    activation: str = option("RE", choices=tuple(ACTIVATIONS))
    groups: int = option(1, "g")
    shuffle: bool = option(True, "noshuffle")
    dense_first: bool = option(False, "dense1")
    relu_after_depthwise: bool = option(False, "dwact")

    def canonical(self, in_channels: int) -> Self:
        """Without groups, and in groups of one channel, there is nothing to shuffle.

        Without groups the first pointwise is dense anyway.
        """
        if in_channels > self.out:
            raise UserError(f"gs: {in_channels} input channels exceed the {self.out} of the output")
        if in_channels == self.out and self.stride > 1:
            raise UserError(f"gs: a unit of stride {self.stride} must widen; it has {self.out} in and out")
        if self.out % 4 and not self.inner:
            raise UserError(
                f"gs: an output of {self.out} has no bottleneck of a quarter; take a multiple of 4"
            )
        inner = self.inner_width(in_channels)
        branch = self.out - (in_channels if in_channels < self.out else 0)
        need_divisible(self.token, self.groups, bottleneck=inner, branch=branch)
        if not self.dense_first:
            need_divisible(self.token, self.groups, input=in_channels)
        return replace(
            self,
            inner=0 if 4 * inner == self.out else inner,
            shuffle=self.shuffle or self.groups in (1, inner),
            dense_first=self.dense_first and self.groups > 1,
        )

    def inner_width(self, in_channels: int) -> int:
        """Of the bottleneck."""
        return self.inner or self.out // 4

    @classmethod
    def in_stage(cls, place: Place, options: Mapping[str, Any]) -> Block:
        """Expanded outside, as the SandGlass: out c * t, bottleneck c, which are the paper's own at t = 4.

        The unit that begins a stage is grouped too, unless the groups do not divide its input (the first one of the
        paper's stage 2). Where it would have to narrow, or to keep its width at a stride, there is no such unit, and a
        depthwise-separable convolution leads from one width to the other.
        """
        out, channels = place.wide, place.channels
        groups = int(options.get("groups", 1))
        widens = out > channels and (out - channels) % groups == 0
        if not widens and (out != channels or options.get("stride", 1) > 1):
            return Separable(out).with_options(options)
        return cls(out, inner=place.width, dense_first=channels % groups > 0, **options)

    def build(self, in_channels: int, norm: Norm) -> nn.Module:
        """Module from float [N, in, H, W] to [N, out, H / stride, W / stride]."""
        return _GroupShuffle(self, in_channels, norm)


class _GroupShuffle(nn.Module):
    def __init__(self, block: GroupShuffle, in_channels: int, norm: Norm) -> None:
        super().__init__()
        inner, act = block.inner_width(in_channels), block.activation
        self.residual = in_channels == block.out
        branch = block.out if self.residual else block.out - in_channels
        first_groups = 1 if block.dense_first else block.groups
        layers: list[nn.Module] = [ConvNorm(in_channels, inner, norm, groups=first_groups, activation=act)]
        if block.groups > 1 and block.shuffle:
            layers.append(nn.ChannelShuffle(block.groups))
        after = act if block.relu_after_depthwise else None
        layers.append(depthwise(inner, norm, block.kernel, block.stride, after))
        layers.append(ConvNorm(inner, branch, norm, groups=block.groups))
        self.layers = nn.Sequential(*layers)
        if self.residual:
            start_closed(self.layers)
        self.activation = ACTIVATIONS[act]()
        self.stride = block.stride

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x)
        y = x + y if self.residual else torch.cat((F.avg_pool2d(x, 3, self.stride, 1), y), 1)
        result: Tensor = self.activation(y)
        return result


@dataclass(frozen=True)
class SplitShuffle(Block):
    """ShuffleNetV2's unit: half the channels pass, half go through 1x1, depthwise, 1x1. Figure 3c, 3d.

    Where in == out and the stride is 1, the channels are split; else both branches see the whole input,
    the left one through a depthwise and a pointwise convolution. The official code splits even from odd
    channels at the start of a unit and keeps the left branch as wide as the input; the layout of the
    paper's figure and of torchvision (`figure`) takes halves, gives out / 2 to each branch and shuffles
    at the end.

    Multiply-adds at an output of H x W, with h = out / 2: (2 * h^2 + k^2 * h) * H * W where the channels
    are split. Else, with an input of stride s and a left branch of l = in channels (h with `figure`):
    (k^2 * in + in * l) * H * W + in * h * H * W * s^2 + (k^2 * h + h * (out - l)) * H * W.
    """

    token: ClassVar[str] = "ss"
    out: int = option()
    kernel: int = option(3, "k", choices=(3, 5, 7))
    stride: int = option(1, "s", choices=(1, 2))
    activation: str = option("RE", choices=tuple(ACTIVATIONS))
    figure: bool = option(False, "figure")

    def canonical(self, in_channels: int) -> Self:
        """Nothing to drop; refuses what cannot be split."""
        if self.out % 2:
            raise UserError(f"ss: an output of {self.out} cannot be halved; take an even number")
        if not self.figure and not self._splits(in_channels) and in_channels >= self.out:
            raise UserError(
                f"ss: {in_channels} input channels leave none of {self.out} to the right branch; widen it"
            )
        return self

    def _splits(self, in_channels: int) -> bool:
        return self.stride == 1 and in_channels == self.out

    def inner_width(self, in_channels: int) -> int:
        """Of the right branch."""
        return self.out // 2

    @classmethod
    def in_stage(cls, place: Place, options: Mapping[str, Any]) -> Self:
        """As wide as others at their widest, c * t; in the paper's figure's layout, which may follow any width."""
        return cls(place.wide, figure=True, **options)

    def build(self, in_channels: int, norm: Norm) -> nn.Module:
        """Module from float [N, in, H, W] to [N, out, H / stride, W / stride]."""
        return _SplitShuffle(self, in_channels, norm, self._splits(in_channels))


class _SplitShuffle(nn.Module):
    def __init__(self, block: SplitShuffle, in_channels: int, norm: Norm, splits: bool) -> None:
        super().__init__()
        half, act = block.out // 2, block.activation
        left = half if block.figure or splits else in_channels
        self.left = nn.Sequential()
        if not splits:
            self.left = nn.Sequential(
                depthwise(in_channels, norm, block.kernel, block.stride, None),
                ConvNorm(in_channels, left, norm, activation=act),
            )
        self.right = nn.Sequential(
            ConvNorm(half if splits else in_channels, half, norm, activation=act),
            depthwise(half, norm, block.kernel, block.stride, None),
            ConvNorm(half, block.out - left, norm, activation=act),
        )
        self.splits, self.figure = splits, block.figure

    def forward(self, x: Tensor) -> Tensor:
        left, right = x, x
        if self.splits and self.figure:
            left, right = x.chunk(2, 1)
        elif self.splits:
            left, right = x[:, 0::2], x[:, 1::2]
        y = torch.cat((self.left(left), self.right(right)), 1)
        return F.channel_shuffle(y, 2) if self.figure else y
