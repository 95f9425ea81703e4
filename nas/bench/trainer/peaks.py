"""What the machine could do at most: products of large matrices, on as many threads as a training has."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

_SIDE = 1024  # three matrices of fp32 are 12 MB: beyond this the rate hardly rises


def product_rate(bf16: bool, seconds: float, ready: Callable[[], None]) -> float:
    """Floating-point operations a second of one thread in matrix products; a multiply-add is two of them.

    The best of the products made in so many seconds: a peak is what nothing disturbed.
    """
    torch.set_num_threads(1)
    matrix = (
        torch.linspace(-1, 1, _SIDE * _SIDE).view(_SIDE, _SIDE).to(torch.bfloat16 if bf16 else torch.float32)
    )
    out = matrix @ matrix
    ready()
    best, began = float("inf"), time.perf_counter()
    while time.perf_counter() - began < seconds:
        start = time.perf_counter()
        torch.mm(matrix, matrix, out=out)
        best = min(best, time.perf_counter() - start)
    return 2 * _SIDE**3 / best
