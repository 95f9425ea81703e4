"""What is known of a point before any training: its costs, remembered within bounds, and whether it fits."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.common.errors import UserError
from nas.samplers.grid import Floats, Grid, Rows

Cost = Callable[[dict[str, Any]], float | Mapping[str, float]]
Budget = float | Mapping[str, float] | None

REMEMBERED = 50_000
"""Points whose costs are kept; the oldest are forgotten first."""
ONLY = "cost"
"""The name of a cost that is given as a plain number."""


class Prices:
    """The costs of a grid's points.

    `cost(params)` gives a number or a mapping of names to numbers, lower being better, always with the same
    names. `budget` bounds it: a number (which bounds the only cost, or the first of several) or a mapping from
    some of the names to numbers. A cost that is not finite marks a point that cannot be built: it fits no budget.
    """

    def __init__(self, grid: Grid, cost: Cost | None, budget: Budget) -> None:
        self.grid = grid
        self._cost = cost
        self._memory: OrderedDict[bytes, Floats] = OrderedDict()
        self.names: tuple[str, ...] = ()
        if cost is not None:
            self.names = tuple(self._named(grid.params(np.zeros(len(grid.axes), dtype=np.int32))))
        self.limits = self._limits(budget)

    def _named(self, params: dict[str, Any]) -> dict[str, float]:
        assert self._cost is not None
        priced = self._cost(params)
        named = dict(priced) if isinstance(priced, Mapping) else {ONLY: priced}
        return {name: float(value) for name, value in named.items()}

    def _limits(self, budget: Budget) -> Floats:
        limits = np.full(len(self.names), np.inf)
        bounds = budget if isinstance(budget, Mapping) else {} if budget is None else {self.names[0]: budget}
        for name, bound in bounds.items():
            if name not in self.names:
                raise UserError(f"budget for {name!r}: the cost has {', '.join(map(repr, self.names))}")
            if np.isnan(float(bound)):
                raise UserError(f"budget {name} <= {bound!r}: expected a number")
            limits[self.names.index(name)] = float(bound)
        return limits

    def __call__(self, rows: Rows) -> Floats:
        """The costs of points: float [n, number of costs], infinite where a point cannot be built."""
        prices = np.empty((len(rows), len(self.names)))
        if self.names:
            for number, row in enumerate(rows):
                prices[number] = self._price(row)
        return prices

    def _price(self, row: Rows) -> Floats:
        key = row.tobytes()
        known = self._memory.get(key)
        if known is not None:
            return known
        named = self._named(self.grid.params(row))
        if named.keys() != set(self.names):
            raise UserError(
                f"the cost gave {sorted(named)} for one point and {sorted(self.names)} for another"
            )
        price = np.array([named[name] for name in self.names])
        price[~np.isfinite(price)] = np.inf
        self._memory[key] = price
        if len(self._memory) > REMEMBERED:
            self._memory.popitem(last=False)
        return price

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
