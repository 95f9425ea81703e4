"""The small layers that several primitives share: normalised convolution, squeeze-excite, width rounding."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

Norm = Callable[[int], nn.Module]
"""Makes the normalisation layer for a number of channels; carries the architecture's batch-norm eps."""


class OpenSigmoid(nn.Module):
    """The hard sigmoid as it is often miscopied: relu(x + 3) / 6, without the upper bound of 1."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise, of any shape."""
        return F.relu(x + 3) / 6


class OpenSwish(nn.Module):
    """The h-swish with that gate: x * relu(x + 3) / 6, which grows as the square of x."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise, of any shape."""
        return x * F.relu(x + 3) / 6


ACTIVATIONS: dict[str, type[nn.Module]] = {
    "RE": nn.ReLU,
    "RE6": nn.ReLU6,
    "HS": nn.Hardswish,  # x * relu6(x + 3) / 6, MobileNetV3 section 5.2
    "SI": nn.SiLU,  # x * sigmoid(x): swish, and the h-swish of copies that take the smooth sigmoid
    "HSopen": OpenSwish,
}
GATES: dict[str, type[nn.Module]] = {
    "hsig": nn.Hardsigmoid,  # relu6(x + 3) / 6
    "sig": nn.Sigmoid,
    "hsigopen": OpenSigmoid,
}


def make_divisible(value: float, divisor: int = 8) -> int:
    """Round a width to the nearest multiple of `divisor`, never losing more than a tenth of it.

    The rule of every Google mobile network and of MobileNeXt: at least `divisor`, and one step up
    where rounding to nearest would fall below 0.9 times the value.
    """
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


class ConvNorm(nn.Sequential):
    """Convolution without bias, padded to keep the map's size at stride 1, then norm, then activation.

    Input float [N, in, H, W], output [N, out, ceil(H / stride), ceil(W / stride)].
    """

    def __init__(
        self,
        in_channels: int,
        out: int,
        norm: Norm,
        *,
        kernel: int | tuple[int, int] = 1,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        activation: str | None = None,
    ) -> None:
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (sides[0] // 2 * dilation, sides[1] // 2 * dilation)  # it follows the dilation
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, out, sides, stride, padding, dilation, groups, bias=False),
            norm(out),
        ]
        if activation is not None:
            layers.append(ACTIVATIONS[activation](inplace=True))
        super().__init__(*layers)


def depthwise(
    channels: int, norm: Norm, kernel: int, stride: int, activation: str | None, dilation: int = 1
) -> ConvNorm:
    """A `ConvNorm` with one filter a channel."""
    return ConvNorm(
        channels,
        channels,
        norm,
        kernel=kernel,
        stride=stride,
        dilation=dilation,
        groups=channels,
        activation=activation,
    )


def start_closed(branch: nn.Sequential, channels: int | None = None) -> None:
    """Zero the scale of a residual branch's last norm, so that its block starts as the shortcut alone.

    `channels`: only the first so many, where no shortcut reaches the others. A branch that ends activated stays
    as it is: behind a ReLU nothing would ever open. Goyal et al. 2017, section 5.1. Without it brief trainings
    of deep networks are erratic: results/reference/rank-fidelity has the figures.
    """
    last = [layer for layer in branch if isinstance(layer, ConvNorm)][-1]
    scale = getattr(last[1], "weight", None)
    if len(last) == 2 and scale is not None:
        nn.init.zeros_(scale.detach()[:channels])


class SqueezeExcite(nn.Module):
    """Channel attention: mean over the map, 1x1 to `squeeze`, activation, 1x1 back, gate, multiply.

    Input and output float [N, channels, H, W]. Hu et al. 2018, with MobileNetV3's hard sigmoid as gate
    by default (section 5.3); the activation is ReLU save in EfficientNet.
    """

    def __init__(self, channels: int, squeeze: int, gate: str = "hsig", activation: str = "RE") -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeeze, 1)
        self.activation = ACTIVATIONS[activation](inplace=True)
        self.expand = nn.Conv2d(squeeze, channels, 1)
        self.gate = GATES[gate]()

    def forward(self, x: Tensor) -> Tensor:
        """Scale each channel of [N, C, H, W] by its gate in [0, 1]."""
        pooled = x.mean((2, 3), keepdim=True)
        scale: Tensor = self.gate(self.expand(self.activation(self.reduce(pooled))))
        return x * scale
