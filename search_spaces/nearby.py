"""The point of a space closest to an arch that it need not hold, and what differs."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import groupby

from blocks import UserError
from search_spaces.arch import Arch
from search_spaces.stages import Choices, Dimension, Value

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


def closest(dimensions: Sequence[Dimension], levels: Sequence[int], arch: Arch) -> dict[str, Value]:
    """The point closest to an arch; the map of each stage is 1 / its level of the image.

    Stages are matched by level, each option is chosen closest to all their blocks. Raises UserError where the
    arch has blocks other than inverted residuals and SandGlasses.
    """
    params: dict[str, Value] = {}
    for number, members in enumerate(_matched(levels, _rows(arch))):
        params |= _closest([d for d in dimensions if d.stage == number], members)
    return params


def _rows(arch: Arch) -> list[_Row]:
    level, narrow, channels = arch.stem.reduction, arch.stem.out, arch.stem.out
    rows = []
    for block in arch.blocks:
        if block.expands is None:
            raise UserError(f"no nearest point: {block} is neither an inverted residual nor a SandGlass")
        level *= block.stride
        width = block.narrow_width(channels)
        rows.append(
            _Row(
                level=level,
                width=width,
                block=block.token,
                kernel=getattr(block, "kernel", 3),
                expansion=round(block.ratio(channels, narrow), 2),
                squeeze_excite=getattr(block, "squeeze_excite", False),
                activation=getattr(block, "activation", "RE"),
                groups=getattr(block, "groups", 1),
            )
        )
        narrow, channels = width, block.out
    return rows


def _matched(levels: Sequence[int], rows: Sequence[_Row]) -> list[list[_Row]]:
    """The rows of each stage, by level; within a level by width, in order."""
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


def _closest(dimensions: Sequence[Dimension], members: Sequence[_Row]) -> dict[str, Value]:
    """The choice of each dimension of a stage that is closest to its rows; the smallest without rows."""
    params: dict[str, Value] = {}
    depth = 0
    for dimension in dimensions:
        if dimension.block is not None and dimension.block >= depth:
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


def differences(levels: Sequence[int], arch: Arch, made: Arch) -> Iterator[str]:
    """What of an arch is otherwise in the one made of its closest point, one line each."""
    pairs = (("stem", arch.stem, made.stem), ("head", arch.head, made.head), ("eps", arch.eps, made.eps))
    for name, had, got in pairs:
        if had != got:
            yield f"{name}: {had} -> {got}"
    had_rows, got_rows = _rows(arch), _rows(made)
    had_stages, got_stages = _matched(levels, had_rows), _matched(levels, got_rows)
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
