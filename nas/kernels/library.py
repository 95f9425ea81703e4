"""The compiled library of depthwise gradients, where the installation could build it.

It is plain C behind ctypes: no headers of torch, no Python API, so that one build serves every version of
both. Nothing here decides whether it should be used; see `nas.kernels.depthwise`.
"""

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nas.common.machine import cores

SETS = {4: "AVX-512", 2: "AVX2", 1: "plain"}  # by the library's number, the fastest first
VERSION = 1  # of the library's source
KERNELS, STRIDES = (3, 5, 7), (1, 2)
DTYPES = (torch.float32, torch.bfloat16)
_BLOCK = 16  # channels: the widest vector, and a cache line of fp32
_WORTH_A_THREAD = 2**18  # multiply-adds


@cache
def load() -> ctypes.CDLL | None:
    """The library, or None where it was not built, cannot be loaded or is of another version."""
    for suffix in EXTENSION_SUFFIXES:
        path = Path(__file__).with_name(f"_depthwise{suffix}")
        if path.exists():
            with suppress(OSError, AttributeError):
                library = ctypes.CDLL(str(path))
                pointers, numbers = [ctypes.c_void_p] * 5, [ctypes.c_int64] * 6
                library.nas_depthwise_backward.argtypes = [*pointers, *numbers, *[ctypes.c_int] * 4]
                return library if library.nas_version() == VERSION else None
    return None


def instruction_sets() -> tuple[int, ...]:
    """What the library offers on this processor, the fastest first; empty without the library."""
    library = load()
    present = library.nas_instruction_sets() if library is not None else 0
    return tuple(number for number in SETS if number & present)


def offered(dtype: torch.dtype, kernel: int, stride: int) -> bool:
    """Whether the library can compute the gradients of such a convolution here."""
    return dtype in DTYPES and kernel in KERNELS and stride in STRIDES and load() is not None


def backward(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    stride: int,
    wanted: tuple[bool, bool] = (True, True),
    instruction_set: int | None = None,
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of a depthwise convolution with padding kernel // 2: of x like x, of weight in fp32.

    x [N, C, H, W] and gradient [N, C, ceil(H / stride), ceil(W / stride)] in fp32 or both in bfloat16, weight
    [C, 1, K, K]; sums are fp32. The same bits whatever the number of threads. `offered` must hold.
    """
    layout = torch.channels_last
    x, gradient = x.contiguous(memory_format=layout), gradient.to(x.dtype).contiguous(memory_format=layout)
    weight = weight.detach().to(torch.float32).contiguous()
    dx = torch.empty_like(x, memory_format=layout) if wanted[0] else None
    dw = torch.empty_like(weight) if wanted[1] else None
    images, channels, height, width = x.shape
    if x.numel() == 0:
        return dx, dw if dw is None else dw.zero_()
    out = (*((side - 1) // stride + 1 for side in (height, width)),)
    if gradient.shape != (images, channels, *out) or weight.shape[:2] != (channels, 1):
        raise ValueError(f"no such convolution: {x.shape}, {weight.shape}, {gradient.shape}, stride {stride}")
    library = load()
    assert library is not None, "`offered` was not asked"
    chosen = instruction_sets()[0] if instruction_set is None else instruction_set
    pointers = tuple(None if t is None else t.data_ptr() for t in (x, gradient, weight, dx, dw))
    options = (weight.shape[-1], stride, int(x.dtype == torch.bfloat16), chosen)

    def work(begin: int, end: int) -> Any:
        return library.nas_depthwise_backward(*pointers, *x.shape, begin, end, *options)

    ranges = _ranges(channels, gradient.numel() * weight[0].numel())
    if len(ranges) == 1:
        codes = [work(*ranges[0])]
    else:
        codes = list(_pool(os.getpid()).map(work, *zip(*ranges, strict=True)))
    if any(codes):
        raise MemoryError("depthwise gradient: no memory") if 2 in codes else ValueError("not offered")
    return dx, dw


def _ranges(channels: int, multiply_adds: int) -> list[tuple[int, int]]:
    """Whole blocks of channels for as many threads as torch may use and the work is worth."""
    blocks = -(-channels // _BLOCK)
    parts = max(1, min(torch.get_num_threads(), blocks, multiply_adds // _WORTH_A_THREAD))
    edges = [min(channels, blocks * part // parts * _BLOCK) for part in range(parts + 1)]
    return list(pairwise(edges))


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Threads for the calls, which let go of Python's lock; a forked process needs threads of its own."""
    return ThreadPoolExecutor(cores(), thread_name_prefix="nas-depthwise")
