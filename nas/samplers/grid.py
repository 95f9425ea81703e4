"""A finite space as a grid of integers: what the model, the candidates and the duplicates are computed on.

A point is a row of choice numbers, int32 [dimensions]; ABSENT marks a dimension that a trial never asked for
(a conditional space). Optuna's distributions are translated here and nowhere else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from nas.common.errors import UserError

Rows = NDArray[np.int32]
Floats = NDArray[np.float64]

MOST_VALUES = 2**31 - 1  # of an integer: rows are of 32 bits
ABSENT = -1
MANY = 1024  # choices of an axis up to which the number of each value is kept
LEVELS = 32  # integers with more values than this are told apart by the model to 1/32 of their range


@dataclass(frozen=True)
class GridAxis:
    """One dimension: its distribution, its number of choices, and whether they are ordered."""

    name: str
    distribution: CategoricalDistribution | IntDistribution
    values: Sequence[Any]
    ordered: bool

    @property
    def count(self) -> int:
        """The number of choices."""
        return len(self.values)

    def choice(self, value: Any) -> int:
        """The choice number of a parameter's value, ABSENT where the distribution does not hold it."""
        try:
            if (known := self._numbers.get(value)) is not None:
                return known
        except TypeError:  # not hashable
            pass
        try:
            internal = self.distribution.to_internal_repr(value)
        except (TypeError, ValueError):
            return ABSENT
        if isinstance(self.distribution, CategoricalDistribution):
            return self.values.index(self.distribution.choices[int(internal)])
        choice = round((internal - self.distribution.low) / self.distribution.step)
        return choice if 0 <= choice < self.count and self.values[choice] == internal else ABSENT

    @cached_property
    def _numbers(self) -> dict[Any, int]:
        """A short way to `choice`; it need not know every value. Of equal ones it has the first."""
        few = enumerate(self.values) if self.count <= MANY else ()
        return {v: c for c, v in reversed(list(few)) if isinstance(v, (str, int, float, bool))}

    @cached_property
    def thresholds(self) -> tuple[Floats, Floats]:
        """Where an ordered axis is cut into bits, in choice numbers, and the share of its range at each cut.

        The distance of two values is the sum of the shares between them: |difference| / range, of the logarithms
        for a distribution with log=True. Beyond LEVELS + 1 values some cuts are left out.
        """
        spaced = np.linspace(0, self.count - 1, min(self.count, LEVELS + 1))
        numbers = np.unique(np.round(spaced).astype(int))
        values = np.array([float(self.values[i]) for i in numbers.tolist()])
        if isinstance(self.distribution, IntDistribution) and self.distribution.log:
            values = np.log(values)
        spans = np.diff(values)
        return (numbers[1:] + numbers[:-1]) / 2.0, spans / max(float(spans.sum()), 1e-300)


def axis(name: str, distribution: BaseDistribution) -> GridAxis:
    """The axis of a parameter. Raises UserError for a continuous one, and for one of too many values."""
    if isinstance(distribution, CategoricalDistribution):
        different = tuple(dict.fromkeys(distribution.choices))  # of equal ones, as 1 and True are, the first
        return GridAxis(name, distribution, different, ordered=False)
    if isinstance(distribution, IntDistribution):
        low, high, step = distribution.low, distribution.high, distribution.step
        if (count := (high - low) // step + 1) > MOST_VALUES:
            raise UserError(
                f"parameter {name!r} has {count} values, FrontSampler takes at most {MOST_VALUES}: "
                "give it a larger step"
            )
        return GridAxis(name, distribution, range(low, low + count * step, step), ordered=True)
    raise UserError(
        f"parameter {name!r} is {distribution}: FrontSampler proposes categorical and integer parameters only; "
        "give it as suggest_int or as a choice of values"
    )


@dataclass(frozen=True)
class Grid:
    """The axes of a space, in a fixed order."""

    axes: tuple[GridAxis, ...]

    @classmethod
    def of(cls, space: Mapping[str, BaseDistribution]) -> "Grid":
        """The grid of named distributions, in their order. Raises UserError for a continuous one."""
        return cls(tuple(axis(name, distribution) for name, distribution in space.items()))

    @cached_property
    def size(self) -> int:
        """The number of points."""
        return prod(a.count for a in self.axes)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """The number of choices of each axis."""
        return np.array([a.count for a in self.axes], dtype=np.int64)

    def params(self, row: NDArray[np.integer[Any]]) -> dict[str, Any]:
        """The parameters of a point; absent dimensions are left out."""
        choices = zip(self.axes, row.tolist(), strict=True)
        return {a.name: a.values[c] for a, c in choices if c != ABSENT}

    def row(self, params: Mapping[str, Any]) -> Rows | None:
        """The point of some parameters, ABSENT where one is missing; None where a value is none of the space's,
        or where no parameter is of the space."""
        row = [ABSENT] * len(self.axes)
        for number, a in enumerate(self.axes):
            if a.name in params:
                row[number] = a.choice(params[a.name])
                if row[number] == ABSENT:
                    return None
        return np.array(row, dtype=np.int32) if max(row, default=ABSENT) != ABSENT else None

    def rows(self, points: Sequence[Rows]) -> Rows:
        """Points as one array [n, dimensions]."""
        return np.array(points, dtype=np.int32).reshape(len(points), len(self.axes))

    def uniform(self, rng: np.random.Generator, n: int) -> Rows:
        """n points drawn uniformly, repeats included."""
        return rng.integers(0, self.counts, size=(n, len(self.axes))).astype(np.int32)

    @cached_property
    def bit_axes(self) -> NDArray[np.intp]:
        """The axis that each bit belongs to."""
        widths = [2 * len(a.thresholds[0]) if a.ordered else a.count for a in self.axes]
        return np.repeat(np.arange(len(self.axes)), widths)

    @cached_property
    def bit_shares(self) -> Floats:
        """What a difference in each bit adds to the distance along its axis, which is between 0 and 1.

        Unequal choices are at distance 1 (they differ in two bits of a half each), integers at their difference
        as a share of the range; a dimension that is absent from one point is at distance 1/2 from any choice.
        """
        parts = [np.repeat(a.thresholds[1], 2) / 2 if a.ordered else np.full(a.count, 0.5) for a in self.axes]
        return np.concatenate(parts) if parts else np.zeros(0)

    def bits(self, rows: Rows) -> Floats:
        """Points as 0/1 vectors [n, bits]: one-hot for choices, two bits a threshold (above, below) for integers.

        An absent dimension is all zeros.
        """
        parts = []
        for number, a in enumerate(self.axes):
            column = rows[:, number, None]
            if a.ordered:
                cuts = np.repeat(a.thresholds[0], 2)
                above = np.arange(len(cuts)) % 2 == 0
                parts.append(((column > cuts) == above) & (column != ABSENT))
            else:
                parts.append(column == np.arange(a.count))
        return np.concatenate(parts, axis=1).astype(float) if parts else np.zeros((len(rows), 0))

    def numbered(self, numbers: NDArray[np.int64], seed: int) -> Rows:
        """Points number 0 ... size - 1 of the grid in an order that looks random, the same for the same seed.

        For grids of at most 2^31 points.
        """
        stride = max(int(0.618 * self.size), 1)
        while gcd(stride, self.size) != 1:
            stride += 1
        rest = (numbers * stride + seed) % self.size
        rows = np.empty((len(numbers), len(self.axes)), dtype=np.int32)
        for number, count in enumerate(self.counts):
            rest, rows[:, number] = np.divmod(rest, count)
        return rows
