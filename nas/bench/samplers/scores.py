"""From plays to curves of regret, and to how many evaluations a share of the best takes."""

from dataclasses import dataclass

import numpy as np

from nas.bench.samplers.playing import Play, Scenario
from nas.bench.samplers.tables import Floats, Truth
from nas.common.fronts import nondominated, volume

SHARES = (0.90, 0.95, 0.99)
RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A median over seeds with its 95 % bootstrap interval; infinite where the share is not reached."""

    median: float
    low: float
    high: float


def found(play: Play, scenario: Scenario, truth: Truth) -> Floats:
    """What a play had after each evaluation [n]: its points' true hypervolume, or its best value under the cap."""
    if scenario.capped:
        fits = play.costs[:, 0] <= truth.cap
        return np.maximum.accumulate(np.where(fits, play.values, -np.inf))
    numbers = range(1, len(play.values) + 1)
    return np.array([volume(play.values[:n], play.costs[:n], truth.reference) for n in numbers])


def chosen(play: Play, truth: Truth) -> Floats:
    """The true hypervolume [n] of the front that a user sees, who knows the values as shown and no others."""
    volumes = np.zeros(len(play.values))
    for n in range(1, len(volumes) + 1):
        front = nondominated(np.column_stack([play.shown[:n], -play.costs[:n]]))
        volumes[n - 1] = volume(play.values[:n][front], play.costs[:n][front], truth.reference)
    return volumes


def evaluations_to(share: float, curves: list[Floats]) -> Floats:
    """The evaluations after which each play's regret in per cent is within 1 - share; infinite where it never is."""
    limit = 100.0 * (1.0 - share) + 1e-9
    reached = [np.flatnonzero(curve <= limit) for curve in curves]
    return np.array([float(places[0]) + 1 if len(places) else np.inf for places in reached])


def interval(counts: Floats, seed: int = 0) -> Interval:
    """The median of a number per seed [n] and its 95 % bootstrap interval."""
    drawn = np.random.default_rng(seed).choice(counts, size=(RESAMPLES, len(counts)))
    medians = np.sort(np.median(drawn, axis=1))
    return Interval(
        float(np.median(counts)),
        float(medians[int(0.025 * RESAMPLES)]),
        float(medians[int(0.975 * RESAMPLES) - 1]),
    )


def at_length(curve: Floats, length: int) -> Floats:
    """A curve [length] that stays at its last point after a play has ended."""
    return np.concatenate([curve[:length], np.full(max(length - len(curve), 0), curve[-1])])
