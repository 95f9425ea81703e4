"""Tables made by formulas: what searches meet beside well-behaved networks, adversarial ones first.

Every one has another structure, so that a sampler tuned to one of them shows on the others.
"""

from collections.abc import Callable
from itertools import pairwise
from math import exp, log
from zlib import crc32

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from nas.bench.samplers.tables import Benchmark, Params

Space = dict[str, BaseDistribution]


def _digits(axes: int, count: int) -> Space:
    return {f"x{number}": CategoricalDistribution(tuple(range(count))) for number in range(axes)}


def _sum(params: Params) -> dict[str, float]:
    return {"cost": 1.0 + sum(params.values())}


def _three(value: Callable[[Params], float], spread: float) -> Callable[[Params], list[float]]:
    """Results of three trainings, with this standard deviation about the value."""

    def trainings(params: Params) -> list[float]:
        rng = np.random.default_rng(crc32(repr(params).encode()))
        return [value(params) + spread * float(z) for z in rng.standard_normal(3)]

    return trainings


def constant() -> Benchmark:
    """Every point is as good as any other: the cheapest is the whole front."""
    return Benchmark("constant", _digits(7, 3), lambda p: 0.5, _sum)


def minus_cost() -> Benchmark:
    """The dearer the worse: the cheapest point beats all others in both respects."""
    return Benchmark("minus_cost", _digits(7, 3), lambda p: -_sum(p)["cost"], _sum)


def one_dimension() -> Benchmark:
    """One of nine dimensions decides the value, the other eight the cost."""
    return Benchmark(
        "one_dimension",
        _digits(9, 3),
        lambda p: float(p["x4"] != 1) + 0.5 * (p["x4"] == 2),
        lambda p: {"cost": 1.0 + sum(v for name, v in p.items() if name != "x4")},
    )


def noise() -> Benchmark:
    """Values are pure chance, a normal number that depends on the point alone: there is nothing to learn."""

    def value(params: Params) -> float:
        return float(np.random.default_rng([7, *params.values()]).standard_normal())

    return Benchmark("noise", _digits(8, 3), value, _sum)


def interactions() -> Benchmark:
    """What a choice is worth depends wholly on its two neighbours (an NK landscape, N = 9, K = 2)."""
    worth = np.random.default_rng(11).random((9, 3, 3, 3))

    def value(params: Params) -> float:
        x = list(params.values())
        return float(np.mean([worth[i, x[i], x[(i + 1) % 9], x[(i + 2) % 9]] for i in range(9)]))

    price = np.random.default_rng(12).uniform(0.5, 3.0, size=9)
    return Benchmark(
        "interactions",
        _digits(9, 3),
        value,
        lambda p: {"cost": 5.0 + float(price @ list(p.values()))},
        trainings=_three(value, 0.03),
    )


def conditional() -> Benchmark:
    """Networks of three stages with one to three layers each: the options of a missing layer are never asked for."""
    space: Space = {}
    for stage in range(3):
        space[f"depth{stage}"] = IntDistribution(1, 3)
        space |= {f"op{stage}{layer}": CategoricalDistribution(("k3", "k5", "se")) for layer in range(3)}
    gain, price = {"k3": 1.0, "k5": 1.25, "se": 1.4}, {"k3": 1.0, "k5": 1.7, "se": 1.3}

    def layers(params: Params) -> list[tuple[int, list[str]]]:
        return [(s, [params[f"op{s}{i}"] for i in range(params[f"depth{s}"])]) for s in range(3)]

    def value(params: Params) -> float:
        total = 0.0
        for stage, operations in layers(params):
            for number, operation in enumerate(operations):
                late = 1.0 if operation != "k5" else 0.6 + 0.4 * stage  # large kernels pay late
                total += gain[operation] * late * 0.7**number
        alike = len({operations[0] for _, operations in layers(params)}) == 1
        return 95.0 - 60.0 * exp(-0.45 * total) - 0.8 * alike

    def costs(params: Params) -> dict[str, float]:
        found = layers(params)
        return {
            "cost": 2.0 + sum(price[o] * (3 - s) for s, operations in found for o in operations),
            "parameters": 1.0 + sum(price[o] * 4**s for s, operations in found for o in operations),
        }

    def asked(name: str, params: Params) -> bool:
        return name.startswith("depth") or int(name[3]) < params[f"depth{name[2]}"]

    return Benchmark("conditional", space, value, costs, trainings=_three(value, 0.7), asked=asked)


def integers() -> Benchmark:
    """Width, depth, resolution and an expansion, all integers; the cost is a product that spans three orders."""
    space: Space = {
        "width": IntDistribution(8, 128, step=8),
        "depth": IntDistribution(1, 12),
        "resolution": IntDistribution(32, 224, step=32),
        "expansion": IntDistribution(1, 6),
    }

    def value(params: Params) -> float:
        width, depth, side, t = (log(params[name]) for name in space)
        balance = (0.5 * (width - log(8)) - (depth)) ** 2 + 0.5 * (side - 4.6 - 0.2 * depth) ** 2
        size = 0.35 * width + 0.3 * depth + 0.3 * side + 0.15 * t * (1 - 0.3 * t)
        return 100.0 - 70.0 * exp(-0.55 * (size - 1.5)) - 0.9 * balance

    def costs(params: Params) -> dict[str, float]:
        width, depth, side, t = (float(params[name]) for name in space)
        weights = depth * width * width * t / 1e5
        return {"cost": weights * side * side / 100.0 + 0.5, "parameters": weights + 0.01}

    return Benchmark("integers", space, value, costs)


def two_costs() -> Benchmark:
    """Accuracy against two costs that disagree about where capacity is cheap."""
    space = _digits(9, 3)
    early = np.linspace(3.0, 0.5, 9)
    worth = np.random.default_rng(21).uniform(0.5, 1.5, size=(9, 3))
    worth[:, 0] = 0.0

    def value(params: Params) -> float:
        x = list(params.values())
        total = sum(float(worth[i, c]) * (1 + 0.4 * c) for i, c in enumerate(x))
        rough = sum(a == b == 2 for a, b in pairwise(x))
        return float(90.0 - 40.0 * exp(-0.25 * total) - 0.4 * rough)

    def costs(params: Params) -> dict[str, float]:
        x = np.array(list(params.values()), dtype=float)
        return {"cost": 3.0 + float(early @ x), "latency": 2.0 + float(early[::-1] @ x**1.5)}

    return Benchmark(
        "two_costs", space, value, costs, objectives=("cost", "latency"), trainings=_three(value, 1.0)
    )


def deceptive() -> Benchmark:
    """Two regions: a broad one that is easily found, and a narrow better one at unequal choices."""
    space = _digits(10, 3)

    def value(params: Params) -> float:
        x = list(params.values())
        ones, pattern = sum(v == 1 for v in x), sum(v == 2 * (i % 2) for i, v in enumerate(x))
        best: float = max(0.6 * ones, pattern - 2.0 if pattern >= 6 else 0.0)
        return best + 0.05 * float(sum(x))

    return Benchmark("deceptive", space, value, _sum)


def large() -> Benchmark:
    """45 dimensions: 15 layers of an operation, an expansion and a gate, with a saturating value."""
    space: Space = {}
    for layer in range(15):
        space[f"op{layer}"] = CategoricalDistribution(("none", "k3", "k5", "k7"))
        space[f"t{layer}"] = CategoricalDistribution((1, 3, 6))
        space[f"gate{layer}"] = CategoricalDistribution(("no", "se"))
    rng = np.random.default_rng(31)
    taste = rng.normal(1.0, 0.35, size=(15, 4))
    kernel = {"none": 0.0, "k3": 1.0, "k5": 1.35, "k7": 1.5}

    def rows(params: Params) -> list[tuple[int, str, int, bool]]:
        return [(i, params[f"op{i}"], params[f"t{i}"], params[f"gate{i}"] == "se") for i in range(15)]

    def value(params: Params) -> float:
        total, before = 0.0, "none"
        for i, operation, t, gated in rows(params):
            liked = float(taste[i, list(kernel).index(operation)])
            gain = kernel[operation] * liked * t**0.4 * (1.15 if gated and i >= 7 else 1.0)
            total += gain * (0.85 if operation == before else 1.0)
            before = operation
        return 95.0 - 45.0 * exp(-0.07 * total)

    def costs(params: Params) -> dict[str, float]:
        size = {"none": 0.0, "k3": 1.0, "k5": 1.2, "k7": 1.5}
        found = rows(params)
        flops = sum(size[o] * t * (1.3 - 0.05 * i) * (1.05 if g else 1.0) for i, o, t, g in found)
        weights = sum(size[o] * t * (1 + i) ** 1.3 * (1.2 if g else 1.0) for i, o, t, g in found)
        return {"cost": 5.0 + flops, "parameters": 1.0 + weights / 10.0}

    return Benchmark("large", space, value, costs)


ADVERSARIAL = (constant, minus_cost, one_dimension, noise, interactions)
LIKE_NETWORKS = (conditional, integers, two_costs, deceptive, large)
SYNTHETIC = {make.__name__: make for make in (*ADVERSARIAL, *LIKE_NETWORKS)}  # the tables by name
