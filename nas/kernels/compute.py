"""How the arithmetic of a training is done, as one value, and the means it names.

None of it changes what is computed beyond rounding. `best` chooses for a device, on the CPU by measurement.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nas.kernels import library
from nas.kernels.choices import decide, speed_ratio
from nas.kernels.depthwise import DepthwiseConv2d
from nas.kernels.pointwise import PointwiseConv2d
from nas.kernels.stand_in import StandIn, standing_in

_WORTH_IT = 1.3  # how much faster a product in bfloat16 must be for a step in it to be faster
_SIDE = 192  # of the matrices: three of them stay in a second-level cache


@dataclass(frozen=True)
class Compute:
    """How to compute: everything on is the fastest, everything off is what torch does by itself.

    bf16: autocast to bfloat16. own_gradients: those of depthwise convolutions come from our library where it
    was not slower. products: pointwise convolutions on small maps are matrix products where these were faster.
    channels_last: memory format of network and images. folded: for evaluation, batch norm is
    folded into the convolutions. graphs: a step on CUDA is recorded once and replayed.
    """

    bf16: bool
    own_gradients: bool = True
    products: bool = True
    channels_last: bool = True
    folded: bool = True
    graphs: bool = True

    @property
    def memory_format(self) -> torch.memory_format:
        """Of the network and of the images."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def precision(self, device: torch.device) -> torch.autocast:
        """The context of a forward pass."""
        return torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.bf16)

    def training(self, model: nn.Module, device: torch.device) -> AbstractContextManager[None]:
        """The model as it is trained; undone afterwards."""
        kinds = {DepthwiseConv2d: self.own_gradients, PointwiseConv2d: self.products}
        wanted = [kind for kind, on in kinds.items() if on and device.type == "cpu"]
        return standing_in(model, *wanted)

    def evaluating(self, model: nn.Module) -> AbstractContextManager[None]:
        """The model, which must be in evaluation mode, as it is evaluated; undone afterwards."""
        return folded(model, torch.bfloat16 if self.bf16 else None) if self.folded else nullcontext()


def best(device: torch.device) -> Compute:
    """The fastest way on this device: on the CPU in bfloat16 where a step in it was faster than in fp32."""
    return Compute(bf16=device.type == "cuda" or (device.type == "cpu" and bf16_is_fast()))


def bf16_is_fast() -> bool:
    """Whether this processor multiplies matrices of bfloat16 much faster than of fp32.

    A whole training step gains a tenth to a third where it does. The product is asked all the same: it tells
    processors apart beyond doubt (3 times as fast, or far slower), where a measured step gave now one answer
    and now the other while other processes were busy.
    """
    if library.load() is None:  # torch's gradients of depthwise convolutions are slow in bfloat16 everywhere
        return False
    return decide("bfloat16-product", _measure_product, at_least=_WORTH_IT, otherwise=False)


def _measure_product() -> float:
    """How many times as fast the product is in bfloat16; draws no random numbers."""
    whole = torch.linspace(-1, 1, _SIDE * _SIDE).view(_SIDE, _SIDE)
    short = whole.bfloat16()
    return speed_ratio(lambda: [whole @ whole for _ in range(4)], lambda: [short @ short for _ in range(4)])


@contextmanager
def folded(model: nn.Module, dtype: torch.dtype | None = None) -> Iterator[None]:
    """Put each batch norm that follows a convolution into the latter's weights; for evaluation only.

    Only within `nn.Sequential`, where what follows what is certain. dtype: of the folded weights, their own
    if None. The model's own modules are put back afterwards, untouched.
    """
    replaced: list[tuple[nn.Sequential, int, nn.Module]] = []
    try:
        for owner in [module for module in model.modules() if isinstance(module, nn.Sequential)]:
            for at, (conv, norm) in enumerate(pairwise(list(owner))):
                # No other subclasses, which may do anything, and no hooks, which would not be called.
                if not (type(conv) is nn.Conv2d or isinstance(conv, StandIn)) or _hooked(conv, norm):
                    continue
                if type(norm) is not nn.BatchNorm2d or norm.training or norm.running_mean is None:
                    continue
                replaced += [(owner, at, conv), (owner, at + 1, norm)]
                with torch.no_grad():
                    owner[at] = fuse_conv_bn_eval(conv, norm).to(dtype=dtype)
                owner[at + 1] = nn.Identity()
        yield
    finally:
        for owner, at, module in replaced:
            owner[at] = module


def _hooked(*modules: nn.Module) -> bool:
    return any(module._forward_hooks or module._forward_pre_hooks for module in modules)
