"""MobileNeXt."""

from math import ceil

from blocks import Block, SandGlass, Stem, make_divisible
from search_spaces.arch import Arch
from search_spaces.zoo.lines import Line

# fmt: off
_TABLE = (
    Line(t=2, c=  96, n=1, s=2),
    Line(t=6, c= 144, n=1, s=1),
    Line(t=6, c= 192, n=3, s=2),
    Line(t=6, c= 288, n=3, s=2),
    Line(t=6, c= 384, n=4, s=1),
    Line(t=6, c= 576, n=4, s=2),
    Line(t=6, c= 960, n=3, s=1),  # two in many copies; the official code and its logged parameter count have three
    Line(t=6, c=1280, n=1, s=1),
)
# fmt: on


def mobilenext(width: float = 1.0, identity_div: int = 1) -> Arch:
    """MobileNeXt, Zhou et al. 2020, official code: 3,535,416 parameters at width 1 and 1000 classes.

    The last block keeps its 1280 below width 1. `identity_div` d lets the first d-th of the channels
    pass the shortcuts (2 is the repository's "half id").
    """
    blocks: list[Block] = []
    stem = channels = make_divisible(32 * width)
    for line in _TABLE:
        out = 1280 if line.c == 1280 and width < 1 else make_divisible(line.c * width)
        for stride in line.strides:
            blocks.append(_block(line, channels, out, stride, identity_div))
            channels = out
    return Arch(Stem(stem, activation="RE6"), tuple(blocks))


def _block(line: Line, channels: int, out: int, stride: int, identity_div: int) -> SandGlass:
    """A block by the code's special rules.

    The bottleneck is a t-th of the input, but never less than a sixth of the output, then rounded to 16. A
    block that changes the width lacks its first depthwise, and at stride 1 both; the first block (t = 2) and
    the only block of a stage of stride 1 have both.
    """
    inner = channels // line.t
    if inner < out / 6:
        inner = make_divisible(ceil(out / 6), 16)
    whole = line.t == 2 or (line.n == line.s == 1) or channels == out
    return SandGlass(
        out,
        inner=inner,
        stride=stride,
        activation="RE6",
        first_depthwise=whole,
        last_depthwise=whole or stride == 2,
        identity=identity_div if stride == 1 and channels == out else 1,
    )
