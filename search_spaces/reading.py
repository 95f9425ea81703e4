"""From an arch back to the point of a space, exactly."""

from collections.abc import Sequence
from functools import lru_cache

from blocks import Block, UserError
from search_spaces.arch import Arch
from search_spaces.stages import FIRST, Stage, Trunk, Value, stage_block

Options = dict[str, Value]


def read(space: Trunk, arch: Arch) -> dict[str, Value] | None:
    """The point whose arch this is, or None. Where several are (an option without effect), the first."""
    if arch.stem != space.stem or arch.blocks[0] != space.first.canonical(space.stem.out):
        return None
    found = _read_stages(space, arch, 0, 1, space.first.out)
    if found is None:
        return None
    params = {name: value for stage in found for name, value in stage.items()}
    return params if space.arch(params) == arch else None


def _read_stages(
    space: Trunk, arch: Arch, number: int, start: int, narrow: int
) -> list[dict[str, Value]] | None:
    """The points of the stages from `number` on, whose blocks begin at `start`; tries depths and widths."""
    if number == len(space.stages):
        return [] if start == len(arch.blocks) and arch.head == space.head(narrow) else None
    stage = space.stages[number]
    for depth in stage.depth:
        for width in stage.width:
            picked = _read_stage(stage, arch, start, depth, narrow, width, space.granularity == "stage")
            if picked is None:
                continue
            rest = _read_stages(space, arch, number + 1, start + depth, width)
            if rest is not None:
                return [_named(number, width, picked), *rest]
    return None


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
    stage: Stage, arch: Arch, start: int, depth: int, narrow: int, width: int, alike: bool
) -> list[Options] | None:
    """Options of `depth` blocks from `start`; one and the same dictionary for all where they are alike."""
    blocks = arch.blocks[start : start + depth]
    if len(blocks) < depth:
        return None
    inputs = [arch.blocks[start - 1].out, *(block.out for block in blocks[:-1])]
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
