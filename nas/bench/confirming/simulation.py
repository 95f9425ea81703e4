"""Searches with known truth and noise, ended with and without a phase of confirmation, at one total cost.

A search shows one noisy training a point. Without confirmation its front is that of the values as shown. With it a
share of the trainings is kept back for those points that could stand on the true front, as a search does it: chosen by
the sampler's belief (`FrontSampler.chances`, `racing.entrants`), trained by `racing.next_entrant`, judged by
`racing.standings`.
"""

from dataclasses import dataclass, replace

import numpy as np
import optuna
from optuna.study import StudyDirection

from nas.bench.samplers.playing import suggested
from nas.bench.samplers.tables import Benchmark, Floats
from nas.common.fronts import front_mask, hypervolume
from nas.samplers import racing
from nas.samplers.front import FrontSampler


@dataclass(frozen=True)
class Rules:
    """trainings: of search and confirmation together; share: of them, kept for confirming; noise: of a training.

    longer: a confirming training costs so many of the search's, and has its noise divided by the root of that.
    sampler: who searches, front or random; the belief is the front sampler's in either case.
    """

    trainings: int = 60
    share: float = 0.3
    noise: float = 0.7
    longer: float = 1.0
    sampler: str = "random"

    @property
    def searching(self) -> int:
        """Trainings of the search."""
        return self.trainings - round(self.share * self.trainings)

    @property
    def confirming(self) -> int:
        """Trainings that confirm."""
        return int(round(self.share * self.trainings) / self.longer)


@dataclass(frozen=True)
class Reported:
    """A front as a user is told it, n points.

    told, low, high, truth [n]: accuracies as told, the ends of their 95 % intervals (NaN where none is told), and as
    they are. leading, decided [n]: whether no point that the search trained is truly better at no more cost, and
    whether the front says that it is sure of the point. volume: what the true values dominate, as a share of what
    those of all that the search trained do.
    """

    told: Floats
    low: Floats
    high: Floats
    truth: Floats
    leading: Floats
    decided: Floats
    volume: float


@dataclass(frozen=True)
class _Searched:
    """What a search trained: true and shown values, costs, the believed chance to stand on the front, [n] each."""

    truth: Floats
    shown: Floats
    costs: Floats
    chances: Floats


def simulate(table: Benchmark, rules: Rules, seed: int) -> Reported:
    """One search and what it reports. Deterministic in the seed."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rng = np.random.default_rng(seed)
    found = _search(table, rules, seed, rng)
    if not rules.confirming:
        front = np.flatnonzero(front_mask(found.shown, found.costs))
        nothing = np.full(len(front), np.nan)
        return _reported(table, found, front, found.shown[front], nothing, nothing, np.ones(len(front)))
    who = racing.entrants(found.costs.tolist(), found.chances.tolist(), racing.places_for(rules.confirming))
    costs, results = found.costs[who].tolist(), [list[float]() for _ in who]
    noise = rules.noise / np.sqrt(rules.longer)
    for _ in range(rules.confirming):
        chosen = racing.next_entrant(costs, results, [0] * len(who), noise)
        if chosen is None:
            break
        results[chosen].append(float(found.truth[who[chosen]] + noise * rng.standard_normal()))
    stands = racing.standings(costs, results)
    kept = [n for n, stand in enumerate(stands) if stand.place != "beaten" and stand.n]
    told, low, high = (np.array([getattr(stands[n], name) for n in kept]) for name in ("mean", "low", "high"))
    decided = np.array([stands[n].place == "front" for n in kept], dtype=float)
    return _reported(table, found, np.array(who, dtype=np.intp)[kept], told, low, high, decided)


def _search(table: Benchmark, rules: Rules, seed: int, rng: np.random.Generator) -> _Searched:
    """A search that is shown one noisy training of each point that it proposes."""

    def cost(params: dict[str, object]) -> dict[str, float]:
        known = table.costs(params)
        return {name: known[name] for name in table.objectives[:1]}

    sampler = FrontSampler(table.space, cost, objectives=[None, table.objectives[0]], seed=seed)
    study = optuna.create_study(
        directions=[StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE],
        sampler=sampler if rules.sampler == "front" else optuna.samplers.RandomSampler(seed),
    )
    truth, shown, costs = [], [], []
    for _ in range(rules.searching):
        trial = study.ask()
        params = suggested(table, trial)
        truth.append(table.value(params))
        shown.append(truth[-1] + rules.noise * rng.standard_normal())
        costs.append(float(table.price(params)[0]))
        study.tell(trial, [shown[-1], costs[-1]])
    believed = sampler.chances(study) if rules.confirming else {}
    chances = np.array([believed.get(number, 0.0) for number in range(len(truth))])
    return _Searched(np.array(truth), np.array(shown), np.array(costs), chances)


def _reported(
    table: Benchmark,
    found: _Searched,
    front: np.ndarray,
    told: Floats,
    low: Floats,
    high: Floats,
    decided: Floats,
) -> Reported:
    truth, costs = found.truth[front], found.costs[front]
    better = (found.costs[None] <= costs[:, None]) & (found.truth[None] > truth[:, None])
    reference = (float(table.truth.reference[0]), float(table.truth.reference[1]))
    whole = hypervolume(found.truth, found.costs, reference)
    volume = hypervolume(truth, costs, reference) / whole if whole else 1.0
    return Reported(told, low, high, truth, ~better.any(axis=1), decided, volume)


def without(rules: Rules) -> Rules:
    """The same trainings, all of them spent on the search."""
    return replace(rules, share=0.0)
