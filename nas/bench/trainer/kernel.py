"""`python -m nas.bench kernel`: our depthwise gradients against torch's (oneDNN's), shape by shape.

On one thread, by processor time, in turn, as the choices of a training are made; and how far each is from
float64.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import pandas as pd
import torch
import typer
from torch import Tensor
from torch.nn import functional
from typer import Option

from nas.bench.output import write_table
from nas.common.errors import UserError
from nas.console.text_table import aligned
from nas.kernels import library
from nas.kernels.choices import seconds_in_turn
from nas.kernels.depthwise import Each, chosen, gradients, torchs_gradients

BATCH = 128
SHAPES = [
    (channels, side, kernel, stride)
    for channels, side in ((16, 16), (72, 16), (96, 8), (240, 8), (288, 8), (384, 4), (576, 2))
    for kernel in library.KERNELS
    for stride in library.STRIDES
    if side > 2 or stride == 1
]
EACH: dict[str, Each] = {"input": (True, False), "weights": (False, True)}
BOTH = (True, True)


@dataclass(frozen=True)
class GradientTiming:
    """Milliseconds of a batch's gradients, how many times as fast ours is, relative error against float64.

    gradient: "input" or "weights" alone, by the library; "as chosen" both, each by the library or by torch, as a
    training does it. chosen: whether a training takes the library's (any of them) for this class of shapes.
    """

    dtype: str
    channels: int
    side: int
    kernel: int
    stride: int
    gradient: str
    torch_ms: float
    ours_ms: float
    ratio: float
    error: float
    chosen: bool


def compare(
    dtype: torch.dtype, channels: int, side: int, kernel: int, stride: int
) -> Iterator[GradientTiming]:
    """The comparisons of one convolution: of each gradient alone, and of both where a training takes any of ours."""
    chance = torch.Generator().manual_seed(0)
    out = (side - 1) // stride + 1

    def draw(*shape: int) -> Tensor:
        values = torch.randn(shape, generator=chance).to(dtype)
        return values.contiguous(memory_format=torch.channels_last)

    x, gradient = draw(BATCH, channels, side, side), draw(BATCH, channels, out, out)
    weight = torch.randn(channels, 1, kernel, kernel, generator=chance)
    short = weight.to(dtype)
    error = _error(gradient, x, weight, stride)
    own = chosen(dtype, kernel, stride, channels, side)
    todo = [(name, wanted, BOTH, own[side]) for side, (name, wanted) in enumerate(EACH.items())]
    for name, wanted, by_us, taken in [*todo, *([("as chosen", BOTH, own, True)] if any(own) else [])]:
        theirs = partial(torchs_gradients, gradient, x, short, stride, wanted)
        ours = partial(gradients, gradient, x, weight, stride, wanted, by_us)
        with torch.no_grad():
            slow, fast = seconds_in_turn(theirs, ours, until_clear=False)
        about = (str(dtype).removeprefix("torch."), channels, side, kernel, stride, name)
        yield GradientTiming(*about, 1e3 * slow, 1e3 * fast, slow / fast, error, taken)


def _error(gradient: Tensor, x: Tensor, weight: Tensor, stride: int) -> float:
    """The larger relative error of the two gradients against torch's in float64."""
    found = library.backward(gradient, x, weight, stride)
    exact, whole = x.double().requires_grad_(), weight.double().requires_grad_()
    y = functional.conv2d(exact, whole, None, stride, weight.shape[-1] // 2, 1, x.shape[1])
    right = torch.autograd.grad(y, (exact, whole), gradient.double())
    pairs = [(ours, exactly) for ours, exactly in zip(found, right, strict=True) if ours is not None]
    return max(float((ours.double() - exactly).norm() / exactly.norm()) for ours, exactly in pairs)


def main(
    out: Annotated[Path | None, Option(help="Folder for kernel.csv.")] = None,
    kernel: Annotated[int | None, Option(help="Only 3, 5 or 7.")] = None,
) -> None:
    """Time our depthwise gradients against torch's."""
    if library.load() is None:
        raise UserError("the depthwise library was not built: install again with a C compiler present")
    if kernel not in (None, *library.KERNELS):
        raise UserError(f"--kernel {kernel}: expected one of {', '.join(map(str, library.KERNELS))}")
    shapes = [shape for shape in SHAPES if kernel in (None, shape[2])]
    found = [line for dtype in library.DTYPES for shape in shapes for line in compare(dtype, *shape)]
    rows = []
    for line in found:
        shape = f"{line.kernel}x{line.kernel} stride {line.stride} c{line.channels} {line.side}x{line.side}"
        figures = [f"{value:.2f}" for value in (line.torch_ms, line.ours_ms, line.ratio)]
        chosen_is = "ours" if line.chosen else "torch's"
        rows.append([shape, line.dtype, line.gradient, *figures, f"{line.error:.1e}", chosen_is])
    head = ["convolution", "type", "gradient", "torch ms", "ours ms", "times", "error", "chosen"]
    typer.echo(aligned(head, rows, left=head[:3]))
    taken = [line for line in found if line.chosen]
    if taken:
        least = min(taken, key=lambda line: line.ratio)
        typer.echo(f"where ours is taken it is {least.ratio:.2f} times as fast at the least")
    write_table(pd.DataFrame(found), out, "kernel.csv", digits=4)
