"""MobileNetV1, V2 and V3."""

from blocks import Block, Head, InvertedResidual, Separable, Stem, make_divisible
from search_spaces.arch import Arch
from search_spaces.zoo.lines import Line

# fmt: off
_V1 = (
    Line(c=  64, n=1, s=1),
    Line(c= 128, n=1, s=2),
    Line(c= 128, n=1, s=1),
    Line(c= 256, n=1, s=2),
    Line(c= 256, n=1, s=1),
    Line(c= 512, n=1, s=2),
    Line(c= 512, n=5, s=1),
    Line(c=1024, n=1, s=2),
    Line(c=1024, n=1, s=1),
)
_V2 = (
    Line(t=1, c= 16, n=1, s=1),
    Line(t=6, c= 24, n=2, s=2),
    Line(t=6, c= 32, n=3, s=2),
    Line(t=6, c= 64, n=4, s=2),
    Line(t=6, c= 96, n=3, s=1),
    Line(t=6, c=160, n=3, s=2),
    Line(t=6, c=320, n=1, s=1),
)
_V3_LARGE = (
    Line(k=3, exp= 16, c= 16, se=False, nl="RE", s=1),
    Line(k=3, exp= 64, c= 24, se=False, nl="RE", s=2),
    Line(k=3, exp= 72, c= 24, se=False, nl="RE", s=1),
    Line(k=5, exp= 72, c= 40, se=True,  nl="RE", s=2),
    Line(k=5, exp=120, c= 40, se=True,  nl="RE", s=1),
    Line(k=5, exp=120, c= 40, se=True,  nl="RE", s=1),
    Line(k=3, exp=240, c= 80, se=False, nl="HS", s=2),
    Line(k=3, exp=200, c= 80, se=False, nl="HS", s=1),
    Line(k=3, exp=184, c= 80, se=False, nl="HS", s=1),
    Line(k=3, exp=184, c= 80, se=False, nl="HS", s=1),
    Line(k=3, exp=480, c=112, se=True,  nl="HS", s=1),
    Line(k=3, exp=672, c=112, se=True,  nl="HS", s=1),
    Line(k=5, exp=672, c=160, se=True,  nl="HS", s=2),
    Line(k=5, exp=960, c=160, se=True,  nl="HS", s=1),
    Line(k=5, exp=960, c=160, se=True,  nl="HS", s=1),
)
_V3_SMALL = (
    Line(k=3, exp= 16, c= 16, se=True,  nl="RE", s=2),
    Line(k=3, exp= 72, c= 24, se=False, nl="RE", s=2),
    Line(k=3, exp= 88, c= 24, se=False, nl="RE", s=1),
    Line(k=5, exp= 96, c= 40, se=True,  nl="HS", s=2),
    Line(k=5, exp=240, c= 40, se=True,  nl="HS", s=1),
    Line(k=5, exp=240, c= 40, se=True,  nl="HS", s=1),
    Line(k=5, exp=120, c= 48, se=True,  nl="HS", s=1),
    Line(k=5, exp=144, c= 48, se=True,  nl="HS", s=1),
    Line(k=5, exp=288, c= 96, se=True,  nl="HS", s=2),
    Line(k=5, exp=576, c= 96, se=True,  nl="HS", s=1),
    Line(k=5, exp=576, c= 96, se=True,  nl="HS", s=1),
)
# fmt: on


def mobilenet_v1(width: float = 1.0) -> Arch:
    """MobileNetV1, Howard et al. 2017, table 1; the resolution multiplier is the resolution.

    The last unit has stride 1 (the table prints s2, with 7x7 before and after it). ReLU as in the paper;
    slim's later code has ReLU6. Widths are cut off, not rounded to multiples of 8 (slim), and the last 1024
    scales with the rest.
    """
    blocks = [Separable(max(int(line.c * width), 8), stride=s) for line in _V1 for s in line.strides]
    return Arch(Stem(max(int(32 * width), 8)), tuple(blocks))


def mobilenet_v2(width: float = 1.0) -> Arch:
    """MobileNetV2, Sandler et al. 2018, table 2 (17 blocks; the text's 19 is wrong).

    The expansion follows the scaled input. Below width 1 the last convolution stays at 1280 (section 4).
    """
    blocks = [
        InvertedResidual(
            make_divisible(line.c * width), expansion=float(line.t), stride=stride, activation="RE6"
        )
        for line in _V2
        for stride in line.strides
    ]
    stem = Stem(make_divisible(32 * width), activation="RE6")
    return Arch(stem, tuple(blocks), Head(make_divisible(1280 * max(1.0, width)), activation="RE6"))


def _plain(table: tuple[Line, ...]) -> tuple[Line, ...]:
    """The "minimalistic" table: the same sizes, 3x3 throughout, no squeeze-excite, ReLU."""
    return tuple(line._replace(k=3, se=False, nl="RE") for line in table)


def _tail_halved(table: tuple[Line, ...]) -> tuple[Line, ...]:
    """The last stage, its first expansion excepted, at half its widths: torchvision's `reduced_tail`."""
    *rest, first, second, third = table
    halved = (line._replace(exp=line.exp // 2, c=line.c // 2) for line in (second, third))
    return *rest, first._replace(c=first.c // 2), *halved


def _mobilenet_v3(
    table: tuple[Line, ...], features: int, width: float, minimalistic: bool, reduced_tail: bool
) -> Arch:
    """Official scaling: the expansion is the table's ratio times the *rounded* scaled input.

    The last convolution is six times the last block's width. The layer behind the pooling keeps its width below
    1, and above it grows to 1280 at most: so Table 9 of the paper has 7.5 (Large) and 3.6 (Small) million
    parameters at 1.25, where slim's code, which widens it without end, has 8.26. Batch-norm eps is 1e-3.
    """
    if reduced_tail:
        table, features = _tail_halved(table), features // 2
    if minimalistic:
        table = _plain(table)
    outer = "RE" if minimalistic else "HS"
    conv = 6 * table[-1].c
    stem = Stem(make_divisible(16 * width), activation=outer)
    blocks: list[Block] = []
    nominal, actual = 16, stem.out
    for line in table:
        inner = actual if line.exp == nominal else make_divisible(actual * line.exp / nominal)
        nominal, actual = line.c, make_divisible(line.c * width)
        blocks.append(
            InvertedResidual(
                actual, kernel=line.k, inner=inner, stride=line.s, squeeze_excite=line.se, activation=line.nl
            )
        )
    head = Head(make_divisible(conv * width), min(make_divisible(features * max(1.0, width)), 1280), outer)
    return Arch(stem, tuple(blocks), head, eps=0.001)


def mobilenet_v3_large(width: float = 1.0, minimalistic: bool = False, reduced_tail: bool = False) -> Arch:
    """MobileNetV3-Large, Howard et al. 2019, table 1.

    `minimalistic` is slim's variant for plain accelerators; `reduced_tail` is the one of torchvision for
    other tasks (section 6.3 of the paper halves the last stage for detection).
    """
    return _mobilenet_v3(_V3_LARGE, 1280, width, minimalistic, reduced_tail)


def mobilenet_v3_small(width: float = 1.0, minimalistic: bool = False, reduced_tail: bool = False) -> Arch:
    """MobileNetV3-Small, Howard et al. 2019, table 2 of version 5. Variants as of Large.

    1024 features (earlier versions of the paper: 1280), no squeeze-excite on the last convolution (the
    table ticks it; no implementation has it).
    """
    return _mobilenet_v3(_V3_SMALL, 1024, width, minimalistic, reduced_tail)
