"""The hand-designed networks, as archs like any other.

Each table is the paper's, checked against the official code; where copies of it commonly differ, a comment
says which reading is ours. Widths follow each family's own scaling rule.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import TypeVar

from blocks import Block, GroupShuffle, Head, InvertedResidual, SandGlass, SplitShuffle, Stem, UserError
from blocks.layers import make_divisible
from search_spaces.arch import Arch


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


def _mobilenet_v3(table: tuple[_V3Row, ...], conv: int, features: int, width: float) -> Arch:
    """Official scaling: the expansion is the table's ratio times the *rounded* scaled input.

    The layer behind the pooling keeps its width below 1. Batch-norm eps is 1e-3.
    """
    stem = Stem(make_divisible(16 * width), activation="HS")
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
    head = Head(make_divisible(conv * width), make_divisible(features * max(1.0, width)), "HS")
    return Arch(stem, tuple(blocks), head, eps=0.001)


def mobilenet_v3_large(width: float = 1.0) -> Arch:
    """MobileNetV3-Large, Howard et al. 2019, table 1."""
    return _mobilenet_v3(_V3_LARGE, 960, 1280, width)


def mobilenet_v3_small(width: float = 1.0) -> Arch:
    """MobileNetV3-Small, Howard et al. 2019, table 2 of version 5.

    1024 features (earlier versions of the paper: 1280), no squeeze-excite on the last convolution (the
    table ticks it; no implementation has it).
    """
    return _mobilenet_v3(_V3_SMALL, 576, 1024, width)


_SHUFFLENET_V1_WIDTHS = {  # groups: out channels of stage 2 at width 1; stages 3 and 4 double it
    1: 144,
    2: 200,
    3: 240,
    4: 272,
    8: 384,
}
_SHUFFLENET_V1_STEMS = {  # (groups, width): stem of the official code
    (3, 0.5): 12,
    (3, 1.5): 24,
    (3, 2.0): 48,
    (8, 0.5): 16,
    (8, 1.5): 24,
    (8, 2.0): 48,
}


def shufflenet_v1(width: float = 1.0, groups: int = 3) -> Arch:
    """ShuffleNetV1, Zhang et al. 2018, table 1; other widths as in the official code (g = 3 and 8).

    The first pointwise of stage 2 is not grouped; the bottleneck is a quarter of each unit's output.
    """
    if groups not in _SHUFFLENET_V1_WIDTHS:
        raise UserError(f"shufflenet_v1: groups is {groups}, expected one of 1, 2, 3, 4, 8")
    stem = 24 if width == 1 else _SHUFFLENET_V1_STEMS.get((groups, width))
    if stem is None:
        raise UserError(
            f"shufflenet_v1: no width {width:g} with {groups} groups; official are width 1 for g = 1, 2, 3, "
            "4, 8 and 0.5, 1.5, 2 for g = 3, 8"
        )
    blocks: list[Block] = []
    for stage, units in enumerate((4, 8, 4)):
        out = int(_SHUFFLENET_V1_WIDTHS[groups] * width) * 2**stage
        for i in range(units):
            first = stage == 0 and i == 0
            blocks.append(GroupShuffle(out, stride=2 if i == 0 else 1, groups=groups, dense_first=first))
    return Arch(Stem(stem, pool=True), tuple(blocks))


_SHUFFLENET_V2 = {  # width: out channels of stages 2, 3, 4 and the last convolution
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}


def shufflenet_v2(width: float = 1.0, figure: bool = False) -> Arch:
    """ShuffleNetV2, Ma et al. 2018, table 5, in the official code's layout.

    With `figure`, the layout of the paper's figure 3d and of torchvision, whose stride-2 units give half of
    the output to each branch.
    """
    if width not in _SHUFFLENET_V2:
        raise UserError(f"shufflenet_v2: width is {width:g}, expected one of 0.5, 1, 1.5, 2")
    *stages, last = _SHUFFLENET_V2[width]
    blocks: list[Block] = []
    for out, units in zip(stages, (4, 8, 4), strict=True):
        blocks += [SplitShuffle(out, stride=2 if i == 0 else 1, figure=figure) for i in range(units)]
    return Arch(Stem(24, pool=True), tuple(blocks), Head(last))


def mobilenext() -> Arch:
    """MobileNeXt 1.0, Zhou et al. 2020, official code: 3,535,416 parameters at 1000 classes.

    Three blocks at 960. A block that changes the width lacks its first depthwise, and at stride 1 both,
    except the first, the 144 and the 1280 one. The bottleneck is a t-th of the input, but never less than a
    sixth of the output, rounded to 16.
    """
    rows = (
        # inner, out, stride, first depthwise, last depthwise, repeats
        (16, 96, 2, True, True, 1),
        (32, 144, 1, True, True, 1),
        (32, 192, 2, False, True, 1),
        (32, 192, 1, True, True, 2),
        (48, 288, 2, False, True, 1),
        (48, 288, 1, True, True, 2),
        (64, 384, 1, False, False, 1),
        (64, 384, 1, True, True, 3),
        (96, 576, 2, False, True, 1),
        (96, 576, 1, True, True, 3),
        (160, 960, 1, False, False, 1),
        (160, 960, 1, True, True, 2),
        (208, 1280, 1, True, True, 1),
    )
    blocks: list[Block] = []
    for inner, out, stride, first, last, repeats in rows:
        block = SandGlass(
            out,
            inner=inner,
            stride=stride,
            activation="RE6",
            first_depthwise=first,
            last_depthwise=last,
        )
        blocks += [block] * repeats
    return Arch(Stem(32, activation="RE6"), tuple(blocks))


@dataclass(frozen=True)
class Entry:
    """A network of the zoo: how to make it, and which variants exist."""

    make: Callable[..., Arch]
    widths: tuple[float, ...] = (1.0,)
    groups: tuple[int, ...] = ()


ZOO: dict[str, Entry] = {
    "mobilenet_v2": Entry(mobilenet_v2, (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)),
    "mobilenet_v3_large": Entry(mobilenet_v3_large, (0.35, 0.5, 0.75, 1.0, 1.25)),
    "mobilenet_v3_small": Entry(mobilenet_v3_small, (0.35, 0.5, 0.75, 1.0, 1.25)),
    "shufflenet_v1": Entry(shufflenet_v1, (0.5, 1.0, 1.5, 2.0), (1, 2, 3, 4, 8)),
    "shufflenet_v2": Entry(shufflenet_v2, (0.5, 1.0, 1.5, 2.0)),
    "shufflenet_v2_figure": Entry(partial(shufflenet_v2, figure=True), (0.5, 1.0, 1.5, 2.0)),
    "mobilenext": Entry(mobilenext),
}
_Number = TypeVar("_Number", int, float)
_NAME = re.compile(
    r"(?P<name>[a-z]\w*?)(_g(?P<groups>[0-9]{1,9}))?(_x(?P<width>[0-9]{1,9}([._][0-9]{1,9})?))?"
)


def get(name: str, width: float | None = None, groups: int | None = None) -> Arch:
    """The network of a name: `mobilenet_v2`, with its variant as arguments or in the name.

    `mobilenet_v2_x0.5`, `shufflenet_v1_g8_x0.5` and torchvision's `shufflenet_v2_x1_0` are understood;
    `shufflenet_v2_figure` is the layout of torchvision's weights. Raises UserError with the nearest names
    where there is none, and for a variant that does not exist.
    """
    match = _NAME.fullmatch(name)
    if match is None or match["name"] not in ZOO:
        near = get_close_matches(match["name"] if match else name, ZOO, n=3, cutoff=0.4) or sorted(ZOO)
        raise UserError(f"no network is called {name!r}; the nearest are {', '.join(near)}")
    entry = ZOO[match["name"]]
    width = _given("width", match["width"] and float(match["width"].replace("_", ".")), width)
    groups = _given("groups", match["groups"] and int(match["groups"]), groups)
    width = 1.0 if width is None else width
    if len(entry.widths) == 1 and width not in entry.widths:
        raise UserError(f"{match['name']} comes in width {entry.widths[0]:g} only, not {width:g}")
    if not 0.05 <= width <= 10:
        raise UserError(f"{match['name']}: width is {width:g}, expected a factor such as {entry.widths[0]:g}")
    if groups is not None and not entry.groups:
        raise UserError(f"{match['name']} has no groups to choose, got g = {groups}")
    if entry.groups:
        return entry.make(width, 3 if groups is None else groups)
    return entry.make(width) if len(entry.widths) > 1 else entry.make()


def _given(what: str, written: _Number | None, argument: _Number | None) -> _Number | None:
    """What the name or the argument says; UserError where they disagree."""
    if written is not None and argument is not None and written != argument:
        raise UserError(f"{what} is {written:g} in the name and {argument:g} beside it; give one of them")
    return argument if written is None else written
