"""The depthwise-separable convolution of MobileNetV1, with dilation."""

from dataclasses import dataclass
from typing import ClassVar, Self

from torch import nn

from blocks.base import Block
from blocks.layers import ACTIVATIONS, ConvNorm, Norm, depthwise
from blocks.options import option


@dataclass(frozen=True)
class Separable(Block):
    """Depthwise, then pointwise, both activated, no shortcut. MobileNetV1 figure 3, table 1.

    With `dilation` d the kernel's taps stand d apart and the padding follows, so that the map keeps its size
    (atrous convolution: the receptive field of a kernel of d * (k - 1) + 1 at the cost of k).

    Multiply-adds at an output of H x W: k^2 * in * H * W + in * out * H * W. A full convolution has
    k^2 * in * out * H * W, so that a share of 1 / out + 1 / k^2 is left (section 3.1), about a ninth for
    3x3. Parameters: k^2 * in + in * out, and 2 * (in + out) of the norms. Dilation costs nothing.
    """

    token: ClassVar[str] = "ds"
    out: int = option()
    kernel: int = option(3, "k", choices=(3, 5, 7))
    stride: int = option(1, "s", choices=(1, 2))
    activation: str = option("RE", choices=tuple(ACTIVATIONS))
    dilation: int = option(1, "d", choices=(1, 2, 3, 4, 6, 8))

    def canonical(self, in_channels: int) -> Self:
        """Every option has its effect."""
        return self

    def build(self, in_channels: int, norm: Norm) -> nn.Module:
        """Module from float [N, in, H, W] to [N, out, ceil(H / stride), ceil(W / stride)]."""
        return nn.Sequential(
            depthwise(in_channels, norm, self.kernel, self.stride, self.activation, self.dilation),
            ConvNorm(in_channels, self.out, norm, activation=self.activation),
        )
