"""MobileNeXt."""

from math import ceil

from blocks import Block, SandGlass, Stem, make_divisible
from search_spaces.arch import Arch

_TABLE = (
    # reduction t, out, repeats, stride
    (2, 96, 1, 2),
    (6, 144, 1, 1),
    (6, 192, 3, 2),
    (6, 288, 3, 2),
    (6, 384, 4, 1),
    (6, 576, 4, 2),
    (6, 960, 3, 1),  # two in many copies; the official code and its logged parameter count have three
    (6, 1280, 1, 1),
)


def mobilenext(width: float = 1.0, identity_div: int = 1) -> Arch:
    """MobileNeXt, Zhou et al. 2020, official code: 3,535,416 parameters at width 1 and 1000 classes.

    The last block keeps its 1280 below width 1. `identity_div` d lets the first d-th of the channels
    pass the shortcuts (2 is the repository's "half id").
    """
    blocks: list[Block] = []
    stem = channels = make_divisible(32 * width)
    for t, c, repeats, stride in _TABLE:
        out = 1280 if c == 1280 and width < 1 else make_divisible(c * width)
        for index in range(repeats):
            keep = repeats == 1 and stride == 1
            blocks.append(_block(t, channels, out, stride if index == 0 else 1, keep, identity_div))
            channels = out
    return Arch(Stem(stem, activation="RE6"), tuple(blocks))


def _block(t: int, channels: int, out: int, stride: int, keep: bool, identity_div: int) -> SandGlass:
    """A block by the code's special rules.

    The bottleneck is a t-th of the input, but never less than a sixth of the output, then rounded to 16. A
    block that changes the width lacks its first depthwise, and at stride 1 both; the first block (t = 2) and
    the only block of a stage of stride 1 (`keep`) have both.
    """
    inner = channels // t
    if inner < out / 6:
        inner = make_divisible(ceil(out / 6), 16)
    whole = t == 2 or keep or channels == out
    return SandGlass(
        out,
        inner=inner,
        stride=stride,
        activation="RE6",
        first_depthwise=whole,
        last_depthwise=whole or stride == 2,
        identity=identity_div if stride == 1 and channels == out else 1,
    )
