"""The modules of the Inception family: GoogLeNet's, and the factorised ones of its second version."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from blocks.base import Block
from blocks.errors import UserError
from blocks.layers import ACTIVATIONS, ConvNorm, Norm
from blocks.options import option


@dataclass(frozen=True)
class Widths:
    """Channels of the branches: 1x1, 3x3 behind its reduction, wide behind its reduction, pooling."""

    one: int
    reduce_three: int
    three: int
    reduce_wide: int
    wide: int
    pooled: int


@dataclass(frozen=True)
class Inception(Block):
    """Four branches side by side: 1x1; 1x1, 3x3; 1x1, 5x5; pooling, 1x1. Concatenated in this order.

    Each convolution is normalised and activated.
    `form` "v1" is GoogLeNet's (Szegedy et al. 2015, figure 2b, max-pooling). The other two are of its second
    version (2016), with average-pooling as in its code: "pair" replaces the wide convolution by two of 3x3
    (figure 5), "line" replaces the 3x3 by 1xk, kx1 and the wide one by two such pairs (figure 6; k = 7
    there). `kernel` is the k of the wide branch; torchvision's GoogLeNet has 3 where the paper has 5. Inside
    a branch, "pair" carries the branch's width and "line" the reduction's, as in Inception-v3.

    The widths of the branches that are not given keep GoogLeNet's first module's shares of the output (one
    1/4, three 3/8 to 1/2, wide 1/16 to 1/8); the pooled branch has what is left. With a stride, a
    max-pooling 3x3 goes before the module, as in GoogLeNet.

    Multiply-adds at an output of H x W, a to f the widths in the order of `Widths`, "v1": H * W *
    (in * (a + b + d + f) + 9 * b * c + k^2 * d * e). "pair": 9 * (d * e + e^2) for the last term. "line":
    k * (b^2 + b * c) + k * (3 * d^2 + d * e) for the last two.
    """

    token: ClassVar[str] = "inc"
    out: int = option()
    kernel: int = option(5, "k", choices=(3, 5, 7))
    one: int = option(0, "a", minimum=0)
    reduce_three: int = option(0, "rb", minimum=0)
    three: int = option(0, "b", minimum=0)
    reduce_wide: int = option(0, "rc", minimum=0)
    wide: int = option(0, "c", minimum=0)
    stride: int = option(1, "s", choices=(1, 2))
    activation: str = option("RE", choices=tuple(ACTIVATIONS))
    form: str = option("v1", choices=("v1", "pair", "line"))

    def canonical(self, in_channels: int) -> Self:
        """Widths at the usual shares are not written; two 3x3 have no other kernel."""
        usual = replace(self, one=0, reduce_three=0, three=0, reduce_wide=0, wide=0).widths()
        mine = self.widths()
        if min(mine.one, mine.reduce_three, mine.three, mine.reduce_wide, mine.wide, mine.pooled) < 1:
            raise UserError(
                f"inc: an output of {self.out} leaves the pooled branch {mine.pooled} channels beside "
                f"{mine.one}, {mine.three} and {mine.wide}; widen it"
            )
        return replace(
            self,
            kernel=5 if self.form == "pair" else self.kernel,
            one=mine.one if mine.one != usual.one else 0,
            reduce_three=mine.reduce_three if mine.reduce_three != usual.reduce_three else 0,
            three=mine.three if mine.three != usual.three else 0,
            reduce_wide=mine.reduce_wide if mine.reduce_wide != usual.reduce_wide else 0,
            wide=mine.wide if mine.wide != usual.wide else 0,
        )

    def widths(self) -> Widths:
        """Of the branches; the pooled one's is below 1 where the others leave nothing."""
        one, three, wide = self.one or self.out // 4, self.three or self.out // 2, self.wide or self.out // 8
        return Widths(
            one=one,
            reduce_three=self.reduce_three or self.out * 3 // 8,
            three=three,
            reduce_wide=self.reduce_wide or max(1, self.out // 16),
            wide=wide,
            pooled=self.out - one - three - wide,
        )

    def build(self, in_channels: int, norm: Norm) -> nn.Module:
        """Module from float [N, in, H, W] to [N, out, ceil(H / stride), ceil(W / stride)]."""
        module = _Inception(self, in_channels, norm)
        return nn.Sequential(nn.MaxPool2d(3, self.stride, 1), module) if self.stride > 1 else module


class _Inception(nn.Module):
    def __init__(self, block: Inception, in_channels: int, norm: Norm) -> None:
        super().__init__()
        w, k, act = block.widths(), block.kernel, block.activation

        def chain(*steps: tuple[int, int | tuple[int, int]]) -> nn.Sequential:
            """Convolutions of these widths and kernels, one behind the other."""
            layers, channels = [], in_channels
            for width, kernel in steps:
                layers.append(ConvNorm(channels, width, norm, kernel=kernel, activation=act))
                channels = width
            return nn.Sequential(*layers)

        self.one = chain((w.one, 1))
        if block.form == "line":
            flat, tall = (1, k), (k, 1)
            b, d = w.reduce_three, w.reduce_wide
            self.three = chain((b, 1), (b, flat), (w.three, tall))
            self.wide = chain((d, 1), (d, tall), (d, flat), (d, tall), (w.wide, flat))
        else:
            self.three = chain((w.reduce_three, 1), (w.three, 3))
            pair = block.form == "pair"
            self.wide = chain((w.reduce_wide, 1), *([(w.wide, 3)] * 2 if pair else [(w.wide, k)]))
        self.pool = nn.MaxPool2d(3, 1, 1) if block.form == "v1" else nn.AvgPool2d(3, 1, 1)
        self.pooled = chain((w.pooled, 1))

    def forward(self, x: Tensor) -> Tensor:
        branches = (self.one(x), self.three(x), self.wide(x), self.pooled(self.pool(x)))
        return torch.cat(branches, 1)
