"""The depthwise convolution, forward as torch does it, with gradients that come from our own library.

oneDNN's own gradients are slow to pathological for mobile networks: up to 50 times for 5x5 weights and up to
300 for bfloat16 at stride 2; for 3x3 at stride 1 they are good. So a training takes each of the two gradients,
the input's and the weights', from the library or from torch, as was measured. Where the library is missing
all come from torch.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from nas.kernels import library
from nas.kernels.choices import decide, ramp, speed_ratio
from nas.kernels.stand_in import StandIn, computed_in

_FASTER = 1.15  # a tie goes to torch, which gives both gradients at once
_IMAGES = 128  # in a measurement
_CHANNELS = {32: 24, 64: 56, 128: 104, 256: 216, 512: 408, 2**31: 824}
"""In a measurement, by the most that it stands for; half a vector over a whole number, which costs the library most."""
Each = tuple[bool, bool]  # of the two gradients: the input's and the weights'


def depthwise(x: Tensor, weight: Tensor, stride: int, own_x: bool = True, own_weight: bool = True) -> Tensor:
    """Depthwise convolution with padding kernel // 2.

    x float [N, C, H, W], weight [C, 1, K, K] in the type of x or wider, K odd; returns, in the type of x,
    [N, C, ceil(H / stride), ceil(W / stride)]. own_x, own_weight: which gradients the library computes, where it
    can; its gradient of the weights is summed in fp32. Each gradient is of the type of what it belongs to.
    """
    result: Tensor = _Depthwise.apply(x, weight, stride, (own_x, own_weight))
    return result


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, own: Each) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.own = stride, own
        return functional.conv2d(x, weight.to(x.dtype), None, stride, weight.shape[-1] // 2, 1, x.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        own = ctx.own if library.offered(x.dtype, weight.shape[-1], ctx.stride) else (False, False)
        dx, dw = gradients(gradient, x, weight, ctx.stride, ctx.needs_input_grad[:2], own)
        return dx, dw if dw is None else dw.to(weight.dtype), None, None


def gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: int, wanted: Each, own: Each
) -> tuple[Tensor | None, Tensor | None]:
    """The wanted gradients, each from the library if it is to be our own, from torch if not."""
    ours = wanted[0] and own[0], wanted[1] and own[1]
    theirs = wanted[0] and not own[0], wanted[1] and not own[1]
    dx = dw = other_dx = other_dw = None
    if any(ours):
        dx, dw = library.backward(gradient, x, weight, stride, ours)
    if any(theirs):
        other_dx, other_dw = torchs_gradients(gradient.to(x.dtype), x, weight.to(x.dtype), stride, theirs)
    return dx if ours[0] else other_dx, dw if ours[1] else other_dw


def torchs_gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: int, wanted: Each = (True, True)
) -> tuple[Tensor | None, Tensor | None]:
    """The same gradients from torch, all in one type."""
    half, channels = weight.shape[-1] // 2, x.shape[1]
    geometry = ([stride, stride], [half, half], [1, 1], False, [0, 0], channels)
    found = torch.ops.aten.convolution_backward(gradient, x, weight, None, *geometry, [*wanted, False])
    return found[0], found[1]


class DepthwiseConv2d(StandIn):
    """What a depthwise `nn.Conv2d` becomes for the time of a training: with our gradients where these are faster."""

    @staticmethod
    def suits(module: nn.Module) -> bool:
        """Whether a module is a convolution that `depthwise` can stand in for."""
        if type(module) is not nn.Conv2d or module.kernel_size[0] not in library.KERNELS:
            return False
        kernel, stride = module.kernel_size[0], module.stride[0]
        return (
            module.groups == module.in_channels == module.out_channels > 1
            and stride in library.STRIDES
            and module.kernel_size == (kernel, kernel)
            and module.stride == (stride, stride)
            and module.padding == (kernel // 2, kernel // 2)
            and module.dilation == (1, 1)
            and module.padding_mode == "zeros"
            and module.bias is None
        )

    def forward(self, x: Tensor) -> Tensor:
        """The convolution, its gradients by `depthwise` where any of them was chosen."""
        if not torch.is_grad_enabled() or x.device.type != "cpu":
            return super().forward(x)
        kernel, stride, side = self.kernel_size[0], self.stride[0], min(x.shape[2:])
        own = self.remembered(x, side, lambda dtype: chosen(dtype, kernel, stride, x.shape[1], side))
        if not any(own):
            return super().forward(x)
        result: Tensor = depthwise(x.to(computed_in(x)), self.weight, stride, *own)
        return result


def chosen(dtype: torch.dtype, kernel: int, stride: int, channels: int, side: int) -> Each:
    """Which gradients are to be the library's: those it can compute, and was faster at when this machine tried.

    One measurement stands for all shapes of a class (channels up to 32, 64 and so on; maps up to 2, 4, 8 and
    above), so that the answer does not depend on which network came first.
    """
    if not library.offered(dtype, kernel, stride):
        return False, False
    wide = next(tried for most, tried in _CHANNELS.items() if channels <= most)
    size = next((limit for limit in (2, 4, 8) if side <= limit), 16)
    kind = str(dtype).removeprefix("torch.")
    question = f"depthwise-{kind}-kernel{kernel}-stride{stride}-channels{wide}-map{size}"

    def faster(name: str, wanted: Each) -> bool:
        ratio = partial(_measure, dtype, kernel, stride, wide, size, wanted)
        return decide(f"{question}-{name}", ratio, at_least=_FASTER, otherwise=True)

    return faster("input", (True, False)), faster("weights", (False, True))


def _measure(dtype: torch.dtype, kernel: int, stride: int, channels: int, size: int, wanted: Each) -> float:
    """How many times as fast as torch's the library's gradients are; draws no random numbers."""
    x = ramp((_IMAGES, channels, size, size), dtype)
    weight = ramp((channels, 1, kernel, kernel), torch.float32)
    out = (size - 1) // stride + 1
    gradient = ramp((_IMAGES, channels, out, out), dtype)
    theirs = weight.to(dtype)
    with torch.no_grad():
        return speed_ratio(
            lambda: torchs_gradients(gradient, x, theirs, stride, wanted),
            lambda: library.backward(gradient, x, weight, stride, wanted),
        )
