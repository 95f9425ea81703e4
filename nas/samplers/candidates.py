"""Where proposals come from: points of every size, and variations of the best ones."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from nas.samplers.grid import Floats, Grid, Rows

TILT = 3.0  # the pull of a drawn size level: at the ends the favoured choice is taken e^6 times as often


def tilt(grid: Grid, rows: Rows, cost: Floats) -> list[Floats]:
    """For each axis how costly the choices are, from -1 (cheapest) to 1.

    An ordered axis has a single number, the direction of its trend. By ridge regression of the logarithm of a cost
    [n] on the choices of random points [n]; effects that do not stand out are 0.
    """
    y = np.log(cost) if (cost > 0).all() else cost.copy()
    if len(y) < 2 or y.std() == 0:
        return [np.zeros(1 if a.ordered else a.count) for a in grid.axes]
    groups = [
        rows[None, :, k] / max(a.count - 1, 1) - 0.5
        if a.ordered
        else rows[None, :, k] == np.arange(a.count)[:, None]
        for k, a in enumerate(grid.axes)
    ]
    x = np.concatenate(groups).astype(float).T
    x -= x.mean(axis=0)
    y -= y.mean()
    found = np.linalg.solve(x.T @ x + 1.0 * np.eye(x.shape[1]), x.T @ y)
    error = np.sqrt(max(float(np.mean((y - x @ found) ** 2)), 1e-18) / len(y))
    effects, ends = [], np.cumsum([len(group) for group in groups])
    for a, effect in zip(grid.axes, np.split(found, ends[:-1]), strict=True):
        reach = abs(effect[0]) if a.ordered else float(np.ptp(effect))
        if reach <= 4 * error * np.sqrt(a.count):
            effects.append(np.zeros(len(effect)))
        elif a.ordered:
            effects.append(np.sign(effect))
        else:
            effects.append(2 * (effect - effect.min()) / reach - 1)
    return effects


def sized(grid: Grid, tilts: list[list[Floats]], rng: np.random.Generator, n: int) -> Rows:
    """n random points, each with one overall size level: uniform ones would all be of middling cost."""
    if not tilts:
        return grid.uniform(rng, n)
    rows = np.empty((n, len(grid.axes)), dtype=np.int32)
    which = rng.integers(len(tilts), size=n)
    level = rng.uniform(-TILT, TILT, size=n)
    for k, a in enumerate(grid.axes):
        if a.ordered:
            # A draw in [0, 1) with density proportional to exp(pull * x), from a uniform one.
            pull = 2 * level * np.array([float(t[k][0]) for t in tilts])[which]
            pull = np.where(np.abs(pull) < 1e-6, 1e-6, pull)
            drawn = np.log1p(rng.random(n) * np.expm1(pull)) / pull
            rows[:, k] = np.minimum((drawn * a.count).astype(np.int32), a.count - 1)
        else:
            # The largest of logits plus Gumbel noise is a draw from their softmax.
            logits = level[:, None] * np.stack([t[k] for t in tilts])[which]
            rows[:, k] = np.argmax(logits + rng.gumbel(size=logits.shape), axis=1)
    return rows


def children(grid: Grid, parents: Rows, rng: np.random.Generator, n: int) -> Rows:
    """n variations of parents: half of one, half of two mixed dimension by dimension; 1 to 3 changes each."""
    first = parents[rng.integers(len(parents), size=n)]
    second = parents[rng.integers(len(parents), size=n)]
    mixed = np.where(rng.random((n, 1)) < 0.5, rng.random(first.shape) < 0.5, False)
    rows = np.where(mixed, second, first)
    rows = np.where(rows < 0, grid.uniform(rng, n), rows)
    changed = np.zeros(rows.shape, dtype=bool)
    for more in range(3):
        axis = rng.integers(len(grid.axes), size=n)
        changed[np.arange(n), axis] |= rng.random(n) < 0.5**more
    return _mutated(grid, rows, changed, rng)


def neighbours(grid: Grid, rows: Rows, rng: np.random.Generator, n: int) -> Rows:
    """About n points that differ from one of the rows in one dimension."""
    start = np.repeat(rows, max(n // max(len(rows), 1), 1), axis=0)
    start = np.where(start < 0, grid.uniform(rng, len(start)), start)
    changed = np.arange(len(grid.axes)) == rng.integers(len(grid.axes), size=(len(start), 1))
    return _mutated(grid, start, changed, rng)


def every_neighbour(grid: Grid, row: Rows) -> Rows:
    """The points that differ from a complete one in one dimension; integers by one step or at their ends."""
    rows = []
    for k, a in enumerate(grid.axes):
        here = int(row[k])
        others = {0, here - 1, here + 1, a.count - 1} if a.ordered else set(range(a.count))
        for choice in sorted(others - {here, -1, a.count}):
            rows.append(row.copy())
            rows[-1][k] = choice
    return grid.rows(rows)


def _mutated(grid: Grid, rows: Rows, where: NDArray[np.bool_], rng: np.random.Generator) -> Rows:
    """Another choice where told to; half of the integers move by one step only."""
    other = (rows + rng.integers(1, np.maximum(grid.counts, 2), size=rows.shape)) % grid.counts
    ordered = np.array([a.ordered for a in grid.axes])
    step = np.clip(rows + rng.choice([-1, 1], size=rows.shape), 0, grid.counts - 1)
    by_one = ordered & (rng.random(rows.shape) < 0.5)
    return np.where(where, np.where(by_one, step, other), rows).astype(np.int32)


def with_fixed(rows: Rows, fixed: Mapping[int, int]) -> Rows:
    """The points with some axes held at a choice."""
    rows = rows.copy()
    for k, choice in fixed.items():
        rows[:, k] = choice
    return rows
