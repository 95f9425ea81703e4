"""An arch seen as stages, and blocks taken apart so that they can be put together differently.

A stage is a run of blocks of one resolution and one narrow width: a new one begins where a block has a stride
or changes the narrow width. The narrow width is what an inverted residual carries between its blocks and what a
SandGlass (or a ResNet bottleneck) has inside; of any other block it is the output. MobileNetV3-Large has six:
16 at 1/2, 24 at 1/4, 40 at 1/8, 80 and 112 at 1/16, 160 at 1/32.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from blocks import Block, Stem, UserError
from search_spaces.arch import Arch


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
