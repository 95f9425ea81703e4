"""An arch seen as stages, and blocks taken apart so that they can be put together differently.

A stage is a run of blocks of one resolution and one narrow width: a new one begins where a block has a stride
or changes the narrow width. The narrow width is what an inverted residual carries between its blocks and what a
SandGlass (or a ResNet bottleneck) has inside; of any other block it is the output. MobileNetV3-Large has six:
16 at 1/2, 24 at 1/4, 40 at 1/8, 80 and 112 at 1/16, 160 at 1/32.

The widths of an arch are those of its stem and of its stages. Where they change, expansions keep their ratio, as in
MobileNetV3's own rule (the *rounded* width times the ratio, to a multiple of 8), blocks without an expansion keep
none, and the shortcuts stay where they are. The layer before the classifier keeps its width, as below width 1 in
every MobileNet; a convolution before that layer follows the last stage.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import floor
from typing import Any

from blocks import Block, Stem, UserError
from blocks.base import in_ratio
from search_spaces.arch import Arch

Widths = tuple[int, ...]
"""Of the stem and of each stage."""
STEP = 8


@dataclass(frozen=True)
class Span:
    """A stage as blocks `start` to `end` (without it) of an arch; `number` counts from 1, maps are 1 / `reduction`."""

    number: int
    start: int
    end: int
    width: int
    reduction: int

    def __str__(self) -> str:
        return f"stage {self.number} ({self.width} channels at 1/{self.reduction})"


def stages(arch: Arch) -> list[Span]:
    """The stages of an arch, in order; together they hold every block."""
    found: list[Span] = []
    reduction = arch.stem.reduction
    for index, (block, channels) in enumerate(zip(arch.blocks, inputs(arch), strict=True)):
        width = block.narrow_width(channels)
        reduction *= block.stride
        if found and block.stride == 1 and width == found[-1].width:
            found[-1] = replace(found[-1], end=index + 1)
        else:
            found.append(Span(len(found) + 1, index, index + 1, width, reduction))
    return found


def inputs(arch: Arch) -> list[int]:
    """The input channels of each block."""
    return [arch.stem.out, *(block.out for block in arch.blocks[:-1])]


def narrow_inputs(arch: Arch) -> list[int]:
    """The narrow width behind which each block stands: what its expansion multiplies."""
    widths = [block.narrow_width(channels) for block, channels in zip(arch.blocks, inputs(arch), strict=True)]
    return [arch.stem.out, *widths[:-1]]


def explicit(arch: Arch) -> list[Block]:
    """The blocks with their inner widths as numbers, so that they mean the same behind another width."""
    return [block.explicit(channels) for block, channels in zip(arch.blocks, inputs(arch), strict=True)]


def topology(arch: Arch) -> tuple[tuple[int, bool, bool], ...]:
    """What a change of widths must keep, block by block: stride, whether there is a shortcut, no expansion."""
    return tuple(
        (block.stride, block.stride == 1 and channels == block.out, block.is_plain(channels))
        for block, channels in zip(arch.blocks, inputs(arch), strict=True)
    )


def swapped(arch: Arch, option: str, values: Mapping[Any, Any], *, ends: bool = False) -> Arch:
    """The arch with an option's values replaced in every block that has it, with `ends` in stem and head too.

    Raises UserError where the result cannot be built.
    """

    def change(part: Any) -> Any:
        value = getattr(part, option, None)
        return replace(part, **{option: values[value]}) if value in values else part

    stem, head = (change(arch.stem), change(arch.head)) if ends else (arch.stem, arch.head)
    return replace(arch, stem=stem, blocks=tuple(map(change, explicit(arch))), head=head)


def mapped(arch: Arch, change: Callable[[Block, int, int], Block]) -> Arch:
    """The arch with each block changed; `change` is told its input channels and its narrow input."""
    places = zip(explicit(arch), inputs(arch), narrow_inputs(arch), strict=True)
    return replace(arch, blocks=tuple(change(*place) for place in places))


def with_stem(arch: Arch, stem: Stem) -> Arch:
    """The arch behind another stem: blocks without an expansion follow it, other inner widths stay."""
    first, *others = explicit(arch)
    return replace(arch, stem=stem, blocks=(first.behind(arch.stem.out, stem.out), *others))


def spliced(base: Arch, variant: Arch, stage: Span) -> Arch:
    """The base with the blocks of one of its stages taken from a variant; stem and head are the base's.

    Raises UserError where the two have not the same number of blocks, or do not fit together.
    """
    if len(base.blocks) != len(variant.blocks):
        raise UserError("it changes the number of blocks, and cannot be switched in one stage")
    blocks, others = explicit(base), explicit(variant)
    blocks[stage.start : stage.end] = others[stage.start : stage.end]
    return replace(base, blocks=tuple(blocks))


def runs(arch: Arch) -> Iterator[tuple[Span, Sequence[Block]]]:
    """Each stage with its explicit blocks."""
    blocks = explicit(arch)
    for stage in stages(arch):
        yield stage, blocks[stage.start : stage.end]


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
    head, last = arch.head, (old[-1], new[-1])
    if head.conv and head.features:  # else it is the layer before the classifier
        head = replace(head, conv=in_ratio(head.conv, last))
    result = replace(arch, stem=replace(arch.stem, out=new[0]), blocks=tuple(blocks), head=head)
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
