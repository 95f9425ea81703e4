"""One proposal: gather candidates, predict what only training can tell, rank them by what they would add.

A proposal is a function of the problem, of the study's history, and of a random generator.

With the costs known, only one value is uncertain, and the expected hypervolume improvement is exact and cheap:
the space of costs falls into cells, in each of which one value is the best so far, and the improvement is a sum of
one-dimensional expected improvements over these, weighted with the volume of each that the candidate reaches.
Without costs there is one cell, and what remains is the expected improvement of a single objective.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from nas.common.fronts import nondominated
from nas.samplers import candidates
from nas.samplers.grid import Floats, Rows
from nas.samplers.history import History, Objectives
from nas.samplers.model import Beliefs, Model
from nas.samplers.problem import Fixed, Pool, Problem

INITIAL = 8  # points before the model is asked, spread over the range of costs and far from each other
STRATA = (0.15, 0.85)  # quantiles of the cost of points of every size, between which the first are spread
RANDOM, CHILDREN, NEAR, STEPS = 100, 300, 100, 150  # candidates; NEAR are next to parents, STEPS uphill
DRAWN_ANEW = 400
UPHILL = 2
CLIMBERS = 10
PARENTS = 10
DRAW_EVERY = 3  # every third proposal follows a random draw of the posterior,
DRAWN = 300  # over the most promising candidates
FLOOR = 0.25  # the quantile of the values below which nothing is of interest: it bounds the hypervolume
ASKED = 100  # random points of the space that the belief is asked about
QUARTERS = np.array([-1.15, -0.32, 0.32, 1.15])  # middles of the quarters of a normal distribution
RANKED = 16
SCENARIOS = 8  # so many quantiles of the belief stand for each learned objective but the first
MOST_CELLS = 4096  # of the cost space; beyond (two costs and more than 63 front points) edges are thinned out


def propose(
    problem: Problem,
    objectives: Objectives,
    history: History,
    model: Model,
    rng: np.random.Generator,
    number: int,
    fixed: Fixed,
) -> Rows:
    """Untried points within the budget, the most promising first: at most RANKED, none if there is none left."""
    anew = candidates.sized(problem.grid, problem.tilts, rng, DRAWN_ANEW)
    random = problem.open(anew, history.tried, fixed)
    known = len(history.tried) + int((history.source > 0).sum())
    if objectives.learned and (known < INITIAL or not len(history.rows)):
        return _spread(problem, random or problem.hunt(history.tried, fixed, rng), history.tried, rng)
    front = Front(problem, objectives, model.learn(history))
    pool = random.take(rng.permutation(len(random))[:RANDOM])
    parents = front.parents()
    if len(parents):
        near = [
            candidates.children(problem.grid, parents, rng, CHILDREN),
            candidates.neighbours(problem.grid, parents, rng, NEAR),
            history.rows[history.source > 0],
        ]
        tried = np.concatenate([history.tried, pool.rows])
        pool = pool.joined(problem.open(np.concatenate(near), tried, fixed))
    pool = pool or problem.hunt(history.tried, fixed, rng)
    if not pool:
        return pool.rows
    pool, scores = _climbed(problem, front, pool, history.tried, rng, fixed)
    order: NDArray[Any] = np.argsort(-scores, kind="stable")
    if scores[order[0]] <= 0.0:  # nothing is expected to add anything: go where least is known
        order = np.argsort(-front.uncertainty(pool), kind="stable")
    elif number % DRAW_EVERY == 0 or history.unseen:
        # Also when another worker is choosing at this moment: both would choose the same.
        top = order[:DRAWN]
        drawn = front.drawn(pool.take(top), rng)
        order = top[np.lexsort((-scores[top], -drawn))]
    return np.asarray(pool.rows[order[:RANKED]])


def _climbed(
    problem: Problem, front: "Front", pool: Pool, tried: Rows, rng: np.random.Generator, fixed: Fixed
) -> tuple[Pool, Floats]:
    """The pool with the untried neighbours of its best, and theirs, and what each is expected to add [m]."""
    scores = front.expected(pool)
    for _ in range(UPHILL):
        top = pool.rows[np.argsort(-scores, kind="stable")[:CLIMBERS]]
        steps = candidates.neighbours(problem.grid, top, rng, STEPS)
        if near := problem.open(steps, np.concatenate([tried, pool.rows]), fixed):
            scores = np.concatenate([scores, front.expected(near)])
            pool = pool.joined(near)
    return pool, scores


def _spread(problem: Problem, pool: Pool, tried: Rows, rng: np.random.Generator) -> Rows:
    """The first points: where the tried ones leave the widest gap in cost, and there far from all of them."""
    rows, near = pool.rows, np.arange(len(pool))
    if pool.costs.shape[1] and pool:
        cost, covered = pool.costs[:, 0], problem.prices(tried)[:, 0]
        base = problem.sample_costs[problem.prices.fits(problem.sample_costs)][:, 0]
        low, high = np.quantile(base if len(base) else cost, STRATA)
        targets = np.linspace(float(low), float(high), INITIAL)
        gaps = np.abs(targets[:, None] - np.append(covered, np.inf)).min(axis=1)
        widest = np.flatnonzero(gaps >= gaps.max() * (1 - 1e-9))
        target = targets[rng.choice(widest)]
        near = np.argsort(np.abs(cost - target), kind="stable")[: max(len(rows) // 10, 1)]
    distance = np.full(len(near), np.inf)
    if len(tried):
        distance = (rows[near][:, None] != tried[None]).sum(axis=2).min(axis=1).astype(float)
    return rows[near[np.lexsort((rng.random(len(near)), -distance))]][:RANKED]


class Front:
    """What the tried points dominate, and what candidates would add to it.

    One objective is the value, the first learned one; all others, known or learned, are taken as costs. Where
    everything is known the first of the costs is the value.
    """

    def __init__(self, problem: Problem, objectives: Objectives, beliefs: Beliefs) -> None:
        self._objectives, self._beliefs = objectives, beliefs
        costs = problem.prices(beliefs.rows)
        fits = problem.prices.fits(costs)
        self._rows, standing, known = beliefs.rows[fits], beliefs.standing[fits], self._known(costs[fits])
        self._worth = np.concatenate([standing, -known], axis=1)
        sample = self._known(problem.sample_costs[problem.prices.fits(problem.sample_costs)])
        limits = np.concatenate([sample, known]).max(axis=0, initial=-np.inf)
        floors = self._floors(problem, standing)
        worst = np.concatenate([floors, -limits])
        self._cells = cells(self._worth[:, 0], -self._worth[:, 1:], -worst[1:], float(worst[0]))

    def _floors(self, problem: Problem, standing: Floats) -> Floats:
        """The least values of interest of the learned objectives: a low quantile, of the first points (spread over all
        costs) or of what is believed of the space, whichever is lower. A floor too high hides a part of the front;
        one too low only spends a few trials on it.
        """
        if not self._objectives.learned:
            return np.empty(0)
        fits = np.flatnonzero(problem.prices.fits(problem.typical_costs))[:ASKED]
        mean, deviation = self._beliefs.predict(problem.typical[fits], problem.typical_costs[fits])
        believed = (mean + QUARTERS[:, None, None] * deviation).reshape(-1, mean.shape[1])
        seen = [values for values in (believed, standing[:INITIAL]) if len(values)]
        lowest = [np.quantile(values, FLOOR, axis=0) for values in seen]
        return np.min(lowest, axis=0) if lowest else np.zeros(standing.shape[1])

    def _known(self, costs: Floats) -> Floats:
        """The known objectives [n, known], the lower the better."""
        columns = [cost for _, cost in self._objectives.costs]
        return costs[:, columns] * [-float(self._objectives.signs[at]) for at, _ in self._objectives.costs]

    def parents(self) -> Rows:
        """The best points, front by front, at least PARENTS if there are so many."""
        left, chosen = np.arange(len(self._worth)), list[int]()
        while len(left) and len(chosen) < PARENTS:
            best = left[nondominated(self._worth[left])]
            chosen += best.tolist()
            left = np.setdiff1d(left, best)
        return self._rows[chosen]

    def expected(self, pool: Pool) -> Floats:
        """Expected hypervolume improvement [m]."""
        mean, deviation = self._beliefs.predict(pool.rows, pool.costs)
        if mean.shape[1] < 2:
            return self._improvement(mean, deviation, pool.costs)
        scenarios = (np.arange(SCENARIOS) + 0.5) / SCENARIOS
        beside = np.arange(mean.shape[1]) > 0  # the value itself stays uncertain in each scenario
        gains = [
            self._improvement(mean + beside * deviation * ndtri(s), ~beside * deviation, pool.costs)
            for s in scenarios
        ]
        return np.asarray(np.mean(gains, axis=0))

    def drawn(self, pool: Pool, rng: np.random.Generator) -> Floats:
        """Hypervolume improvement [m] if a random draw of the beliefs were the truth."""
        values = self._beliefs.draw(pool.rows, pool.costs, rng)
        return self._improvement(values, np.zeros_like(values), pool.costs)

    def uncertainty(self, pool: Pool) -> Floats:
        """The largest standard deviation of each candidate's values [m]."""
        return np.asarray(self._beliefs.predict(pool.rows, pool.costs)[1].max(axis=1, initial=0.0))

    def _improvement(self, values: Floats, deviation: Floats, costs: Floats) -> Floats:
        worth = np.concatenate([values, -self._known(costs)], axis=1)
        unsure = deviation[:, 0] if deviation.shape[1] else np.zeros(len(worth))
        return improvement(worth[:, 0], unsure, -worth[:, 1:], self._cells)


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
