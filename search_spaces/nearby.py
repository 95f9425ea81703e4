"""The point of a space closest to an arch that it need not hold, and what differs."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from typing import Any

from blocks import UserError
from search_spaces.arch import Arch
from search_spaces.reading import read
from search_spaces.stages import Choices, Trunk, Value

_KIN = {"RE6": "RE", "SI": "HS", "HSopen": "HS"}  # the closest activation where a space lacks one


@dataclass(frozen=True)
class Nearest:
    """The closest point of a space to an arch, its arch, and the differences, one line each."""

    params: dict[str, Value]
    arch: Arch
    differences: tuple[str, ...]


@dataclass(frozen=True)
class _Row:
    """A block in the words of a space; its map is 1 / level of the image, `width` the narrow one."""

    level: int
    width: int
    block: str
    kernel: int
    expansion: float
    squeeze_excite: bool
    activation: str
    groups: int


def nearest(space: Trunk, arch: Arch) -> Nearest:
    """The closest point: stages are matched by resolution, each option chosen closest to all its blocks.

    Raises UserError where the arch has blocks other than inverted residuals and SandGlasses.
    """
    exact = read(space, arch)
    if exact is not None:
        return Nearest(exact, arch, ())
    rows = _rows(arch)
    matched = _matched(space, rows)
    params: dict[str, Value] = {}
    for number, members in enumerate(matched):
        params |= _closest(space, number, members)
    made = space.arch(params)
    return Nearest(params, made, tuple(_differences(space, arch, made)))


def _rows(arch: Arch) -> list[_Row]:
    level, narrow, channels = arch.stem.reduction, arch.stem.out, arch.stem.out
    rows = []
    blocks: Sequence[Any] = arch.blocks
    for block in blocks:
        level *= block.stride
        width, expansion = block.narrow_width(channels), block.stage_expansion(narrow, channels)
        if expansion is None:
            raise UserError(f"no nearest point: {block} is neither an inverted residual nor a SandGlass")
        rows.append(
            _Row(
                level=level,
                width=width,
                block=block.token,
                kernel=block.kernel,
                expansion=round(expansion, 2),
                squeeze_excite=block.squeeze_excite,
                activation=block.activation,
                groups=block.groups,
            )
        )
        narrow, channels = width, block.out
    return rows


def _matched(space: Trunk, rows: Sequence[_Row]) -> list[list[_Row]]:
    """The rows of each stage of the space, by level; within a level by width, in order."""
    level, levels = space.stem.reduction * space.first.stride, []
    for stage in space.stages:
        level *= stage.stride
        levels.append(level)
    result: list[list[_Row]] = []
    for level, group in groupby(levels):
        stages = len(list(group))
        runs = [list(run) for _, run in groupby((r for r in rows if r.level == level), lambda r: r.width)]
        while len(runs) > stages:
            runs[-2:] = [runs[-2] + runs[-1]]
        while runs and len(runs) < stages and len(runs[-1]) > 1:
            half = (len(runs[-1]) + 1) // 2
            runs[-1:] = [runs[-1][:half], runs[-1][half:]]
        result += runs + [[] for _ in range(stages - len(runs))]
    return result


def _closest(space: Trunk, number: int, members: Sequence[_Row]) -> dict[str, Value]:
    """The choice of each dimension of a stage that is closest to its rows; the smallest without rows."""
    params: dict[str, Value] = {}
    depth = 0
    for dimension in space.dimensions:
        if dimension.stage != number or (dimension.block is not None and dimension.block >= depth):
            continue
        values: list[Value]
        if dimension.option == "depth":
            values = [max(1, len(members))]
        else:
            rows = members
            if dimension.block is not None and members:
                rows = [members[min(dimension.block, len(members) - 1)]]
            elif (
                dimension.block is None
                and dimension.option not in ("width", "expansion")
                and len(members) > 1
            ):
                rows = members[1:] if dimension.option in ("kernel", "squeeze_excite", "groups") else members
            values = [getattr(row, dimension.option) for row in rows]
        choice = min(dimension.choices, key=lambda c: sum(_distance(c, value) for value in values))
        params[dimension.name] = choice
        if dimension.option == "depth":
            depth = int(choice)
    return params


def _distance(choice: Value, value: Value) -> float:
    """Ratio of numbers, equality of names."""
    if isinstance(choice, (bool, str)) or isinstance(value, (bool, str)):
        return 0.0 if choice == value else 0.5 if _KIN.get(str(value)) == choice else 1.0
    return abs(math.log(float(choice) / float(value)))


def _differences(space: Trunk, arch: Arch, made: Arch) -> Iterable[str]:
    pairs = (("stem", arch.stem, made.stem), ("head", arch.head, made.head), ("eps", arch.eps, made.eps))
    for name, had, got in pairs:
        if had != got:
            yield f"{name}: {had} -> {got}"
    had_rows, got_rows = _rows(arch), _rows(made)
    had_stages, got_stages = _matched(space, had_rows), _matched(space, got_rows)
    placed = {id(row) for stage in had_stages for row in stage}
    before = [str(b) for b, row in zip(arch.blocks, had_rows, strict=True) if id(row) not in placed]
    if before != [str(made.blocks[0])]:
        yield f"before the stages: {', '.join(before) or 'nothing'} -> {made.blocks[0]}"
    for number, (had_stage, got_stage) in enumerate(zip(had_stages, got_stages, strict=True), 1):
        if len(had_stage) != len(got_stage):
            yield f"s{number}.depth: {len(had_stage)} -> {len(got_stage)}"
        for option in ("width", *(spec.name for spec in fields(Choices))):
            old, new = (_said([getattr(row, option) for row in rows]) for rows in (had_stage, got_stage))
            if old != new:
                yield f"s{number}.{option}: {old} -> {new}"


def _said(values: Sequence[Value]) -> str:
    """One value where all are alike, else all of them."""
    texts = [{True: "on", False: "off"}[v] if isinstance(v, bool) else f"{v}" for v in values]
    texts = [text.removesuffix(".0") for text in texts]
    return texts[0] if len(set(texts)) == 1 else " ".join(texts) or "none"
