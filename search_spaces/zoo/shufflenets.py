"""ShuffleNetV1 and V2."""

from blocks import Block, GroupShuffle, Head, SplitShuffle, Stem, UserError
from search_spaces.arch import Arch
from search_spaces.zoo.lines import Line

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
    narrow = int(_SHUFFLENET_V1_WIDTHS[groups] * width)
    for line in (Line(c=narrow, n=4, s=2), Line(c=2 * narrow, n=8, s=2), Line(c=4 * narrow, n=4, s=2)):
        for stride in line.strides:
            blocks.append(GroupShuffle(line.c, stride=stride, groups=groups, dense_first=not blocks))
    return Arch(Stem(stem, pool=True), tuple(blocks))


def _obstacle(width: float, groups: int) -> str:
    """Why plain scaling cannot be built, in a few words; nothing where the paper merely has no such width."""
    out = _SHUFFLENET_V1_WIDTHS[groups] * width
    if out % 4:
        return f" (stage 2 would be {out:g} wide, and a bottleneck is a quarter of it)"
    if out // 4 % groups:
        return f" (stage 2 would have a bottleneck of {out // 4:g}, which {groups} groups do not divide)"
    return ""


# fmt: off
_SHUFFLENET_V2 = {  # width: stages 2, 3 and 4, and the last convolution
    0.5: (Line(c= 48, n=4, s=2), Line(c= 96, n=8, s=2), Line(c=192, n=4, s=2), Line(c=1024, k=1)),
    1.0: (Line(c=116, n=4, s=2), Line(c=232, n=8, s=2), Line(c=464, n=4, s=2), Line(c=1024, k=1)),
    1.5: (Line(c=176, n=4, s=2), Line(c=352, n=8, s=2), Line(c=704, n=4, s=2), Line(c=1024, k=1)),
    2.0: (Line(c=244, n=4, s=2), Line(c=488, n=8, s=2), Line(c=976, n=4, s=2), Line(c=2048, k=1)),
}
# fmt: on


def shufflenet_v2(width: float = 1.0, figure: bool = False) -> Arch:
    """ShuffleNetV2, Ma et al. 2018, table 5, in the official code's layout.

    With `figure`, the layout of the paper's figure 3d and of torchvision, whose stride-2 units give half of
    the output to each branch.
    """
    if width not in _SHUFFLENET_V2:
        raise UserError(f"shufflenet_v2: width is {width:g}, expected one of 0.5, 1, 1.5, 2")
    *stages, last = _SHUFFLENET_V2[width]
    blocks = [
        SplitShuffle(line.c, stride=stride, figure=figure) for line in stages for stride in line.strides
    ]
    return Arch(Stem(24, pool=True), tuple(blocks), Head(last.c))
