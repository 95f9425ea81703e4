"""How much a candidate is expected to enlarge what the front dominates, its costs being known.

With the costs known, only one value is uncertain, and the expected hypervolume improvement is exact and cheap:
the space of costs falls into cells, in each of which one value is the best so far, and the improvement is a sum of
one-dimensional expected improvements over these, weighted with the volume of each that the candidate reaches.
Without costs there is one cell, and what remains is the expected improvement of a single objective.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from nas.samplers.grid import Floats

MOST_CELLS = 4096  # of the cost space; beyond (two costs and more than 63 front points) edges are thinned out


def expected_improvement(mean: Floats, deviation: Floats, threshold: Floats | float) -> Floats:
    """E[max(value - threshold, 0)] of normal values; exact at deviation 0."""
    gap = mean - threshold
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(deviation > 0, gap / deviation, 0.0)
    density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    return np.where(deviation > 0, gap * ndtr(z) + deviation * density, np.maximum(gap, 0.0))


@dataclass(frozen=True)
class Cells:
    """The cost space below a reference, in cells; `best` holds the value that is dominated in each.

    edges: for each cost the upper edges, rising, the last one the reference; the first cell has no lower edge.
    best [len(edges[0]), len(edges[1]), ...]: the floor where nothing is dominated.
    """

    edges: tuple[Floats, ...]
    best: Floats


def cells(values: Floats, costs: Floats, reference: Floats, floor: float) -> Cells:
    """The cells of a front of n values [n] (higher is better) at costs [n, k] (lower is better).

    Points that do not better the reference costs [k] and the floor in every respect are ignored.
    """
    inside = (values > floor) & (costs < reference).all(axis=1)
    values, costs = values[inside], costs[inside]
    kinds = costs.shape[1]
    if kinds == 0:
        return Cells((), np.array(values.max(initial=floor)))
    most = max(int(MOST_CELLS ** (1.0 / kinds)), 2)
    edges = tuple(_edges(costs[:, k], reference[k], most) for k in range(kinds))
    best = np.full([len(e) for e in edges], floor)
    # A point at an edge dominates from that edge on; between two kept edges, from the upper one on.
    places = tuple(np.searchsorted(e[:-1], costs[:, k], side="left") + 1 for k, e in enumerate(edges))
    kept = np.all([p < len(e) for p, e in zip(places, edges, strict=True)], axis=0)
    np.maximum.at(best, tuple(p[kept] for p in places), values[kept])
    for k in range(kinds):
        best = np.maximum.accumulate(best, axis=k)
    return Cells(edges, best)


def _edges(costs: Floats, reference: float, most: int) -> Floats:
    distinct = np.unique(costs)
    if len(distinct) >= most:
        distinct = distinct[np.linspace(0, len(distinct) - 1, most - 1).round().astype(int)]
    return np.append(distinct, reference)


def improvement(mean: Floats, deviation: Floats, costs: Floats, front: Cells) -> Floats:
    """Expected hypervolume improvement [m] of candidates with uncertain values and known costs [m, k]."""
    overlaps = []
    for k, edges in enumerate(front.edges):
        lower = np.append(-np.inf, edges[:-1])
        overlaps.append(np.maximum(edges - np.maximum(lower, costs[:, k, None]), 0.0))
    total = np.zeros(len(mean))
    for level in np.unique(front.best):
        volume = np.ones(len(mean))  # of the cells of this level that each candidate reaches
        if overlaps:
            volume = np.tensordot(overlaps[0], (front.best == level).astype(float), axes=1)
            for overlap in overlaps[1:]:
                volume = np.einsum("mi,mi...->m...", overlap, volume)
        some = volume > 0
        total[some] += volume[some] * expected_improvement(mean[some], deviation[some], float(level))
    return total
