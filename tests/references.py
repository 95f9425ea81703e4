"""The networks once more, written from their papers as plain functions, for the modules to be compared with.

Nothing of the project's modules is called. A reference takes a module's numbers in their order and insists
on the shape that the paper gives to each; strides, groups, shuffles, activations and shortcuts are its own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from blocks import (
    Blaze,
    Block,
    Bottleneck,
    GroupShuffle,
    Head,
    Inception,
    InvertedResidual,
    SandGlass,
    Separable,
    SplitShuffle,
    Stem,
    Xception,
)
from search_spaces.arch import Arch

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "RE": lambda x: x.clamp(min=0),
    "RE6": lambda x: x.clamp(0, 6),
    "HS": lambda x: x * (x + 3).clamp(0, 6) / 6,
    "SI": lambda x: x / (1 + (-x).exp()),
    "HSopen": lambda x: x * (x + 3).clamp(min=0) / 6,
}
GATES: dict[str, Callable[[Tensor], Tensor]] = {
    "hsig": lambda x: (x + 3).clamp(0, 6) / 6,
    "sig": lambda x: 1 / (1 + (-x).exp()),
    "hsigopen": lambda x: (x + 3).clamp(min=0) / 6,
}


def rounded(width: float) -> int:
    """The multiple of 8 nearest to the width, of those from 8 that keep nine tenths of it."""
    candidates = [m for m in range(8, int(width) + 24, 8) if m >= 0.9 * width]
    return min(candidates, key=lambda m: (abs(m - width), -m))


def shuffled(x: Tensor, groups: int) -> Tensor:
    """ShuffleNet, section 3.1: channels of shape (g, n), transposed to (n, g), flattened."""
    n = x.shape[1] // groups
    return x[:, [i * n + j for j in range(n) for i in range(groups)]]


class Numbers:
    """The parameters and statistics of a module in the order of its layers, each taken once."""

    def __init__(self, module: nn.Module) -> None:
        kinds = (nn.Conv2d, nn.BatchNorm2d, nn.Linear)
        self._layers: Iterator[nn.Module] = iter([m for m in module.modules() if isinstance(m, kinds)])

    def conv(
        self,
        x: Tensor,
        out: int,
        kernel: int | tuple[int, int] = 1,
        stride: int = 1,
        groups: int = 1,
        dilation: int = 1,
        *,
        bias: bool = False,
    ) -> Tensor:
        layer = next(self._layers)
        high, wide = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        assert isinstance(layer, nn.Conv2d)
        assert tuple(layer.weight.shape) == (out, x.shape[1] // groups, high, wide)
        assert (layer.bias is not None) == bias
        beside, above = wide // 2 * dilation, high // 2 * dilation
        x = F.pad(x, (beside, beside, above, above))
        return F.conv2d(x, layer.weight, layer.bias, stride, 0, dilation, groups)

    def conv_norm(
        self,
        x: Tensor,
        out: int,
        kernel: int | tuple[int, int] = 1,
        stride: int = 1,
        groups: int = 1,
        activation: str = "",
        dilation: int = 1,
    ) -> Tensor:
        x = self.conv(x, out, kernel, stride, groups, dilation)
        norm = next(self._layers)
        assert isinstance(norm, nn.BatchNorm2d) and norm.num_features == out
        mean, var = norm.running_mean, norm.running_var
        if norm.training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
        assert mean is not None and var is not None
        scale = norm.weight / (var + norm.eps).sqrt()
        x = (x - mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]
        return ACTIVATIONS[activation](x) if activation else x

    def depthwise(
        self, x: Tensor, kernel: int, stride: int = 1, activation: str = "", dilation: int = 1
    ) -> Tensor:
        return self.conv_norm(x, x.shape[1], kernel, stride, x.shape[1], activation, dilation)

    def squeeze_excite(self, x: Tensor, gate: str, squeeze: int = 0, activation: str = "RE") -> Tensor:
        channels = x.shape[1]
        pooled = x.mean((2, 3), keepdim=True)
        squeezed = self.conv(pooled, squeeze or rounded(channels / 4), bias=True)
        squeezed = ACTIVATIONS[activation](squeezed)
        return x * GATES[gate](self.conv(squeezed, channels, bias=True))

    def linear(self, x: Tensor, out: int) -> Tensor:
        layer = next(self._layers)
        assert isinstance(layer, nn.Linear) and layer.weight.shape == (out, x.shape[1])
        return x @ layer.weight.T + layer.bias

    def end(self) -> None:
        assert next(self._layers, None) is None, "layers that the paper does not have"


def inverted_residual(block: InvertedResidual, x: Tensor, numbers: Numbers) -> Tensor:
    """MobileNetV2 figure 3b and 4d, MobileNetV3 figure 4."""
    channels = x.shape[1]
    inner = block.inner or (channels if block.expansion == 1 else rounded(channels * block.expansion))
    y, groups = x, 1
    if inner != channels:
        groups = block.groups
        y = numbers.conv_norm(y, inner, groups=groups, activation=block.activation)
        if block.shuffle:
            y = shuffled(y, groups)
    y = numbers.depthwise(y, block.kernel, block.stride, block.activation)
    if block.squeeze_excite:
        y = numbers.squeeze_excite(y, block.gate, block.squeeze, block.squeeze_activation)
    last = block.activation if block.activated_bottleneck else ""
    y = numbers.conv_norm(y, block.out, groups=groups, activation=last)
    return x + y if block.shortcut and block.stride == 1 and channels == block.out else y


def sandglass(block: SandGlass, x: Tensor, numbers: Numbers) -> Tensor:
    """MobileNeXt figure 3c; which layers are linear from its section 3.2."""
    channels = x.shape[1]
    inner = block.inner or rounded(block.out / block.expansion)
    y = x
    if block.first_depthwise:
        y = numbers.depthwise(y, block.kernel, block.stride if block.stride_first else 1, block.activation)
        if block.squeeze_excite:
            y = numbers.squeeze_excite(y, block.gate)
    narrow = block.activation if block.activated_bottleneck else ""
    y = numbers.conv_norm(y, inner, groups=block.groups, activation=narrow)
    if block.shuffle:
        y = shuffled(y, block.groups)
    y = numbers.conv_norm(y, block.out, groups=block.groups, activation=block.activation)
    if block.last_depthwise:
        y = numbers.depthwise(y, block.kernel, 1 if block.stride_first else block.stride)
    if block.shortcut and block.stride == 1 and channels == block.out:
        passes = torch.arange(channels) < channels // block.identity
        y = y + x * passes[:, None, None]
    return y


def group_shuffle(block: GroupShuffle, x: Tensor, numbers: Numbers) -> Tensor:
    """ShuffleNet figure 2b and 2c."""
    channels, activate = x.shape[1], ACTIVATIONS[block.activation]
    y = numbers.conv_norm(
        x,
        block.inner or block.out // 4,
        groups=1 if block.dense_first else block.groups,
        activation=block.activation,
    )
    if block.shuffle:
        y = shuffled(y, block.groups)
    y = numbers.depthwise(
        y, block.kernel, block.stride, block.activation if block.relu_after_depthwise else ""
    )
    if channels == block.out:
        return activate(x + numbers.conv_norm(y, block.out, groups=block.groups))
    pooled = F.avg_pool2d(x, 3, block.stride, 1)
    return activate(torch.cat((pooled, numbers.conv_norm(y, block.out - channels, groups=block.groups)), 1))


def split_shuffle(block: SplitShuffle, x: Tensor, numbers: Numbers) -> Tensor:
    """ShuffleNetV2 figure 3c and 3d; without `figure` as the official code shuffles: at a unit's start."""
    channels, half, act = x.shape[1], block.out // 2, block.activation
    if block.stride == 1 and channels == block.out:
        x = x if block.figure else shuffled(x, half)  # even channels, then odd ones
        left, right = x[:, :half], x[:, half:]
    else:
        left = numbers.depthwise(x, block.kernel, block.stride)
        left = numbers.conv_norm(left, half if block.figure else channels, activation=act)
        right = x
    right = numbers.conv_norm(right, half, activation=act)
    right = numbers.depthwise(right, block.kernel, block.stride)
    right = numbers.conv_norm(right, block.out - left.shape[1], activation=act)
    y = torch.cat((left, right), 1)
    return shuffled(y, 2) if block.figure else y


def separable(block: Separable, x: Tensor, numbers: Numbers) -> Tensor:
    """MobileNetV1 figure 3, right."""
    y = numbers.depthwise(x, block.kernel, block.stride, block.activation, block.dilation)
    return numbers.conv_norm(y, block.out, activation=block.activation)


def bottleneck(block: Bottleneck, x: Tensor, numbers: Numbers) -> Tensor:
    """ResNet figure 5, right; the stride as section 3.4 and table 1's caption, or on the 3x3."""
    channels, act, inner = x.shape[1], block.activation, block.inner or block.out // 4
    strides = (block.stride, 1) if block.stride_first else (1, block.stride)
    y = numbers.conv_norm(x, inner, 1, strides[0], activation=act)
    y = numbers.conv_norm(y, inner, block.kernel, strides[1], activation=act)
    y = numbers.conv_norm(y, block.out)
    if block.stride != 1 or channels != block.out:
        x = numbers.conv_norm(x, block.out, stride=block.stride)
    return ACTIVATIONS[act](x + y)


def inception(block: Inception, x: Tensor, numbers: Numbers) -> Tensor:
    """GoogLeNet figure 2b; the second version's figures 5 and 6."""
    if block.stride > 1:
        x = F.max_pool2d(x, 3, block.stride, 1)
    act, k, out = block.activation, block.kernel, block.out

    def chain(y: Tensor, *steps: tuple[int, int | tuple[int, int]]) -> Tensor:
        for width, kernel in steps:
            y = numbers.conv_norm(y, width, kernel, activation=act)
        return y

    one, three, wide = block.one or out // 4, block.three or out // 2, block.wide or out // 8
    narrow, narrower = block.reduce_three or out * 3 // 8, block.reduce_wide or max(1, out // 16)
    branches = [chain(x, (one, 1))]
    if block.form == "v1":
        branches += [chain(x, (narrow, 1), (three, 3)), chain(x, (narrower, 1), (wide, k))]
    elif block.form == "pair":
        branches += [chain(x, (narrow, 1), (three, 3)), chain(x, (narrower, 1), (wide, 3), (wide, 3))]
    else:
        branches.append(chain(x, (narrow, 1), (narrow, (1, k)), (three, (k, 1))))
        turns = [(narrower, (k, 1)), (narrower, (1, k)), (narrower, (k, 1))]
        branches.append(chain(x, (narrower, 1), *turns, (wide, (1, k))))
    pool = F.max_pool2d if block.form == "v1" else F.avg_pool2d
    branches.append(chain(pool(x, 3, 1, 1), (out - one - three - wide, 1)))
    return torch.cat(branches, 1)


def xception(block: Xception, x: Tensor, numbers: Numbers) -> Tensor:
    """Xception figure 5."""
    channels, y = x.shape[1], x
    for index in range(block.depth):
        if index or block.first_activation:
            y = ACTIVATIONS[block.activation](y)
        wide = not block.grow_last or index == block.depth - 1
        y = numbers.conv(y, y.shape[1], block.kernel, groups=y.shape[1])
        y = numbers.conv_norm(y, block.out if wide else channels)
    if block.stride > 1:
        y = F.max_pool2d(y, 3, block.stride, 1)
    if block.stride > 1 or channels != block.out:
        x = numbers.conv_norm(x, block.out, stride=block.stride)
    return x + y


def blaze(block: Blaze, x: Tensor, numbers: Numbers) -> Tensor:
    """BlazeFace figure 1."""
    act = block.activation
    y = numbers.depthwise(x, block.kernel, block.stride)
    if block.inner:
        y = numbers.conv_norm(y, block.inner, activation=act)
        y = numbers.depthwise(y, block.kernel)
    y = numbers.conv_norm(y, block.out)
    if block.conv_shortcut:
        x = numbers.conv_norm(x, block.out, stride=block.stride)
    elif block.stride == 2:
        x = F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2), value=-1e9)
        x = F.max_pool2d(x, 2)
    shortcut = torch.zeros_like(y)
    shortcut[:, : x.shape[1]] = x
    return ACTIVATIONS[act](shortcut + y)


def block_output(block: Block, x: Tensor, numbers: Numbers) -> Tensor:
    """The reference of a primitive of ours."""
    made: Tensor = {
        InvertedResidual: inverted_residual,
        SandGlass: sandglass,
        GroupShuffle: group_shuffle,
        SplitShuffle: split_shuffle,
        Separable: separable,
        Bottleneck: bottleneck,
        Inception: inception,
        Xception: xception,
        Blaze: blaze,
    }[type(block)](block, x, numbers)  # type: ignore[operator]
    return made


def stem_output(stem: Stem, x: Tensor, numbers: Numbers) -> Tensor:
    y = numbers.conv_norm(x, stem.out, stem.kernel, stem.stride, 1, stem.activation)
    return F.max_pool2d(y, 3, 2, 1) if stem.pool else y


def head_output(head: Head, x: Tensor, numbers: Numbers, num_classes: int) -> Tensor:
    """MobileNetV3 figure 5: convolution, pooling, then what was a 1x1 convolution on one pixel."""
    if head.conv:
        x = numbers.conv_norm(x, head.conv, activation=head.activation)
    x = x.mean((2, 3))
    if head.features:
        x = ACTIVATIONS[head.activation](numbers.linear(x, head.features))
    return numbers.linear(x, num_classes)


def network_output(arch: Arch, module: nn.Module, x: Tensor, num_classes: int) -> Tensor:
    """Logits of an arch with the numbers of `module`, strides as the arch has them."""
    numbers = Numbers(module)
    x = stem_output(arch.stem, x, numbers)
    for block in arch.blocks:
        x = block_output(block, x, numbers)
    x = head_output(arch.head, x, numbers, num_classes)
    numbers.end()
    return x


@dataclass(frozen=True)
class Step:
    """One layer's execution: its kind and what it took and gave."""

    kind: str
    taken: Tensor
    given: Tensor


def steps(module: nn.Module, x: Tensor) -> list[Step]:
    """The layers of a module, in eval mode, in the order of their execution."""
    result: list[Step] = []

    def hook(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        result.append(Step(type(layer).__name__, before.pop(), output.clone()))

    def pre_hook(layer: nn.Module, inputs: tuple[Tensor]) -> None:
        before.append(inputs[0].clone())  # an activation may work in place

    before: list[Tensor] = []
    for layer in module.modules():
        if not isinstance(layer, nn.Sequential) and not list(layer.children()):
            layer.register_forward_pre_hook(pre_hook)
            layer.register_forward_hook(hook)
    with torch.no_grad():
        module.eval()(x)
    return result


def randomise(module: nn.Module, seed: int = 0, spread: float = 1.0) -> nn.Module:
    """Random weights, batch-norm parameters and statistics, in double precision and eval mode.

    Outputs of each layer are of the order of `spread`, so that 2 reaches the kinks at 3 and 6.
    """
    draw = torch.Generator().manual_seed(seed)

    def normal(shape: torch.Size, scale: float) -> Tensor:
        return torch.randn(shape, generator=draw, dtype=torch.float64) * scale

    module.double().eval()
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.BatchNorm2d):
                assert layer.running_mean is not None and layer.running_var is not None
                layer.weight.copy_(spread * (1 + normal(layer.weight.shape, 0.3)))
                layer.bias.copy_(normal(layer.bias.shape, spread))
                layer.running_mean.copy_(normal(layer.bias.shape, 0.3))
                layer.running_var.copy_(normal(layer.bias.shape, 0.3).exp())
            elif isinstance(layer, (nn.Conv2d, nn.Linear)):
                fan_in = layer.weight[0].numel()
                layer.weight.copy_(normal(layer.weight.shape, fan_in**-0.5))
                if layer.bias is not None:
                    layer.bias.copy_(normal(layer.bias.shape, spread))
    return module
