"""What stays the same during a study: the space, what its points cost, and how to find those that fit the budget."""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import NDArray

from nas.common.errors import UserError
from nas.samplers import candidates
from nas.samplers.grid import Floats, Grid, Rows
from nas.samplers.history import distinct, is_tried

Cost = Callable[[dict[str, Any]], float | Mapping[str, float]]
Budget = float | Mapping[str, float] | None
Fixed = Mapping[int, int]  # choices given beforehand, by axis: of a trial queued with some of its parameters

ONLY = "cost"  # the name of a cost that is given as a plain number
REMEMBERED = 50_000  # points whose costs are kept; the oldest are forgotten first
TYPICAL = 300  # points drawn uniformly, that the effect of each choice on the cost is estimated from
SAMPLE = 400  # points of every size that scales, reference costs and size strata are taken from
WALKED = 100_000  # grids of at most so many points are gone through one by one before they count as exhausted
CHUNK = 256
DESCENTS = 8


class Prices:
    """The costs of a grid's points.

    `cost(params)` gives a number or a mapping of names to numbers, lower being better, always with the same
    names. `budget` bounds it: a number (which bounds the only cost, or the first of several) or a mapping from
    some of the names to numbers. A cost that is not finite marks a point that cannot be built: it fits no budget.
    """

    def __init__(self, grid: Grid, cost: Cost | None, budget: Budget) -> None:
        self.grid, self._cost = grid, cost
        self._memory: OrderedDict[bytes, Floats] = OrderedDict()
        self.names = tuple(self._named(np.zeros(len(grid.axes), dtype=np.int32)))
        self.limits = np.full(len(self.names), np.inf)
        bounds = budget if isinstance(budget, Mapping) else {} if budget is None else {self.names[0]: budget}
        for name, bound in bounds.items():
            if name not in self.names:
                raise UserError(f"budget for {name!r}: the cost has {', '.join(map(repr, self.names))}")
            if np.isnan(float(bound)):
                raise UserError(f"budget {name} <= {bound!r}: expected a number")
            self.limits[self.names.index(name)] = float(bound)

    def _named(self, row: Rows) -> dict[str, float]:
        if self._cost is None:
            return {}
        priced = self._cost(self.grid.params(row))
        named = priced if isinstance(priced, Mapping) else {ONLY: priced}
        if not named or not all(isinstance(value, SupportsFloat) for value in named.values()):
            raise UserError(
                f"the cost gave {priced!r} for {self.grid.params(row)}: expected a number, or a mapping from names to "
                "numbers"
            )
        return {name: float(value) for name, value in named.items()}

    def __call__(self, rows: Rows) -> Floats:
        """The costs of points: float [n, number of costs], infinite where a point cannot be built."""
        prices = np.empty((len(rows), len(self.names)))
        for number, row in enumerate(rows if self.names else ()):
            prices[number] = self._price(row)
        return prices

    def _price(self, row: Rows) -> Floats:
        key = row.tobytes()
        if key not in self._memory:
            named = self._named(row)
            if named.keys() != set(self.names):
                raise UserError(
                    f"the cost gave {sorted(named)} for one point and {sorted(self.names)} for another"
                )
            price = np.array([named[name] for name in self.names])
            self._memory[key] = np.where(np.isfinite(price), price, np.inf)
            if len(self._memory) > REMEMBERED:
                self._memory.popitem(last=False)
        return self._memory[key]

    def fits(self, prices: Floats) -> NDArray[np.bool_]:
        """Which prices [n, costs] are finite and within the budget."""
        return np.asarray((np.isfinite(prices) & (prices <= self.limits)).all(axis=1))

    def excess(self, prices: Floats) -> Floats:
        """By what share prices [n, costs] exceed the budget, at worst: <= 0 where they fit."""
        if not self.names:
            return np.full(len(prices), -1.0)
        with np.errstate(invalid="ignore"):
            shares = (prices - self.limits) / np.maximum(np.abs(self.limits), 1e-12)
            shares = np.where(np.isfinite(self.limits), shares, -1.0)
        return np.where(np.isfinite(prices).all(axis=1), shares.max(axis=1), np.inf)


@dataclass(frozen=True)
class Pool:
    """Points [n, axes] that may be proposed, and their costs [n, k]."""

    rows: Rows
    costs: Floats

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: NDArray[Any]) -> "Pool":
        """Those of an index or mask."""
        return Pool(self.rows[which], self.costs[which])

    def joined(self, other: "Pool") -> "Pool":
        """These and then the others."""
        return Pool(np.concatenate([self.rows, other.rows]), np.concatenate([self.costs, other.costs]))


class Problem:
    """A grid with its prices. A function of its arguments; what it remembers only saves time."""

    def __init__(self, grid: Grid, prices: Prices, seed: int) -> None:
        self.grid, self.prices, self.seed = grid, prices, seed
        rng = np.random.default_rng([seed, 0])
        self.typical, self.typical_costs = self._buildable(grid.uniform(rng, TYPICAL))
        self.tilts = [candidates.tilt(grid, self.typical, cost) for cost in self.typical_costs.T]
        self.sample, self.sample_costs = self._buildable(candidates.sized(grid, self.tilts, rng, SAMPLE))
        self._closed = np.zeros(min(grid.size, WALKED), dtype=bool)

    def _buildable(self, rows: Rows) -> tuple[Rows, Floats]:
        costs = self.prices(rows)
        finite = np.isfinite(costs).all(axis=1)
        return rows[finite], costs[finite]

    def numbers(self, costs: Floats) -> Floats:
        """Costs [n, k] as features of unit scale: standardised logarithms, as they are where some are negative."""
        base = self.sample_costs
        if not len(base):
            return np.zeros_like(costs)
        if (base > 0).all():
            base, costs = np.log(base), np.log(np.maximum(costs, 1e-300))
        scale = base.std(axis=0)
        return np.asarray((costs - base.mean(axis=0)) / np.where(scale > 0, scale, 1.0))

    def open(self, rows: Rows, tried: Rows, fixed: Fixed) -> Pool:
        """Those of the points, each once, with the fixed choices, that fit the budget and were not tried."""
        rows = distinct(candidates.with_fixed(rows, fixed))
        rows = rows[~is_tried(rows, tried)]
        costs = self.prices(rows)
        return Pool(rows, costs).take(self.prices.fits(costs))

    def hunt(self, tried: Rows, fixed: Fixed, rng: np.random.Generator) -> Pool:
        """Open points where drawing found none: by descent to within the budget, then one by one; maybe none."""
        start = candidates.with_fixed(candidates.sized(self.grid, self.tilts, rng, SAMPLE), fixed)
        low = self._descents(start, fixed)
        near = [candidates.every_neighbour(self.grid, row) for row in low[: DESCENTS // 2]]
        return self.open(np.concatenate([start, low, *near]), tried, fixed) or self._walk(tried, fixed)

    def completed(self, fixed: Fixed, rng: np.random.Generator) -> Rows:
        """A point with these choices where none that fits is left to try: one tried before, or else the nearest.

        Warns where none fits the budget.
        """
        untried = self.grid.rows([])
        if found := self.hunt(untried, fixed, rng):
            return np.asarray(found.rows[0])
        start = candidates.with_fixed(candidates.sized(self.grid, self.tilts, rng, SAMPLE), fixed)
        low = self._descents(start, fixed)
        nearest: Rows = low[np.argmin(self.prices.excess(self.prices(low)))]
        costs = dict(zip(self.prices.names, self.prices(nearest[None])[0].tolist(), strict=True))
        given = {
            self.grid.axes[axis].name: self.grid.axes[axis].values[choice] for axis, choice in fixed.items()
        }
        warnings.warn(
            f"no point with {given}, as a queued trial wants, is within the budget; the nearest is tried: {costs}",
            stacklevel=2,
        )
        return nearest

    def _descents(self, start: Rows, fixed: Fixed) -> Rows:
        """Where descents from the DESCENTS of these points end that exceed the budget least."""
        excess = self.prices.excess(self.prices(start))
        lowest = start[np.argsort(excess, kind="stable")[:DESCENTS]]
        return self.grid.rows([self._descend(row, fixed) for row in lowest])

    def _descend(self, row: Rows, fixed: Fixed) -> Rows:
        """Step to the neighbour that exceeds the budget least, until none is better."""
        excess = float(self.prices.excess(self.prices(row[None]))[0])
        while excess > 0:
            near = candidates.with_fixed(candidates.every_neighbour(self.grid, row), fixed)
            found = self.prices.excess(self.prices(near))
            if found.min() >= excess:
                break
            row, excess = near[np.argmin(found)], float(found.min())
        return row

    def _walk(self, tried: Rows, fixed: Fixed) -> Pool:
        """The first open points of the whole grid, in an order that looks random; none for too large a grid."""
        left = np.flatnonzero(~self._closed) if self.countable else self._closed[:0]
        for start in range(0, len(left), CHUNK):
            numbers = left[start : start + CHUNK]
            rows = self.grid.numbered(numbers, self.seed)
            self._closed[numbers[~self.prices.fits(self.prices(rows))]] = True
            if pool := self.open(rows, tried, fixed):
                return pool
        return self.open(self.grid.rows([]), tried, fixed)

    @property
    def countable(self) -> bool:
        """Whether the grid is small enough to be gone through."""
        return self.grid.size <= WALKED

    def exhausted(self, tried: Rows) -> bool:
        """Whether every point that fits was tried; never so for a grid too large to go through."""
        return self.countable and not self.open(self.sample, tried, {}) and not self._walk(tried, {})

    def refusal(self) -> UserError:
        """That nothing fits the budget, with the point that comes nearest to it."""
        low = self._descents(self.sample, {})
        if not len(low):
            return UserError("no point of the space has a finite cost")
        costs = self.prices(low)
        nearest = int(np.argmin(self.prices.excess(costs)))
        named = list(zip(self.prices.names, costs[nearest], self.prices.limits, strict=True))
        price = ", ".join(f"{name} {cost:g}" for name, cost, _ in named)
        budget = ", ".join(f"{name} <= {limit:g}" for name, _, limit in named if np.isfinite(limit))
        return UserError(
            f"nothing found in the space fits the budget {budget}: the nearest point has {price} "
            f"({self.grid.params(low[nearest])}); raise the budget or give a space with cheaper choices"
        )
