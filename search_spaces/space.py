"""A search space is data: choices from which archs are drawn. The trunk is a row of stages (`stages.py`)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import cached_property
from itertools import accumulate, product
from math import prod
from operator import mul
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blocks import Block, Head, InvertedResidual, Stem, UserError, make_divisible
from blocks.errors import shown
from search_spaces import nearby
from search_spaces.arch import MOST_BLOCKS, Arch
from search_spaces.reading import readings
from search_spaces.stages import KINDS, Dimension, Params, Stage, Value, live_options, stage_block

if TYPE_CHECKING:  # suggesting needs a trial, not the library
    import optuna

MOST_MADE = 100_000
"""Blocks that are made to see whether each can stand behind those before it."""


@dataclass(frozen=True)
class Space:
    """Stem, fixed first block or none, stages to choose from, head; granularity "stage" or "block".

    The head's convolution has `head_ratio` times the last stage's narrow width (6 in MobileNetV3); 0 leaves it out,
    as 0 `features` the fully connected layer before the classifier. Several of either are a choice.
    """

    name: str
    stages: tuple[Stage, ...]
    stem: Stem = Stem(16, activation="HS")
    first: InvertedResidual | None = InvertedResidual(16)
    head_ratio: int | tuple[int, ...] = 6
    features: int | tuple[int, ...] = 1280
    granularity: str = "stage"

    def __post_init__(self) -> None:
        if self.granularity not in ("stage", "block"):
            raise UserError(f"granularity is {shown(self.granularity)}, expected 'stage' or 'block'")
        if not self.stages:
            raise UserError(f"space {self.name}: expected at least one stage")
        if self.first:
            self.first.canonical(self.stem.out)  # refuses what cannot be built
        for name, values in self._head_choices.items():
            if not values or len(set(values)) != len(values):
                raise UserError(
                    f"space {self.name}: head {name} is {shown(list(values))}, expected distinct choices"
                )
        deepest = (self.first is not None) + sum(max(stage.depth) for stage in self.stages)
        if deepest > MOST_BLOCKS:
            raise UserError(f"space {self.name}: up to {deepest} blocks, expected at most {MOST_BLOCKS}")
        widest = {name: max(values) for name, values in self._head_choices.items()}
        self.head(max(self.stages[-1].width), **widest)  # refuses what is too wide
        choices = [stage.choices for stage in self.stages]
        if any(set(own.block) - set(KINDS) or 3 in own.groups for own in choices):
            self._check_buildable()

    def _check_buildable(self) -> None:
        """Refuse the space where a block cannot stand behind another; the default kinds always can."""
        before = {(self._start, self._start)}  # narrow width and channels of what a stage may follow
        made = 0
        for number, stage in enumerate(self.stages, 1):
            pairs = set()  # a block and the channels before it
            behind = set()
            for width in stage.width:
                begun, rest = (list(stage.choices.live(first=first)) for first in (True, False))
                made += len(begun) * len(before)
                self._check_effort(made, number)
                begins = {
                    tuple(choice.values()): {
                        (stage_block(choice, n, width, stage.stride, first=True, channels=c), c)
                        for n, c in before
                    }
                    for choice in begun
                }
                every = {block.out for firsts in begins.values() for block, _ in firsts}
                made += len(rest) * len(every)
                self._check_effort(made, number)
                for choice in rest:
                    firsts = begins[
                        tuple(choice[name] for name in live_options(str(choice["block"]), first=True))
                    ]
                    outs = every if self.granularity == "block" else {block.out for block, _ in firsts}
                    rests = {(stage_block(choice, width, width, 1, first=False, channels=c), c) for c in outs}
                    pairs |= firsts | rests
                    behind |= {
                        (width, block.out) for block, _ in (rests if min(stage.depth) > 1 else firsts | rests)
                    }
            for block, channels in sorted(pairs, key=str):  # so that the first refused is always the same
                try:
                    block.canonical(channels)
                except UserError as error:
                    raise UserError(
                        f"space {self.name}: stage {number} cannot have {block} behind {channels} channels: "
                        f"{error}; change its widths or its choices"
                    ) from None
            before = behind

    def _check_effort(self, made: int, number: int) -> None:
        if made > MOST_MADE:
            raise UserError(f"space {self.name}: stage {number} has too many choices to be checked")

    @property
    def _start(self) -> int:
        """Channels before the first stage."""
        return self.first.out if self.first else self.stem.out

    @cached_property
    def _head_choices(self) -> dict[str, tuple[int, ...]]:
        choices = {"ratio": self.head_ratio, "features": self.features}
        return {name: (of,) if isinstance(of, int) else of for name, of in choices.items()}

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        """All of them in order; at block granularity those of the deepest stages."""
        stages = [d for number in range(len(self.stages)) for d in self._stage_dimensions(number)]
        head = [
            Dimension(f"head.{name}", choices, len(self.stages), name)
            for name, choices in self._head_choices.items()
            if len(choices) > 1
        ]
        return (*stages, *head)

    def _stage_dimensions(self, number: int) -> Iterator[Dimension]:
        stage, prefix = self.stages[number], f"s{number + 1}"
        yield Dimension(f"{prefix}.width", stage.width, number, "width")
        yield Dimension(f"{prefix}.depth", stage.depth, number, "depth")
        blocks = [None] if self.granularity == "stage" else list(range(max(stage.depth)))
        for block in blocks:
            for spec in fields(stage.choices):
                if block != 0 or spec.name in stage.choices.first:
                    name = prefix if block is None else f"{prefix}.b{block + 1}"
                    values = getattr(stage.choices, spec.name)
                    yield Dimension(f"{name}.{spec.name}", values, number, spec.name, block)

    @cached_property
    def size(self) -> int:
        """The number of points."""
        return prod(len(choices) for choices in self._head_choices.values()) * prod(
            sum(
                prod(
                    len(d.choices)
                    for d in self._stage_dimensions(number)
                    if d.option != "depth" and (d.block is None or d.block < depth)
                )
                for depth in stage.depth
            )
            for number, stage in enumerate(self.stages)
        )

    # Drawing a point -----------------------------------------------------------------------------------

    def draw(self, choose: Callable[[Dimension], Value]) -> dict[str, Value]:
        """The point that `choose` makes, asked for every live dimension in order."""
        params: dict[str, Value] = {}
        depth: Value = 0
        for dimension in self.dimensions:
            if dimension.block is not None and dimension.block >= int(depth):
                continue
            params[dimension.name] = value = choose(dimension)
            if dimension.option == "depth":
                depth = value
        return params

    def sample(self, rng: np.random.Generator) -> Arch:
        """An arch drawn uniformly, dimension by dimension."""
        return self.arch(self.draw(lambda d: d.choices[int(rng.integers(len(d.choices)))]))

    def suggest(self, trial: "optuna.trial.BaseTrial") -> Arch:
        """The arch that an Optuna trial proposes; every live dimension is a categorical parameter."""
        return self.arch(self.draw(lambda d: _chosen(trial.suggest_categorical(d.name, d.choices))))

    # Points and archs ----------------------------------------------------------------------------------

    def arch(self, params: Params) -> Arch:
        """The arch of a point. Raises UserError where a choice is missing or is none of the space's."""
        options: list[dict[int | None, dict[str, Value]]] = [{} for _ in (*self.stages, self.head)]
        for dimension in self.dimensions:
            if dimension.block is not None and dimension.block >= int(
                params[f"s{dimension.stage + 1}.depth"]
            ):
                continue
            value = params.get(dimension.name)
            if value not in dimension.choices:
                expected = ", ".join(map(str, dimension.choices))
                raise UserError(
                    f"space {self.name}: {dimension.name} is {shown(value)}, expected one of {expected}"
                )
            options[dimension.stage].setdefault(dimension.block, {})[dimension.option] = value
        blocks: list[Block] = [self.first] if self.first else []
        narrow = channels = self._start
        for stage, picked in zip(self.stages, options, strict=False):
            width, depth = int(picked[None]["width"]), int(picked[None]["depth"])
            for index in range(depth):
                choice = picked[None] if self.granularity == "stage" else picked[index]
                block = stage_block(choice, narrow, width, stage.stride, first=index == 0, channels=channels)
                blocks.append(block)
                narrow, channels = width, block.out
        return Arch(self.stem, tuple(blocks), self.head(narrow, **options[-1].get(None, {})))

    def head(self, narrow: int, **choices: Value) -> Head:
        """The head behind a last stage of this narrow width; `ratio` and `features` where they are a choice."""
        ratio, features = (int(choices.get(name, of[0])) for name, of in self._head_choices.items())
        return Head(make_divisible(ratio * narrow) if ratio else 0, features, "HS").canonical()

    def params(self, arch: Arch) -> dict[str, Value]:
        """The point of an arch; the inverse of `arch`. Raises UserError where the space does not hold it.

        Where several points are this arch (an option without effect), the first.
        """
        params = self._read(arch)
        if params is None:
            raise UserError(f"space {self.name} does not contain {arch}")
        return params

    def contains(self, arch: Arch) -> bool:
        """Whether some point of the space is this arch."""
        return self._read(arch) is not None

    def _read(self, arch: Arch) -> dict[str, Value] | None:
        start = 1 if self.first else 0
        if arch.stem != self.stem or (self.first and arch.blocks[0] != self.first.canonical(self.stem.out)):
            return None
        heads = [
            dict(zip(self._head_choices, of, strict=True)) for of in product(*self._head_choices.values())
        ]
        for params in readings(
            self.stages, arch.blocks, start, self._start, alike=self.granularity == "stage"
        ):
            narrow = int(params[f"s{len(self.stages)}.width"])
            for head in heads:
                if self.head(narrow, **head) == arch.head:
                    chosen = {f"head.{n}": v for n, v in head.items() if len(self._head_choices[n]) > 1}
                    return params | chosen if self.arch(params | chosen) == arch else None
        return None

    def nearest(self, arch: Arch) -> nearby.Nearest:
        """The closest point to any arch of inverted residuals and SandGlasses, and what differs.

        Stages are matched by resolution, each option is chosen closest to all its blocks. Raises UserError
        where the arch has other blocks.
        """
        exact = self._read(arch)
        if exact is not None:
            return nearby.Nearest(exact, arch, ())
        start = self.stem.reduction * (self.first.stride if self.first else 1)
        levels = list(accumulate((stage.stride for stage in self.stages), mul, initial=start))[1:]
        members = nearby.matched(levels, arch)
        narrow = int(nearby.last_width(arch))

        def choose(dimension: Dimension) -> Value:
            if dimension.stage == len(self.stages):
                return nearby.closest_head(dimension, arch.head, narrow)
            return nearby.closest(dimension, members[dimension.stage])

        params = self.draw(choose)
        made = self.arch(params)
        return nearby.Nearest(params, made, tuple(nearby.differences(levels, arch, made)))

    def neighbours(self, arch: Arch) -> list[Arch]:
        """The archs one choice away from this one; a block that is added repeats its stage's last.

        Choices without effect lead to none. Raises UserError as `params` does.
        """
        params = self.params(arch)
        result: dict[Arch, None] = {}
        for dimension in self.dimensions:
            for value in dimension.choices:
                if dimension.name in params and value != params[dimension.name]:
                    other = self.arch(self._completed({**params, dimension.name: value}))
                    result[other] = None
        result.pop(arch, None)
        return list(result)

    def _completed(self, params: Params) -> dict[str, Value]:
        last: dict[tuple[int, str], Value] = {}

        def choose(dimension: Dimension) -> Value:
            key = (dimension.stage, dimension.option)
            last[key] = params.get(dimension.name, last.get(key, dimension.choices[0]))
            return last[key]

        return self.draw(choose)

    def encode(self, arch: Arch) -> NDArray[np.float64]:
        """One-hot vector of the arch's point; the dimensions of absent blocks are all zero.

        Float64 [sum of the dimensions' numbers of choices]. Raises UserError as `params` does.
        """
        params = self.params(arch)
        return np.array(
            [float(params.get(d.name) == choice) for d in self.dimensions for choice in d.choices]
        )

    def __str__(self) -> str:
        lines = [
            f"{self.name}: {_about(self.size)} archs, {len(self.dimensions)} dimensions, a choice per "
            f"{self.granularity}",
            f"  {self.stem}-{self.first}" if self.first else f"  {self.stem}",
        ]
        for number, stage in enumerate(self.stages, 1):
            options = " ".join(
                f"{spec.name} {'|'.join(map(str, getattr(stage.choices, spec.name)))}"
                for spec in fields(stage.choices)
            )
            lines.append(
                f"  s{number}: stride {stage.stride} width {'|'.join(map(str, stage.width))} "
                f"depth {'|'.join(map(str, stage.depth))} {options}"
            )
        ratio, features = ("|".join(map(str, of)) for of in self._head_choices.values())
        lines.append(f"  head: convolution {ratio} x last width, features {features}, HS")
        return "\n".join(lines)


def _about(size: int) -> str:
    """To three figures; of more than any float can be as well."""
    return f"{size if size < 10**300 else Decimal(size):.3g}"


def _chosen(value: Value | None) -> Value:
    assert value is not None  # no dimension offers it; Optuna's types allow it
    return value
