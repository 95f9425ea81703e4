"""Changing an arch's widths and nothing else.

The widths of an arch are those of its stem and of its stages (the narrow ones). Expansions keep their ratio, as in
MobileNetV3's own rule (the *rounded* width times the ratio, to a multiple of 8), blocks without an expansion keep
none, and the shortcuts stay where they are. The layer before the classifier keeps its width, as below width 1 in
every MobileNet; a convolution before that layer follows the last stage.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import floor

from blocks import Block, Head, UserError
from blocks.base import Change, in_ratio
from nas.ablate.stages import runs, stages, topology
from search_spaces.arch import Arch

Widths = tuple[int, ...]
"""Of the stem and of each stage."""
STEP = 8


def widths(arch: Arch) -> Widths:
    """The widths of an arch."""
    return (arch.stem.out, *(stage.width for stage in stages(arch)))


def resized(arch: Arch, new: Widths) -> Arch:
    """The arch with these widths. Raises UserError where it cannot be built or a shortcut would come or go."""
    old = widths(arch)
    if len(new) != len(old):
        raise UserError(f"{len(new)} widths for {len(old)}: the stem's and one a stage are expected")
    if new == old:
        return arch
    blocks: list[Block] = []
    before, channels, channels_now = (old[0], new[0]), old[0], new[0]
    for (_, members), ours in zip(runs(arch), zip(old[1:], new[1:], strict=True), strict=True):
        for block in members:
            made = block.resized((channels, channels_now), before, ours)
            channels, channels_now, before = block.out, made.out, ours
            blocks.append(made)
    result = replace(
        arch,
        stem=replace(arch.stem, out=new[0]),
        blocks=tuple(blocks),
        head=_head(arch.head, (old[-1], new[-1])),
    )
    if topology(result) != topology(arch):
        raise UserError(f"widths {'-'.join(map(str, new))} would add or remove a shortcut")
    return result


def scaled(arch: Arch, factor: float) -> Arch:
    """The arch with all its widths times a factor, in steps of 8. Raises UserError as `resized` does."""
    return resized(arch, stepped(widths(arch), factor, [STEP] * len(widths(arch))))


def stepped(old: Widths, factor: float, steps: Sequence[int]) -> Widths:
    """The widths nearest to `factor` times the old ones, whole steps away from them and at least one wide.

    Where a step is 0 the width stays.
    """
    return tuple(
        max(min(width, step), width + step * floor(width * (factor - 1) / step + 0.5)) if step else width
        for width, step in zip(old, steps, strict=True)
    )


def tied(arch: Arch) -> list[tuple[int, ...]]:
    """The places in `widths` that a shortcut binds together, and must change together."""
    groups: list[tuple[int, ...]] = [(0,)]
    shape = topology(arch)
    for stage in stages(arch):
        _, shortcut, _ = shape[stage.start]
        if shortcut:
            groups[-1] = (*groups[-1], stage.number)
        else:
            groups.append((stage.number,))
    return groups


def _head(head: Head, last: Change) -> Head:
    return replace(head, conv=in_ratio(head.conv, last)) if head.conv and head.features else head
