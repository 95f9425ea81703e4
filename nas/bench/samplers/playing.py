"""One play: a contestant, a sampler, searches a table, from one seed, under the rules of one scenario."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler, NSGAIISampler
from optuna.study import StudyDirection
from optuna.trial import Trial, TrialState

from nas.bench.samplers.tables import Benchmark, Floats, Truth
from nas.common.fronts import nondominated, volume
from nas.samplers import SpaceExhausted
from nas.samplers.register import SamplerTask, make_sampler

FREE = 40  # proposals in a row, repeats or over the cap, before the last one is taken as it is


@dataclass(frozen=True)
class Contestant:
    """A sampler that takes part.

    make(table, seed, cap) gives it, `cap` being the bound on the first cost where the best value under one is sought.
    dedupe: a point proposed again is answered from memory and does not count as an evaluation. features: it is told
    the table's further known figures as well, so that a table without any is not for it.
    """

    make: Callable[[Benchmark, int, float | None], BaseSampler]
    dedupe: bool = False
    features: bool = False


def _registered(name: str, *, dedupe: bool = False, features: bool = False) -> Contestant:
    """A sampler as a search has it."""

    def make(table: Benchmark, seed: int, cap: float | None) -> BaseSampler:
        known = table.costs if features else lambda p: {n: table.costs(p)[n] for n in table.objectives}
        return make_sampler(name, SamplerTask(table.space, seed, known, cap))

    return Contestant(make, dedupe, features)


CONTESTANTS = {
    "front": _registered("front"),
    "front+features": _registered("front", features=True),  # told the table's further known figures as well
    "nsga2-20": _registered("nsga2", dedupe=True),
    "nsga2": Contestant(lambda table, seed, cap: NSGAIISampler(seed=seed)),  # with Optuna's population of 50
    "tpe": _registered("tpe"),
    "gp": _registered("gp"),  # slow, and not in by default
    "random": _registered("random"),
}


@dataclass(frozen=True)
class Scenario:
    """The rules of a play.

    workers: so many points are proposed before the first of them is answered. noisy: one of a point's trainings is
    shown, at random, instead of their mean. capped: one objective, the best value at a first cost of at most the
    table's median; what is over it is refused at no charge, its violation told.
    """

    name: str
    workers: int = 1
    noisy: bool = False
    capped: bool = False


@dataclass(frozen=True)
class Play:
    """What was evaluated, in order: true values [n], values as shown [n], costs [n, k]; repeats among them."""

    values: Floats
    shown: Floats
    costs: Floats
    repeats: int

    def progress(self, scenario: Scenario, truth: Truth) -> Floats:
        """What it had after each evaluation [n]: its points' true hypervolume, or its best value under the cap."""
        if scenario.capped:
            fits = self.costs[:, 0] <= truth.cap
            return np.maximum.accumulate(np.where(fits, self.values, -np.inf))
        numbers = range(1, len(self.values) + 1)
        return np.array([volume(self.values[:n], self.costs[:n], truth.reference) for n in numbers])

    def chosen(self, truth: Truth) -> Floats:
        """The true hypervolume [n] of the front that a user sees, who knows the values as shown and no others."""
        volumes = np.zeros(len(self.values))
        for n in range(1, len(volumes) + 1):
            front = nondominated(np.column_stack([self.shown[:n], -self.costs[:n]]))
            volumes[n - 1] = volume(self.values[:n][front], self.costs[:n][front], truth.reference)
        return volumes


def play(table: Benchmark, contestant: Contestant, scenario: Scenario, seed: int, evaluations: int) -> Play:
    """Search a table for a number of evaluations, fewer where the sampler says that the space is exhausted."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    game = _Game(table, contestant, scenario, seed)
    while len(game.values) < evaluations and (batch := list(game.batch(evaluations))):
        for trial, params in batch:
            game.answer(trial, params)
    return Play(np.array(game.values), np.array(game.shown), np.array(game.costs), game.repeats)


class _Game:
    """A play in progress."""

    def __init__(self, table: Benchmark, contestant: Contestant, scenario: Scenario, seed: int) -> None:
        self._table, self._contestant, self._scenario = table, contestant, scenario
        self._cap = table.truth.cap if scenario.capped else None
        costs = 0 if scenario.capped else len(table.objectives)
        directions = [StudyDirection.MAXIMIZE] + [StudyDirection.MINIMIZE] * costs
        sampler = contestant.make(table, seed, self._cap)
        self._study = optuna.create_study(directions=directions, sampler=sampler)
        self._rng = np.random.default_rng(seed)
        self._known: dict[tuple[tuple[str, Any], ...], list[float]] = {}
        self._running: set[tuple[tuple[str, Any], ...]] = set()
        self.values: list[float] = []
        self.shown: list[float] = []
        self.costs: list[Floats] = []
        self.repeats = 0

    def batch(self, evaluations: int) -> Iterator[tuple[Trial, dict[str, Any]]]:
        """The next proposals, as many as there are workers."""
        for _ in range(min(self._scenario.workers, evaluations - len(self.values))):
            for attempt in range(FREE):
                try:
                    trial = self._study.ask()
                    params = suggested(self._table, trial)
                except SpaceExhausted:
                    return
                if attempt == FREE - 1 or not self._is_free(trial, params):
                    self.repeats += _key(params) in self._known or _key(params) in self._running
                    self._running.add(_key(params))
                    yield trial, params
                    break

    def _is_free(self, trial: Trial, params: dict[str, Any]) -> bool:
        """Whether the proposal needs no evaluation; then it is told at once."""
        price = self._table.price(params)
        if self._cap is not None:
            trial.set_constraint("cap", float(price[0] / self._cap - 1.0))
            if price[0] > self._cap:
                self._study.tell(trial, float(self._table.truth.reference[0]))
                return True
        known = self._known.get(_key(params))
        if self._contestant.dedupe and (known or _key(params) in self._running):
            self._study.tell(trial, known, state=None if known else TrialState.FAIL)
            return True
        return False

    def answer(self, trial: Trial, params: dict[str, Any]) -> None:
        """Tell a proposal's result."""
        value, price = self._table.value(params), self._table.price(params)
        shown = value
        if self._scenario.noisy and self._table.trainings:
            shown = float(self._rng.choice(np.asarray(self._table.trainings(params))))
        values = [shown] if self._cap is not None else [shown, *map(float, price)]
        self._study.tell(trial, values)
        self._known[_key(params)] = values
        self._running.discard(_key(params))
        self.values.append(value)
        self.shown.append(shown)
        self.costs.append(price)


def suggested(table: Benchmark, trial: Trial) -> dict[str, Any]:
    """The parameters of a trial, asked for one by one as an objective would."""
    params: dict[str, Any] = {}
    for name, distribution in table.space.items():
        if table.asked and not table.asked(name, params):
            continue
        if isinstance(distribution, CategoricalDistribution):
            params[name] = trial.suggest_categorical(name, distribution.choices)
        elif isinstance(distribution, IntDistribution):
            low, high, step = distribution.low, distribution.high, distribution.step
            params[name] = trial.suggest_int(name, low, high, step=step, log=distribution.log)
    return params


def _key(params: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(params.items())
