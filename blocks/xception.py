"""Xception's module: separable convolutions under a shortcut."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from torch import Tensor, nn

from blocks.base import Block
from blocks.layers import ACTIVATIONS, ConvNorm, Norm, start_closed
from blocks.options import option


@dataclass(frozen=True)
class Xception(Block):
    """Some separable convolutions, each behind an activation, and a shortcut. Chollet 2017, figure 5.

    Nothing stands between a depthwise convolution and its pointwise, neither norm nor activation (section
    4.7); the pointwise is normalised. A stride is a max-pooling 3x3 behind them. The shortcut is the input,
    or a normalised 1x1 convolution of it where stride or width change. The middle flow has three
    convolutions, the entry flow two; the first module of the entry flow lacks the activation of its input
    (`noact1`), the exit flow widens in the last convolution instead of the first (`growlast`).

    Multiply-adds at an input of H x W: (k^2 * a + a * b) * H * W for each separable convolution from a to b
    channels, and in * out * H * W / s^2 for a convolved shortcut.
    """

    token: ClassVar[str] = "xc"
    out: int = option()
    kernel: int = option(3, "k", choices=(3, 5, 7))
    depth: int = option(3, "n", choices=(1, 2, 3, 4))
    stride: int = option(1, "s", choices=(1, 2))
    activation: str = option("RE", choices=tuple(ACTIVATIONS))
    first_activation: bool = option(True, "noact1")
    grow_last: bool = option(False, "growlast")

    def canonical(self, in_channels: int) -> Self:
        """Of one convolution, or without growth, first and last are alike; so are activations of none."""
        grows = self.depth > 1 and in_channels != self.out
        active = self.first_activation or self.depth > 1
        return replace(
            self,
            grow_last=self.grow_last and grows,
            activation=self.activation if active else "RE",
        )

    def build(self, in_channels: int, norm: Norm) -> nn.Module:
        """Module from float [N, in, H, W] to [N, out, ceil(H / stride), ceil(W / stride)]."""
        return _Xception(self, in_channels, norm)


class _Xception(nn.Module):
    def __init__(self, block: Xception, in_channels: int, norm: Norm) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = in_channels
        for index in range(block.depth):
            last = index == block.depth - 1
            out = in_channels if block.grow_last and not last else block.out
            if index or block.first_activation:
                layers.append(
                    ACTIVATIONS[block.activation](inplace=index > 0)
                )  # the shortcut needs the input
            kernel = block.kernel
            layers.append(nn.Conv2d(channels, channels, kernel, 1, kernel // 2, groups=channels, bias=False))
            layers.append(ConvNorm(channels, out, norm))
            channels = out
        if block.stride > 1:
            layers.append(nn.MaxPool2d(3, block.stride, 1))
        self.layers = nn.Sequential(*layers)
        start_closed(self.layers)
        plain = block.stride == 1 and in_channels == block.out
        self.shortcut = (
            nn.Identity() if plain else ConvNorm(in_channels, block.out, norm, stride=block.stride)
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x) + self.shortcut(x)
        return y
