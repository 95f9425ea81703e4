"""What a sampler is tried on: spaces whose every point has an answer, so that a search takes seconds.

A table that can be gone through (at most LISTED points) knows its true front. Of a larger one the best front found
by all plays together stands for it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from nas.common.decode import decoded
from nas.common.errors import UserError, briefly
from nas.common.fronts import nondominated, volume

Params = Mapping[str, Any]
Floats = NDArray[np.float64]

LISTED = 100_000
DRAWN = 5_000  # points that a larger table's reference is taken from
MARGIN = 0.1  # of the front's range: so far beyond its dearest point lies the reference cost
FLOOR = 0.25  # the reference value is this quantile of all values


@dataclass(frozen=True)
class Benchmark:
    """A space with an answer for every point.

    value: the truth, higher is better. costs: what is known before a training, lower is better, by name; those of
    `objectives` are objectives beside the value, the others are known features and nothing else. trainings: the
    single results of which the value is the mean, where there are several. asked: which parameters a trial asks for
    given those before it (a conditional space); all of them where left out.
    """

    name: str
    space: Mapping[str, BaseDistribution]
    value: Callable[[Params], float]
    costs: Callable[[Params], dict[str, float]]
    objectives: tuple[str, ...] = ("cost",)
    trainings: Callable[[Params], Sequence[float]] | None = None
    asked: Callable[[str, Params], bool] | None = None

    def points(self) -> Iterator[dict[str, Any]]:
        """Every point, with the parameters that its trial asks for."""
        return self._completed({}, list(self.space))

    def _completed(self, params: dict[str, Any], names: list[str]) -> Iterator[dict[str, Any]]:
        if not names:
            yield params
        elif self.asked and not self.asked(names[0], params):
            yield from self._completed(params, names[1:])
        else:
            for choice in choices(self.space[names[0]]):
                yield from self._completed({**params, names[0]: choice}, names[1:])

    def random(self, rng: np.random.Generator) -> dict[str, Any]:
        """A point whose every choice is drawn uniformly."""
        params: dict[str, Any] = {}
        for name, distribution in self.space.items():
            if self.asked is None or self.asked(name, params):
                options = choices(distribution)
                params[name] = options[int(rng.integers(len(options)))]
        return params

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The known figures that are no objectives."""
        return tuple(name for name in self.costs(next(self.points())) if name not in self.objectives)

    def price(self, params: Params) -> Floats:
        """The known objectives of a point."""
        known = self.costs(params)
        return np.array([known[name] for name in self.objectives])

    @cached_property
    def truth(self) -> "Truth":
        """All answers of a table that can be gone through, a sample of those of another."""
        most = prod(len(choices(d)) for d in self.space.values())
        points = list(islice(self.points(), LISTED + 1)) if self.asked or most <= LISTED else []
        whole = 0 < len(points) <= LISTED
        if not whole:
            rng = np.random.default_rng(0)
            points = [self.random(rng) for _ in range(DRAWN)]
        values = np.array([self.value(p) for p in points])
        return Truth(values, np.array([self.price(p) for p in points]), whole)


@dataclass(frozen=True)
class Truth:
    """values [n] and costs [n, k] of a table's points; `whole` where they are all there are."""

    values: Floats
    costs: Floats
    whole: bool

    @cached_property
    def reference(self) -> Floats:
        """Value and costs that a point has to better to count: see FLOOR and MARGIN.

        One unit below the best where the quantile is the best value there is.
        """
        best = float(self.values.max())
        floor = float(np.quantile(self.values, FLOOR))
        front = self.costs[nondominated(np.column_stack([self.values, -self.costs]))]
        low, span = front.min(axis=0), np.ptp(front, axis=0)
        span = np.where(span > 0, span, np.ptp(self.costs, axis=0))
        return np.append(floor if floor < best else best - 1.0, low + (1.0 + MARGIN) * np.maximum(span, 1e-9))

    @cached_property
    def most(self) -> float:
        """The hypervolume of the true front."""
        return volume(self.values, self.costs, self.reference)

    @cached_property
    def cap(self) -> float:
        """The median of the first cost: the bound of the search for the best value under one."""
        return float(np.median(self.costs[:, 0]))

    @cached_property
    def best_under_cap(self) -> float:
        """The best value at a first cost of at most `cap`."""
        return float(self.values[self.costs[:, 0] <= self.cap].max())


def choices(distribution: BaseDistribution) -> Sequence[Any]:
    """The values of a categorical or integer parameter."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    assert isinstance(distribution, IntDistribution)
    return range(distribution.low, distribution.high + 1, distribution.step)


OPERATIONS = ("identity", "mb3_k3", "mb6_k5")  # NAS-Bench-Macro's choices, in the order of its digits


@dataclass(frozen=True)
class MacroNetwork:
    """One network of NAS-Bench-Macro's file: accuracies in per cent, counts of multiply-adds and parameters."""

    mean_acc: float
    test_acc: list[float]
    flops: int
    params: int


def read_macro(path: Path) -> Benchmark:
    """NAS-Bench-Macro's JSON file: CIFAR-10 accuracy of 3^8 networks, each trained three times (Su et al. 2021).

    Keys are strings of digits, one a layer; costs are the multiply-adds and the parameters, in millions. Raises
    UserError for a file that is none.
    """
    refusal = (
        f"--table {path}: expected NAS-Bench-Macro's JSON file (network -> mean_acc, test_acc, flops, params)"
    )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UserError(f"{refusal}; {briefly(error)}") from error
    answers = decoded(text, dict[str, MacroNetwork], refusal)
    layers = len(next(iter(answers), ""))
    if set(answers) != {"".join(key) for key in product("012", repeat=layers)}:
        raise UserError(f"--table {path}: expected all {3**layers} networks of {layers} layers")
    names = [f"layer{number}" for number in range(1, layers + 1)]
    digits = {name: str(digit) for digit, name in enumerate(OPERATIONS)}

    def answer(params: Params) -> MacroNetwork:
        return answers["".join(digits[params[name]] for name in names)]

    return Benchmark(
        path.stem,
        {name: CategoricalDistribution(OPERATIONS) for name in names},
        value=lambda p: answer(p).mean_acc,
        costs=lambda p: {"cost": answer(p).flops / 1e6, "parameters": answer(p).params / 1e6},
        trainings=lambda p: answer(p).test_acc,
    )
