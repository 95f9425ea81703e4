"""The choices of a space that are closest to an arch that it need not hold, and what differs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import groupby

from blocks import Head, UserError
from search_spaces.arch import Arch
from search_spaces.stages import Choices, Dimension, Value

_KIN = {"RE6": "RE", "SI": "HS", "HSopen": "HS"}  # the closest activation where a space lacks one
_OPTIONS = ("width", *(spec.name for spec in fields(Choices)))


@dataclass(frozen=True)
class Nearest:
    """The closest point of a space to an arch, its arch, and the differences, one line each."""

    params: dict[str, Value]
    arch: Arch
    differences: tuple[str, ...]


@dataclass(frozen=True)
class _Row:
    """A block in the words of a space, those that its kind lacks left out; its map is 1 / level of the image."""

    place: int
    level: int
    options: Mapping[str, Value]


def matched(levels: Sequence[int], arch: Arch) -> list[list[_Row]]:
    """The blocks that belong to each stage, by level; within a level by narrow width, in order.

    `levels` are those of the stages. Raises UserError where the arch has blocks other than inverted
    residuals and SandGlasses.
    """
    rows, result = _rows(arch), []
    for level, group in groupby(levels):
        stages = len(list(group))
        same = (row for row in rows if row.level == level)
        runs = [list(run) for _, run in groupby(same, lambda row: row.options["width"])]
        while len(runs) > stages:
            runs[-2:] = [runs[-2] + runs[-1]]
        while runs and len(runs) < stages and len(runs[-1]) > 1:
            half = (len(runs[-1]) + 1) // 2
            runs[-1:] = [runs[-1][:half], runs[-1][half:]]
        result += runs + [[] for _ in range(stages - len(runs))]
    return result


def _rows(arch: Arch) -> list[_Row]:
    rows = []
    level, narrow = arch.stem.reduction, arch.stem.out
    for place, (block, channels, _) in enumerate(arch.walk(1)):
        if block.expands is None:
            raise UserError(f"no nearest point: {block} is neither an inverted residual nor a SandGlass")
        expansion = round(block.ratio(channels, narrow), 2)
        level, narrow = level * block.stride, block.narrow_width(channels)
        known: dict[str, Value] = {"width": narrow, "block": block.token, "expansion": expansion}
        own = {name: getattr(block, name) for name in _OPTIONS if name not in known and name in block.names()}
        rows.append(_Row(place, level, known | own))
    return rows


def closest(dimension: Dimension, members: Sequence[_Row]) -> Value:
    """The choice that is closest to a stage's blocks; the smallest where there is none."""
    if dimension.option == "depth":
        values: list[Value] = [max(1, len(members))]
    else:
        if dimension.block is not None:
            members = members[min(dimension.block, len(members) - 1) :][:1]
        elif dimension.option in ("kernel", "squeeze_excite", "groups") and len(members) > 1:
            members = members[1:]  # the first of a stage has no such choice
        values = _values(members, dimension.option)
    return min(dimension.choices, key=lambda choice: sum(_distance(choice, value) for value in values))


def closest_head(dimension: Dimension, head: Head, narrow: int) -> Value:
    """The choice that is closest to a head behind this narrow width."""
    own = {"ratio": head.conv / narrow, "features": head.features}[dimension.option]
    return min(dimension.choices, key=lambda choice: abs(float(choice) - own))


def last_width(arch: Arch) -> int:
    """The narrow width of the last block."""
    channels = arch.blocks[-2].out if len(arch.blocks) > 1 else arch.stem.out
    return arch.blocks[-1].narrow_width(channels)


def _values(rows: Sequence[_Row], option: str) -> list[Value]:
    return [row.options[option] for row in rows if option in row.options]


def _distance(choice: Value, value: Value) -> float:
    """Ratio of numbers, equality of names."""
    if isinstance(choice, (bool, str)) or isinstance(value, (bool, str)):
        return 0.0 if choice == value else 0.5 if _KIN.get(str(value)) == choice else 1.0
    return abs(math.log(float(choice) / float(value)))


def differences(levels: Sequence[int], arch: Arch, made: Arch) -> Iterator[str]:
    """What was changed to come from `arch` to `made`, of a space with stages at these levels, one line each."""
    pairs = (("stem", arch.stem, made.stem), ("head", arch.head, made.head), ("eps", arch.eps, made.eps))
    for name, had, got in pairs:
        if had != got:
            yield f"{name}: {had} -> {got}"
    had_stages, got_stages = matched(levels, arch), matched(levels, made)
    placed = {row.place for stage in had_stages for row in stage}
    before, now = (
        ", ".join(str(block) for place, block in enumerate(of.blocks) if place not in there) or "nothing"
        for of, there in ((arch, placed), (made, {row.place for stage in got_stages for row in stage}))
    )
    if before != now:
        yield f"before the stages: {before} -> {now}"
    for number, (had_stage, got_stage) in enumerate(zip(had_stages, got_stages, strict=True), 1):
        if len(had_stage) != len(got_stage):
            yield f"s{number}.depth: {len(had_stage)} -> {len(got_stage)}"
        for option in _OPTIONS:
            old, new = (_said(_values(rows, option)) for rows in (had_stage, got_stage))
            if old != new:
                yield f"s{number}.{option}: {old} -> {new}"


def _said(values: Sequence[Value]) -> str:
    """One value where all are alike, else all of them."""
    texts = [{True: "on", False: "off"}[v] if isinstance(v, bool) else f"{v}" for v in values]
    texts = [text.removesuffix(".0") for text in texts]
    return texts[0] if len(set(texts)) == 1 else " ".join(texts) or "none"
