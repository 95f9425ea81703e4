"""Pointwise convolutions on small maps as the matrix products that they are.

A 1x1 convolution of [N, C, H, W] in channels-last memory is the product of [N * H * W, C] with its weights. On maps
of 2x2 and 4x4, where mobile networks spend most of their layers at 32x32, oneDNN's convolution takes up to 1.6 times
as long as its product, because it prepares each call anew; on large maps the product's gradient is the slower one.
So a training takes the product on the sizes of map where this machine was faster with it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.kernels.choices import decide, ramp, speed_ratio
from nas.kernels.stand_in import StandIn

_FASTER = 1.05
_IMAGES = 128  # in a measurement
_WIDTHS = {2: (96, 384), 4: (48, 192), 8: (24, 96)}  # narrow and wide, by the largest map they stand for


class PointwiseConv2d(StandIn):
    """What a pointwise `nn.Conv2d` becomes for the time of a training: a product where that is faster."""

    @staticmethod
    def suits(module: nn.Module) -> bool:
        """Whether a module is a convolution that is one product."""
        return (
            type(module) is nn.Conv2d
            and module.kernel_size == module.stride == (1, 1)
            and module.groups == 1
            and module.in_channels > 1  # with one, whose layout is both, the results' would differ
            and module.padding in ((0, 0), "valid")
            and module.bias is None
        )

    def forward(self, x: Tensor) -> Tensor:
        """The convolution [N, in, H, W] -> [N, out, H, W], as a product where that was faster."""
        dense = x.is_contiguous(memory_format=torch.channels_last)
        if not dense or not torch.is_grad_enabled() or x.device.type != "cpu":
            return super().forward(x)
        side = max(x.shape[2:])
        taken = self.remembered(x, side, lambda dtype: faster(dtype, side))
        return product(x, self.weight) if taken else super().forward(x)


def product(x: Tensor, weight: Tensor) -> Tensor:
    """The convolution of x [N, in, H, W] with weight [out, in, 1, 1], in channels-last memory."""
    return functional.linear(x.permute(0, 2, 3, 1), weight.flatten(1)).permute(0, 3, 1, 2)


def faster(dtype: torch.dtype, side: int) -> bool:
    """Whether the product was faster when this machine tried: one measurement for maps up to 2, 4 and 8 each."""
    size = next((limit for limit in _WIDTHS if side <= limit), None)
    if size is None or not dtype.is_floating_point:
        return False
    question = f"pointwise-{str(dtype).removeprefix('torch.')}-map{size}"
    return decide(question, lambda: _measure(dtype, size), at_least=_FASTER, otherwise=False)


def _measure(dtype: torch.dtype, size: int) -> float:
    """How many times as fast the products of an expansion and a projection are, with their gradients."""
    narrow, wide = _WIDTHS[size]
    sides = [(narrow, wide), (wide, narrow)]
    inputs = [ramp((_IMAGES, before, size, size), dtype).requires_grad_() for before, _ in sides]
    weights = [ramp((after, before, 1, 1), dtype).requires_grad_() for before, after in sides]
    outward = [ramp((_IMAGES, after, size, size), dtype) for _, after in sides]

    def work(by_product: bool) -> None:
        for x, weight, gradient in zip(inputs, weights, outward, strict=True):
            y = product(x, weight) if by_product else functional.conv2d(x, weight)
            torch.autograd.grad(y, (x, weight), gradient)

    with torch.enable_grad(), torch.autocast("cpu", enabled=False):
        return speed_ratio(lambda: work(False), lambda: work(True))
