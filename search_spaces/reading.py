"""From an arch's blocks back to the choices that make them, exactly."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from blocks import Block, UserError
from search_spaces.stages import FIRST, Stage, Value, stage_block

Options = dict[str, Value]


def readings(stages: Sequence[Stage], blocks: Sequence[Block], *, alike: bool) -> Iterator[dict[str, Value]]:
    """The parameters with which the stages make a trunk behind its first block, by rising depths and widths.

    `alike`: one choice holds for all blocks of a stage. A point is to be made again to be sure of it.
    """
    return _readings(stages, blocks, 0, 1, blocks[0].out, alike)


def _readings(
    stages: Sequence[Stage], blocks: Sequence[Block], number: int, start: int, narrow: int, alike: bool
) -> Iterator[dict[str, Value]]:
    """Of the stages from `number` on, whose blocks begin at `start`."""
    if number == len(stages):
        if start == len(blocks):
            yield {}
        return
    stage = stages[number]
    for depth in stage.depth:
        for width in stage.width:
            picked = _read_stage(stage, blocks, start, depth, narrow, width, alike)
            if picked is not None:
                mine = _named(number, width, picked)
                for rest in _readings(stages, blocks, number + 1, start + depth, width, alike):
                    yield mine | rest


def _named(number: int, width: int, picked: Sequence[Options]) -> dict[str, Value]:
    """The parameters of a stage; `picked` are the options of all its blocks at once, or of each."""
    prefix = f"s{number + 1}"
    params: dict[str, Value] = {f"{prefix}.width": width, f"{prefix}.depth": len(picked)}
    same = len({id(options) for options in picked}) == 1
    for index, options in enumerate(picked):
        block = prefix if same else f"{prefix}.b{index + 1}"
        params |= {
            f"{block}.{name}": value for name, value in options.items() if same or index or name in FIRST
        }
    return params


def _read_stage(
    stage: Stage, trunk: Sequence[Block], start: int, depth: int, narrow: int, width: int, alike: bool
) -> list[Options] | None:
    """Options of `depth` blocks from `start`; one and the same dictionary for all where they are alike."""
    blocks = trunk[start : start + depth]
    if len(blocks) < depth:
        return None
    inputs = [trunk[start - 1].out, *(block.out for block in blocks[:-1])]
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
            return [options] * depth
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
    fixed: Options = {"block": block.token}
    for name in ("kernel", "squeeze_excite", "activation"):  # what its kind lacks may be any choice
        fixed[name] = getattr(block, name, getattr(choices, name)[0])
    names = FIRST if first else tuple(fixed)
    if any(fixed[name] not in getattr(choices, name) for name in names if name in fixed):
        return ()
    result = []
    for expansion in choices.expansion:
        for groups in (1,) if first else choices.groups:
            options = {**fixed, "expansion": expansion, "groups": groups}
            try:
                made = stage_block(options, narrow, width, stage.stride, first=first).canonical(channels)
            except UserError:
                continue
            if made == block:
                result.append({name: options[name] for name in (FIRST if first else options)})
    return tuple(result)
