"""From an arch's blocks back to the choices that make them, exactly."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import lru_cache
from itertools import product

from blocks import Block, UserError
from search_spaces.stages import Stage, Value, stage_block

Options = dict[str, Value]
_OWN = ("kernel", "squeeze_excite", "activation")
"""What a block says of itself as its stage chose it."""


def readings(
    stages: Sequence[Stage], blocks: Sequence[Block], start: int, channels: int, *, alike: bool
) -> Iterator[dict[str, Value]]:
    """The parameters with which the stages make a trunk from its block `start` on, by rising depths and widths.

    channels: before that block. `alike`: one choice holds for all blocks of a stage. A point is to be made again to be
    sure of it.
    """
    return _readings(stages, blocks, 0, start, channels, channels, alike)


def _readings(
    stages: Sequence[Stage],
    blocks: Sequence[Block],
    number: int,
    start: int,
    narrow: int,
    channels: int,
    alike: bool,
) -> Iterator[dict[str, Value]]:
    """Of the stages from `number` on, whose blocks begin at `start` behind these widths."""
    if number == len(stages):
        if start == len(blocks):
            yield {}
        return
    stage = stages[number]
    for depth in stage.depth:
        own = blocks[start : start + depth]
        if len(own) < depth:
            continue
        inputs = [channels, *(block.out for block in own)]
        for width in stage.width:
            picked = _read_stage(stage, own, inputs[:-1], narrow, width, alike)
            if picked is not None:
                mine = _named(number, width, picked, stage.choices.first, alike)
                for rest in _readings(stages, blocks, number + 1, start + depth, width, inputs[-1], alike):
                    yield mine | rest


def _named(
    number: int, width: int, picked: Sequence[Options], first: Sequence[str], alike: bool
) -> dict[str, Value]:
    """The parameters of a stage; `picked` are the options of each block, `first` the names of the first one's."""
    prefix = f"s{number + 1}"
    params: dict[str, Value] = {f"{prefix}.width": width, f"{prefix}.depth": len(picked)}
    for index, options in enumerate(picked):
        block = prefix if alike else f"{prefix}.b{index + 1}"
        params |= {f"{block}.{name}": options[name] for name in options if alike or index or name in first}
    return params


def _read_stage(
    stage: Stage, blocks: Sequence[Block], inputs: Sequence[int], narrow: int, width: int, alike: bool
) -> list[Options] | None:
    """Options of each of a stage's blocks, which stand behind these widths; the same for all where they are alike."""
    candidates = []
    for index, (block, channels) in enumerate(zip(blocks, inputs, strict=True)):
        found = _candidates(stage, block, channels, narrow if index == 0 else width, width, index == 0)
        if not found:
            return None
        candidates.append(found)
    if not alike:
        return [found[0] for found in candidates]
    for options in candidates[-1]:
        if all(any(_agree(options, other) for other in found) for found in candidates):
            rest = (
                {} if len(blocks) > 1 else next(stage.choices.all())
            )  # what the first block has no effect of
            return [rest | options] * len(blocks)
    return None


def _agree(one: Options, other: Options) -> bool:
    """Whether two readings are the same where both say something."""
    return all(other.get(name, value) == value for name, value in one.items())


@lru_cache(maxsize=16384)
def _candidates(
    stage: Stage, block: Block, channels: int, narrow: int, width: int, first: bool
) -> tuple[Options, ...]:
    """The options with which the stage makes this block behind so many channels."""
    choices = stage.choices
    names = choices.first if first else tuple(spec.name for spec in fields(choices))
    read: dict[str, tuple[Value, ...]] = {}
    for name in names:  # what a kind lacks may be any choice, and what begins a stage need not be of its kind
        known = getattr(block, name, None) if name in _OWN else None
        read[name] = getattr(choices, name) if known is None else (known,)
    if not all(set(read[name]) <= set(getattr(choices, name)) for name in names):
        return ()
    result = []
    for values in product(*read.values()):
        options = dict(zip(read, values, strict=True))
        try:
            made = stage_block(options, narrow, width, stage.stride, first=first, channels=channels)
            if made.canonical(channels) == block:
                result.append(options)
        except UserError:
            continue
    return tuple(result)
