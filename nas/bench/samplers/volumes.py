"""Dominated volumes and fronts of a value to maximise and any one or two costs to minimise."""

import numpy as np
from numpy.typing import NDArray

from nas.common.fronts import front_mask, hypervolume

Floats = NDArray[np.float64]


def volume(values: Floats, costs: Floats, reference: Floats) -> float:
    """What n points [n] at costs [n, k], k of 1 or 2, dominate up to a reference (value, costs): exact."""
    if costs.shape[1] == 1:
        return hypervolume(values, costs[:, 0], (reference[0], reference[1]))
    inside = (values > reference[0]) & (costs < reference[1:]).all(axis=1)
    values, costs = values[inside], costs[inside]
    front = nondominated(values, costs)
    values, costs = values[front], costs[front]
    levels = np.unique(costs[:, 1])
    slices = [
        hypervolume(values[below], costs[below, 0], (reference[0], reference[1]))
        for below in (costs[:, 1] <= level for level in levels)
    ]
    return float(np.sum(np.diff(levels, append=reference[2]) * slices))


def nondominated(values: Floats, costs: Floats) -> NDArray[np.bool_]:
    """Which of n points [n] at costs [n, k] no other dominates; of equal ones the first."""
    if costs.shape[1] == 1:
        return front_mask(values, costs[:, 0])
    worth = np.column_stack([values, -costs])
    front = np.zeros(len(worth), dtype=bool)
    left = np.lexsort(-worth.T[::-1])  # nothing dominates the first that is left
    while len(left):
        front[left[0]] = True
        left = left[(worth[left] > worth[left[0]]).any(axis=1)]
    return front
