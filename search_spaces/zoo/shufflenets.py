"""ShuffleNetV1 and V2."""

from blocks import Block, GroupShuffle, Head, SplitShuffle, Stem, UserError
from search_spaces.arch import Arch

_SHUFFLENET_V1_WIDTHS = {  # groups: out channels of stage 2 at width 1; stages 3 and 4 double it
    1: 144,
    2: 200,
    3: 240,
    4: 272,
    8: 384,
}
_SHUFFLENET_V1_STEMS = {
    # (groups, width): stem. The official code has g = 3 and 8 at 0.5, 1.5 and 2; the others fit the paper's
    # 38 and 13 million multiply-adds (the scaled stem of 6 would give 11 at 0.25)
    (1, 0.25): 12,
    (1, 0.5): 12,
    (3, 0.25): 12,
    (3, 0.5): 12,
    (3, 1.5): 24,
    (3, 2.0): 48,
    (8, 0.25): 8,
    (8, 0.5): 16,
    (8, 1.5): 24,
    (8, 2.0): 48,
}


def shufflenet_v1(width: float = 1.0, groups: int = 3) -> Arch:
    """ShuffleNetV1, Zhang et al. 2018, table 1; other widths as in the official code (g = 3 and 8).

    The first pointwise of stage 2 is not grouped; the bottleneck is a quarter of each unit's output. The
    paper also names 0.5 and 0.25 for every g without saying how it rounded: UserError with the reason where
    plain scaling cannot be built.
    """
    if groups not in _SHUFFLENET_V1_WIDTHS:
        raise UserError(f"shufflenet_v1: groups is {groups}, expected one of 1, 2, 3, 4, 8")
    stem = 24 if width == 1 else _SHUFFLENET_V1_STEMS.get((groups, width))
    if stem is None:
        raise UserError(
            f"shufflenet_v1: no width {width:g} with {groups} groups{_obstacle(width, groups)}; known are "
            "width 1 for g = 1, 2, 3, 4, 8, also 0.25 and 0.5 for g = 1, and 0.25, 0.5, 1.5, 2 for g = 3, 8"
        )
    blocks: list[Block] = []
    for stage, units in enumerate((4, 8, 4)):
        out = int(_SHUFFLENET_V1_WIDTHS[groups] * width) * 2**stage
        for i in range(units):
            first = stage == 0 and i == 0
            blocks.append(GroupShuffle(out, stride=2 if i == 0 else 1, groups=groups, dense_first=first))
    return Arch(Stem(stem, pool=True), tuple(blocks))


def _obstacle(width: float, groups: int) -> str:
    """Why plain scaling cannot be built, in a few words; nothing where the paper merely has no such width."""
    out = _SHUFFLENET_V1_WIDTHS[groups] * width
    if out % 4:
        return f" (stage 2 would be {out:g} wide, and a bottleneck is a quarter of it)"
    if out // 4 % groups:
        return f" (stage 2 would have a bottleneck of {out // 4:g}, which {groups} groups do not divide)"
    return ""


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
