"""MobileNetV1, V2 and V3."""

from collections.abc import Iterable

from blocks import Block, Head, InvertedResidual, Separable, Stem, make_divisible
from search_spaces.arch import Arch


def mobilenet_v1(width: float = 1.0) -> Arch:
    """MobileNetV1, Howard et al. 2017, table 1; the resolution multiplier is the resolution.

    The last unit has stride 1 (the table prints s2, with 7x7 before and after it). ReLU as in the paper;
    slim's later code has ReLU6. Widths are cut off, not rounded to multiples of 8 (slim), and the last 1024
    scales with the rest.
    """
    table = (
        # out, stride
        (64, 1),
        (128, 2),
        (128, 1),
        (256, 2),
        (256, 1),
        (512, 2),
        *[(512, 1)] * 5,
        (1024, 2),
        (1024, 1),
    )
    blocks = [Separable(max(int(out * width), 8), stride=stride) for out, stride in table]
    return Arch(Stem(max(int(32 * width), 8)), tuple(blocks))


def mobilenet_v2(width: float = 1.0) -> Arch:
    """MobileNetV2, Sandler et al. 2018, table 2 (17 blocks; the text's 19 is wrong).

    The expansion follows the scaled input. Below width 1 the last convolution stays at 1280 (section 4).
    """
    table = (
        # t, c, n, s
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )
    blocks: list[Block] = []
    for t, c, n, s in table:
        for i in range(n):
            blocks.append(
                InvertedResidual(
                    make_divisible(c * width), expansion=float(t), stride=s if i == 0 else 1, activation="RE6"
                )
            )
    stem = Stem(make_divisible(32 * width), activation="RE6")
    return Arch(stem, tuple(blocks), Head(make_divisible(1280 * max(1.0, width)), activation="RE6"))


_V3_LARGE = (
    # kernel, expanded, out, squeeze-excite, activation, stride
    (3, 16, 16, False, "RE", 1),
    (3, 64, 24, False, "RE", 2),
    (3, 72, 24, False, "RE", 1),
    (5, 72, 40, True, "RE", 2),
    (5, 120, 40, True, "RE", 1),
    (5, 120, 40, True, "RE", 1),
    (3, 240, 80, False, "HS", 2),
    (3, 200, 80, False, "HS", 1),
    (3, 184, 80, False, "HS", 1),
    (3, 184, 80, False, "HS", 1),
    (3, 480, 112, True, "HS", 1),
    (3, 672, 112, True, "HS", 1),
    (5, 672, 160, True, "HS", 2),
    (5, 960, 160, True, "HS", 1),
    (5, 960, 160, True, "HS", 1),
)
_V3_SMALL = (
    (3, 16, 16, True, "RE", 2),
    (3, 72, 24, False, "RE", 2),
    (3, 88, 24, False, "RE", 1),
    (5, 96, 40, True, "HS", 2),
    (5, 240, 40, True, "HS", 1),
    (5, 240, 40, True, "HS", 1),
    (5, 120, 48, True, "HS", 1),
    (5, 144, 48, True, "HS", 1),
    (5, 288, 96, True, "HS", 2),
    (5, 576, 96, True, "HS", 1),
    (5, 576, 96, True, "HS", 1),
)
_V3Row = tuple[int, int, int, bool, str, int]


def _plain(table: Iterable[_V3Row]) -> tuple[_V3Row, ...]:
    """The "minimalistic" table: the same sizes, 3x3 throughout, no squeeze-excite, ReLU."""
    return tuple((3, expanded, out, False, "RE", stride) for _, expanded, out, _, _, stride in table)


def _tail_halved(table: tuple[_V3Row, ...]) -> tuple[_V3Row, ...]:
    """The last stage, its first expansion excepted, at half its widths: torchvision's `reduced_tail`."""
    *rest, (k, expanded, out, se, act, stride), second, third = table
    first = (k, expanded, out // 2, se, act, stride)
    return *rest, first, *((k, e // 2, o // 2, se, act, s) for k, e, o, se, act, s in (second, third))


def _mobilenet_v3(
    table: tuple[_V3Row, ...], features: int, width: float, minimalistic: bool, reduced_tail: bool
) -> Arch:
    """Official scaling: the expansion is the table's ratio times the *rounded* scaled input.

    The last convolution is six times the last block's width. The layer behind the pooling keeps its width
    below 1. Batch-norm eps is 1e-3.
    """
    if reduced_tail:
        table, features = _tail_halved(table), features // 2
    if minimalistic:
        table = _plain(table)
    outer = "RE" if minimalistic else "HS"
    conv = 6 * table[-1][2]
    stem = Stem(make_divisible(16 * width), activation=outer)
    blocks: list[Block] = []
    nominal, actual = 16, stem.out
    for kernel, expanded, out, squeeze_excite, activation, stride in table:
        inner = actual if expanded == nominal else make_divisible(actual * expanded / nominal)
        nominal, actual = out, make_divisible(out * width)
        blocks.append(
            InvertedResidual(
                actual,
                kernel=kernel,
                inner=inner,
                stride=stride,
                squeeze_excite=squeeze_excite,
                activation=activation,
            )
        )
    head = Head(make_divisible(conv * width), make_divisible(features * max(1.0, width)), outer)
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
