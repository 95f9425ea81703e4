"""Changing an arch's widths and nothing else.

The widths of an arch are those of its stem and of its stages (the narrow ones). Expansions keep their ratio, as in
MobileNetV3's own rule (the *rounded* width times the ratio, to a multiple of 8), blocks without an expansion keep
none, and the shortcuts stay where they are. The layer before the classifier keeps its width, as below width 1 in
every MobileNet; a convolution before that layer follows the last stage.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from math import floor
from typing import Any

from blocks import Block, Bottleneck, Head, InvertedResidual, SandGlass, UserError, make_divisible
from nas.ablate.stages import is_plain, runs, stages, topology
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
            made = _resized(block, channels, channels_now, before, ours)
            channels, channels_now, before = block.out, made.out, ours
            blocks.append(made)
    result = replace(
        arch,
        stem=replace(arch.stem, out=new[0]),
        blocks=tuple(blocks),
        head=_head(arch.head, old[-1], new[-1]),
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


def _resized(
    block: Block, channels: int, channels_now: int, before: tuple[int, int], ours: tuple[int, int]
) -> Block:
    """A block whose input goes from `channels` to `channels_now`, its narrow one as `before`, its own as `ours`."""
    old, new = ours
    if isinstance(block, InvertedResidual):
        inner = _ratio(block.inner, before[0], before[1])
        if is_plain(block, channels):
            inner = channels_now
        squeeze = max(1, block.squeeze * channels_now // channels) if block.squeeze else 0
        return replace(block, out=new, inner=inner, squeeze=squeeze)
    if isinstance(block, SandGlass):
        return replace(block, out=_ratio(block.out, old, new), inner=new)
    if isinstance(block, Bottleneck):
        inner = new if block.inner else 0
        return replace(block, out=_ratio(block.out, old, new) if block.inner else 4 * new, inner=inner)
    return _proportional(block, old, new)


def _proportional(block: Block, old: int, new: int) -> Block:
    """Any other primitive: widths that it leaves open at 0 and that are given follow its output's."""
    given: dict[str, Any] = {
        spec.name: max(1, round(getattr(block, spec.name) * new / old))
        for spec in fields(block)  # type: ignore[arg-type]  # every primitive is a dataclass
        if spec.type is int and spec.metadata["minimum"] == 0 and getattr(block, spec.name)
    }
    return replace(block, out=new, **given)  # type: ignore[type-var]


def _ratio(width: int, old: int, new: int) -> int:
    return width if old == new else make_divisible(width * new / old)


def _head(head: Head, old: int, new: int) -> Head:
    return replace(head, conv=_ratio(head.conv, old, new)) if head.conv and head.features else head
