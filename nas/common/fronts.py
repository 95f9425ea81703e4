"""The front of a set of (value to maximise, cost to minimise) points, and the area that it dominates."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def dominates(point: ArrayLike, other: ArrayLike) -> NDArray[np.bool_]:
    """Whether `point` is at least as good as `other` in both respects and better in one.

    Both have shape [..., 2], (maximised, minimised), and broadcast: `dominates(a[:, None], b[None])` is the
    matrix of all pairs. A point with a NaN neither dominates nor is dominated.
    """
    point, other = np.asarray(point, dtype=float), np.asarray(other, dtype=float)
    value, cost = point[..., 0], point[..., 1]
    other_value, other_cost = other[..., 0], other[..., 1]
    no_worse = (value >= other_value) & (cost <= other_cost)
    return np.asarray(no_worse & ((value > other_value) | (cost < other_cost)))


def front_mask(maximise: ArrayLike, minimise: ArrayLike) -> NDArray[np.bool_]:
    """Which of n points are dominated by no other: bool [n], in the order given.

    `maximise` and `minimise` have shape [n]. Of equal points the first is kept. A point with a coordinate
    that is not finite is no measurement: it is never on the front, and keeps no other off it.
    Raises ValueError when the shapes are not one and the same [n].
    """
    value, cost = _pairs(maximise, minimise)
    front = np.zeros(len(value), dtype=bool)
    finite = np.flatnonzero(np.isfinite(value) & np.isfinite(cost))
    # By rising cost, at equal cost by falling value (the sort is stable, so the first of equals leads): a
    # point is on the front when its value exceeds that of every point before it.
    order = finite[np.lexsort((-value[finite], cost[finite]))]
    best_before = np.concatenate(([-np.inf], np.maximum.accumulate(value[order])[:-1]))
    front[order[value[order] > best_before[: len(order)]]] = True
    return front


def hypervolume(maximise: ArrayLike, minimise: ArrayLike, reference: tuple[float, float]) -> float:
    """The exact area that n points dominate, up to `reference`: a (value, cost) worse than any of interest.

    The reference is the caller's to fix: volumes are comparable only under the same one. Points that do not
    better it in both respects add nothing. The unit is the product of the two coordinates' units.
    Raises ValueError for a reference that is not finite.
    """
    if not np.all(np.isfinite(reference)):
        raise ValueError(f"the reference point {reference} is not finite")
    value, cost = _pairs(maximise, minimise)
    counts = (value > reference[0]) & (cost < reference[1])
    value, cost = value[counts], cost[counts]
    on_front = front_mask(value, cost)
    order = np.argsort(cost[on_front])
    value, cost = value[on_front][order], cost[on_front][order]
    widths = np.diff(cost, append=reference[1])
    return float(np.sum(widths * (value - reference[0])))


def strips(maximise: ArrayLike, minimise: ArrayLike, reference: tuple[float, float]) -> NDArray[np.float64]:
    """By how much the area that n points dominate grows with the value of each: widths [n], 0 where it is dominated.

    As shares of the rectangle from `reference`, a (value, cost), to (1, 0): the area is the sum of these times the
    values less the reference's, so that its error follows from theirs.
    """
    value, cost = _pairs(maximise, minimise)
    widths = np.zeros(len(value))
    kept = np.flatnonzero(front_mask(value, cost) & (value > reference[0]) & (cost < reference[1]))
    kept = kept[np.argsort(cost[kept])]
    widths[kept] = np.diff(cost[kept], append=reference[1]) / ((1.0 - reference[0]) * reference[1])
    return widths


def nondominated(worth: NDArray[np.float64]) -> NDArray[np.intp]:
    """Which of n points [n, objectives], the higher the better, no other dominates; of equal ones the first."""
    left = np.lexsort(
        -worth.T[::-1]
    )  # by the first objective, then the second, ...: nothing dominates the first
    front = []
    while len(left):
        front.append(left[0])
        left = left[(worth[left] > worth[left[0]]).any(axis=1)]
    return np.array(front, dtype=np.intp)


def volume(values: NDArray[np.float64], costs: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    """What n points [n] at costs [n, k], k of 1 or 2, dominate up to a reference (value, costs): exact."""
    if costs.shape[1] == 1:
        return hypervolume(values, costs[:, 0], (reference[0], reference[1]))
    inside = (values > reference[0]) & (costs < reference[1:]).all(axis=1)
    values, costs = values[inside], costs[inside]
    front = nondominated(np.column_stack([values, -costs]))
    values, costs = values[front], costs[front]
    levels = np.unique(costs[:, 1])
    slices = [
        hypervolume(values[below], costs[below, 0], (reference[0], reference[1]))
        for below in (costs[:, 1] <= level for level in levels)
    ]
    return float(np.sum(np.diff(levels, append=reference[2]) * slices))


def _pairs(maximise: ArrayLike, minimise: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    value, cost = np.asarray(maximise, dtype=float), np.asarray(minimise, dtype=float)
    if value.ndim != 1 or value.shape != cost.shape:
        raise ValueError(f"expected two arrays of one length, not of shapes {value.shape} and {cost.shape}")
    return value, cost
