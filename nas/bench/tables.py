"""Tables that answer an evaluation at once: synthetic ones, and readers of published ones.

A table holds what a sampler benchmark needs: the accuracy and cost of every point of a space, and the best that is
possible, exactly. Accuracies are in percent. The reference point of the hypervolume is the 25th percentile of the
accuracy (of all points, or of 20,000 random ones) and the greatest cost; the cap is the median cost.

Synthetic tables differ in character on purpose: a sampler tuned to one published table must hold on all of them.
"""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from nas.errors import UserError
from nas.hypervolume import hypervolume

Floats = NDArray[np.float64]
Params = Mapping[str, Any]
Space = dict[str, BaseDistribution]

SAMPLED = 20_000


@dataclass(frozen=True)
class Table:
    """A space with an answer for each point.

    accuracy(params) is the truth, in percent; trainings(params) are single results that scatter about it; cost is
    what is known beforehand. reference: (accuracy, cost); maximum: the hypervolume of the true front; cap: a bound
    on the cost; best: the highest accuracy within it.
    """

    name: str
    about: str
    space: Space
    accuracy: Callable[[Params], float]
    trainings: Callable[[Params], tuple[float, ...]]
    cost: Callable[[Params], float]
    reference: tuple[float, float]
    maximum: float
    cap: float
    best: float


# Tables that are enumerated ----------------------------------------------------------------------------------


def enumerated(
    name: str,
    about: str,
    space: Space,
    rows: Mapping[tuple[Any, ...], tuple[float, float]],
    trainings: Mapping[tuple[Any, ...], tuple[float, ...]] | None = None,
    reference_cost: float | None = None,
) -> Table:
    """A table of (accuracy, cost) by the parameters' values, in the space's order."""
    both = np.array(list(rows.values()))
    accuracy, cost = both[:, 0], both[:, 1]
    floor = float(np.percentile(accuracy, 25))
    reference = (
        floor if (accuracy > floor).any() else floor - 1.0,
        float(reference_cost or cost.max() * 1.01),
    )
    cap = float(np.median(cost))

    def key(params: Params) -> tuple[Any, ...]:
        return tuple(params[name] for name in space)

    return Table(
        name,
        about,
        space,
        lambda params: rows[key(params)][0],
        lambda params: trainings[key(params)] if trainings else _scattered(rows[key(params)][0], key(params)),
        lambda params: rows[key(params)][1],
        reference,
        hypervolume(accuracy, cost, reference),
        cap,
        float(accuracy[cost <= cap].max()),
    )


def _scattered(accuracy: float, key: tuple[Any, ...], deviation: float = 0.2) -> tuple[float, ...]:
    """Three trainings about an accuracy, always the same for the same point."""
    rng = np.random.default_rng(crc32(repr(key).encode()))
    return tuple(accuracy + deviation * rng.standard_normal(3))


def _grid(sizes: Sequence[int]) -> tuple[Space, NDArray[np.int64]]:
    """Choices named by letters, and all their combinations [points, dimensions] as numbers."""
    space: Space = {
        f"x{i}": CategoricalDistribution([f"op{c}" for c in range(n)]) for i, n in enumerate(sizes)
    }
    return space, np.array(list(itertools.product(*map(range, sizes))))


def _of_arrays(
    name: str, about: str, space: Space, points: NDArray[np.int64], accuracy: Floats, cost: Floats
) -> Table:
    values = [
        [d.choices[c] for c in range(len(d.choices))]
        if isinstance(d, CategoricalDistribution)
        else range(d.low, d.high + 1)  # type: ignore[attr-defined]
        for d in space.values()
    ]
    keys = [tuple(v[c] for v, c in zip(values, point, strict=True)) for point in points]
    return enumerated(
        name, about, space, dict(zip(keys, zip(accuracy.tolist(), cost.tolist(), strict=True), strict=True))
    )


def _saturating(score: Floats, low: float = 80.0, high: float = 94.0) -> Floats:
    """Accuracies that grow ever less with a score of unit scale."""
    return high - (high - low) * np.exp(-np.maximum(score + 2.5, 0.0) / 2.0)


def additive(seed: int = 1) -> Table:
    """8 dimensions of 3: main effects that grow with cost, weak interactions between neighbours."""
    rng = np.random.default_rng(seed)
    space, points = _grid([3] * 8)
    weights = rng.gamma(2.0, 1.0, size=(8, 3)).cumsum(axis=1)
    cost = 10 + weights[np.arange(8), points].sum(axis=1) * 2
    effects = weights * rng.uniform(0.2, 1.5, size=(8, 1)) + rng.normal(0, 0.5, (8, 3))
    score = effects[np.arange(8), points].sum(axis=1)
    score += sum(rng.normal(0, 0.4, (3, 3))[points[:, i], points[:, i + 1]] for i in range(7))
    return _of_arrays(
        "additive", "main effects and weak interactions", space, points, _saturating(_unit(score)), cost
    )


def interacting(seed: int = 2) -> Table:
    """7 dimensions of 4: strong interactions of pairs and triples, little from the cost."""
    rng = np.random.default_rng(seed)
    space, points = _grid([4] * 7)
    cost = 5 + rng.uniform(0.5, 6.0, size=(7, 4))[np.arange(7), points].sum(axis=1)
    score = 0.5 * _unit(cost) + _unit(rng.normal(0, 1, (7, 4))[np.arange(7), points].sum(axis=1))
    pairs = [
        rng.normal(0, 1, (4, 4))[points[:, i], points[:, j]] for i, j in itertools.combinations(range(7), 2)
    ]
    triples = [
        rng.normal(0, 1, (4, 4, 4))[points[:, i], points[:, i + 1], points[:, i + 2]] for i in range(5)
    ]
    score += 0.8 * _unit(np.sum(pairs, axis=0)) + 0.6 * _unit(np.sum(triples, axis=0))
    return _of_arrays("interacting", "strong interactions", space, points, _saturating(_unit(score)), cost)


def cell(seed: int = 3) -> Table:
    """6 edges of 5 operations between 4 nodes: networks without a path do not train at all (10 %)."""
    rng = np.random.default_rng(seed)
    space, points = _grid([5] * 6)
    edges = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    strength = np.array([0.0, 0.35, 0.8, 1.0, 0.5])  # none, skip, 1x1, 3x3, pooling
    flops = np.array([0.0, 0.0, 4.0, 20.0, 1.5])
    carried = np.zeros((len(points), 4))
    carried[:, 0] = 1.0
    for number, (start, end) in enumerate(edges):
        carried[:, end] += carried[:, start] * strength[points[:, number]] * rng.uniform(0.7, 1.3)
    cost = 8 + flops[points].sum(axis=1)
    score = np.log(np.maximum(carried[:, 3], 1e-3)) + rng.normal(0, 0.08, len(points))
    accuracy = np.where(carried[:, 3] > 0, _saturating(2 * _unit(score), 70.0), 10.0)
    return _of_arrays("cell", "cells, some of which do not train", space, points, accuracy, cost)


def integers(seed: int = 4) -> Table:
    """5 integer widths from 1 to 8 and a depth from 1 to 3: smooth, with an optimal balance."""
    rng = np.random.default_rng(seed)
    space: Space = {f"width{i}": IntDistribution(1, 8) for i in range(5)} | {"depth": IntDistribution(1, 3)}
    points = np.array(list(itertools.product(*[range(8)] * 5, range(3))))
    widths, depth = points[:, :5] + 1.0, points[:, 5] + 1.0
    cost = depth * (widths[:, :4] * widths[:, 1:]).sum(axis=1) + 3 * widths.sum(axis=1)
    score = (np.log(widths) * rng.uniform(0.3, 1.0, 5)).sum(axis=1) + 0.8 * np.log(depth)
    score -= 0.15 * np.abs(np.diff(np.log(widths), axis=1)).sum(axis=1) + rng.normal(0, 0.03, len(points))
    return _of_arrays("integers", "integer widths and depth", space, points, _saturating(_unit(score)), cost)


def _unit(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / (values.std() or 1.0))


# Tables that no sampler should do badly on ------------------------------------------------------------------


def adversarial(seed: int = 5) -> tuple[Table, ...]:
    """Tables without structure, with a misleading one, or with next to no points."""
    rng = np.random.default_rng(seed)
    space, points = _grid([3] * 7)
    cost = 10 + rng.gamma(2.0, 1.0, size=(7, 3)).cumsum(axis=1)[np.arange(7), points].sum(axis=1)
    one = 85.0 + 4.0 * (points[:, 3] == 1)
    few, single = _grid([5]), _grid([1, 1])
    return (
        _of_arrays("constant", "every accuracy the same", space, points, np.full(len(points), 90.0), cost),
        _of_arrays("cheapest", "accuracy falls with cost", space, points, 95.0 - cost / 5, cost),
        _of_arrays("dearest", "accuracy is cost", space, points, cost, cost),
        _of_arrays("one", "one dimension matters", space, points, one, cost),
        _of_arrays("noise", "accuracy is noise", space, points, 90 + rng.normal(0, 1, len(points)), cost),
        _of_arrays("few", "five points", *few, np.array([80.0, 85.0, 83.0, 90.0, 91.0]), np.arange(1.0, 6.0)),
        _of_arrays("single", "a single point", *single, np.array([90.0]), np.array([10.0])),
    )


# Tables too large to enumerate --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Link:
    """Some parameters that act together: for each tuple of their values a choice, its cost and score.

    Values that make no difference share a choice. pairs [choices of the link before, choices]: interactions.
    """

    names: tuple[str, ...]
    choice: dict[tuple[Any, ...], int]
    costs: NDArray[np.int64]
    scores: Floats
    pairs: Floats


def chained(name: str, about: str, space: Space, links: Sequence[Link], low: float = 75.0) -> Table:
    """A table whose score is a sum over links and neighbouring links; its true front by dynamic programming.

    best[c, k] is the highest score of the links so far at a cost of k in all and choice c of the last one.
    """

    def totals(params: Params) -> tuple[float, int]:
        choices = [link.choice[tuple(params[n] for n in link.names)] for link in links]
        score = sum(float(link.scores[c]) for link, c in zip(links, choices, strict=True))
        score += sum(
            float(link.pairs[b, c]) for link, b, c in zip(links[1:], choices, choices[1:], strict=False)
        )
        return score, sum(int(link.costs[c]) for link, c in zip(links, choices, strict=True))

    rng = np.random.default_rng(0)
    drawn = np.array([totals(_random(space, rng)) for _ in range(SAMPLED)])
    mean, deviation = drawn[:, 0].mean(), drawn[:, 0].std()

    def accuracy(score: Any) -> Any:
        return _saturating((np.asarray(score) - mean) / deviation, low, 96.0)

    top = sum(int(link.costs.max()) for link in links)
    best = np.full((len(links[0].costs), top + 1), -np.inf)
    best[np.arange(len(links[0].costs)), links[0].costs] = links[0].scores
    for link in links[1:]:
        following = np.full((len(link.costs), top + 1), -np.inf)
        for c, cost in enumerate(link.costs):
            reached = (best + link.pairs[:, c, None]).max(axis=0) + link.scores[c]
            following[c, cost:] = reached[: top + 1 - cost]
        best = following
    scores = best.max(axis=0)
    costs = np.flatnonzero(np.isfinite(scores))
    ideal = accuracy(scores[costs])
    reference = (float(np.percentile(accuracy(drawn[:, 0]), 25)), float(costs.max()) * 1.01)
    cap = float(np.median(drawn[:, 1]))
    return Table(
        name,
        about,
        space,
        lambda params: float(accuracy(totals(params)[0])),
        lambda params: _scattered(float(accuracy(totals(params)[0])), tuple(params[n] for n in space)),
        lambda params: float(totals(params)[1]),
        reference,
        hypervolume(ideal, costs.astype(float), reference),
        cap,
        float(ideal[costs <= cap].max()),
    )


def _random(space: Space, rng: np.random.Generator) -> dict[str, Any]:
    return {n: d.choices[rng.integers(len(d.choices))] for n, d in space.items()}  # type: ignore[attr-defined]


def deep(seed: int = 6, dimensions: int = 45) -> Table:
    """45 dimensions of 2 to 4 choices: the size of a mobile search space."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 5, dimensions)
    return _long("deep", "45 dimensions", sizes, rng, matters=rng.gamma(1.0, 1.0, dimensions))


def sparse(seed: int = 7, dimensions: int = 30) -> Table:
    """30 dimensions of 3, all of which cost, and of which 5 matter."""
    rng = np.random.default_rng(seed)
    matters = np.where(rng.permutation(dimensions) < 5, 2.0, 0.0)
    return _long("sparse", "30 dimensions, 5 of which matter", np.full(dimensions, 3), rng, matters)


def _long(
    name: str, about: str, sizes: NDArray[np.int64], rng: np.random.Generator, matters: Floats
) -> Table:
    space: Space = {
        f"x{i}": CategoricalDistribution([f"op{c}" for c in range(n)]) for i, n in enumerate(sizes)
    }
    links, before = [], 1
    for i, n in enumerate(sizes):
        costs = rng.integers(1, 12, n).cumsum()[rng.permutation(n)]
        scores = matters[i] * (0.12 * costs * rng.uniform(0, 1) + rng.normal(0, 0.5, n))
        pairs = 0.3 * min(matters[i], matters[i - 1]) * rng.normal(0, 1, (before, n))
        links.append(Link((f"x{i}",), {(f"op{c}",): c for c in range(n)}, costs, scores, pairs))
        before = n
    return chained(name, about, space, links)


def stages(seed: int = 8) -> Table:
    """4 stages of a width, a depth from 1 to 3 and an operation a block: those beyond the depth are dead."""
    rng = np.random.default_rng(seed)
    space: Space = {}
    links, before = [], 1
    for s in range(4):
        names = (f"s{s}.width", f"s{s}.depth", *(f"s{s}.b{b}" for b in range(3)))
        options = ((16, 24, 32), (1, 2, 3), *[("k3e3", "k3e6", "k5e3", "k5e6")] * 3)
        space |= {n: CategoricalDistribution(o) for n, o in zip(names, options, strict=True)}
        gains = rng.uniform(0.6, 1.4, 4) * np.array([1.0, 1.5, 1.2, 1.8])
        weight, thinning = rng.uniform(0.5, 1.5), rng.uniform(0.5, 0.8)
        choice: dict[tuple[Any, ...], int] = {}
        live: dict[tuple[Any, ...], int] = {}
        costs, scores = [], []
        for values in itertools.product(*options):
            width, depth, *operations = values
            ops = [options[2].index(o) for o in operations[:depth]]
            number = live.setdefault((width, depth, *ops), len(live))
            choice[values] = number
            if number == len(costs):
                costs.append(sum(width * (3, 6, 4, 7)[o] for o in ops) // 16)
                scores.append(
                    weight * (np.log(width / 16) + sum(gains[o] * thinning**b for b, o in enumerate(ops)))
                )
        pairs = rng.normal(0, 0.2, (before, len(live)))
        before = len(live)
        links.append(Link(names, choice, np.array(costs), np.array(scores), pairs))
    return chained("stages", "stages whose blocks beyond the depth are dead", space, links)


# Published tables --------------------------------------------------------------------------------------------


def read(path: Path) -> Table:
    """A published table: NAS-Bench-Macro's JSON, or a CSV of one's own.

    The JSON (github.com/xiusu/NAS-Bench-Macro) maps '02012100', an operation for each layer, to test_acc, mean_acc,
    flops. A CSV has a column `accuracy` (percent; further trainings as `accuracy_2`, ...), a column `cost`, and one
    column for each parameter. Raises UserError for anything else.
    """
    try:
        if path.suffix == ".json":
            return _macro(path.stem, json.loads(path.read_text()))
        if path.suffix == ".csv":
            return _csv(path.stem, pd.read_csv(path))
    except FileNotFoundError:
        raise UserError(f"--table {path}: no such file") from None
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"--table {path}: cannot be read as a table ({error!r}); see nas.bench.tables.read"
        ) from error
    raise UserError(f"--table {path}: expected a .json or .csv file")


MACRO_REFERENCE = 92.91
"""MFLOPs: the reference cost under which results on NAS-Bench-Macro are compared."""


def _macro(name: str, entries: Mapping[str, Any]) -> Table:
    layers = len(next(iter(entries)))
    space: Space = {f"layer{i}": CategoricalDistribution(("0", "1", "2")) for i in range(layers)}
    rows = {tuple(key): (float(e["mean_acc"]), e["flops"] / 1e6) for key, e in entries.items()}
    trainings = {tuple(key): tuple(map(float, e["test_acc"])) for key, e in entries.items()}
    about = "NAS-Bench-Macro: accuracy on CIFAR-10 against MFLOPs"
    return enumerated(name, about, space, rows, trainings, MACRO_REFERENCE)


def _csv(name: str, data: pd.DataFrame) -> Table:
    results = [c for c in data if c == "accuracy" or c.startswith("accuracy_")]
    names = [c for c in data if c not in (*results, "cost")]
    values = data[names].astype(str)
    space: Space = {n: CategoricalDistribution(sorted(set(values[n]))) for n in names}
    keys = list(values.itertuples(index=False, name=None))
    accuracy = data[results].to_numpy(float)
    rows = dict(
        zip(keys, zip(accuracy.mean(axis=1).tolist(), data["cost"].astype(float), strict=True), strict=True)
    )
    trainings = dict(zip(keys, map(tuple, accuracy.tolist()), strict=True)) if len(results) > 1 else None
    return enumerated(name, name, space, rows, trainings)


SYNTHETIC: tuple[Callable[[], Table], ...] = (additive, interacting, cell, integers, deep, sparse, stages)
