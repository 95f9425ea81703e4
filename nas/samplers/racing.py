"""Which of several networks stand on the true front, told by trainings with other seeds; and which to train next.

Selecting the best of many noisy results selects luck with it. So what was selected is trained again, and judged by
these trainings alone. They are spent where they decide most: what is clearly beaten gets no more, what cannot be told
apart gets most (the idea of racing, Maron and Moore 1993, with the choice of the next one as in optimal computing
budget allocation, Chen et al. 2000: by how much one more training is expected to lower the chance of an error).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from nas.common import stats

Floats = NDArray[np.float64]
Place = Literal["front", "undecided", "beaten"]

SURE = 0.95
"""A place is decided where its chance is at least this, or at most what is left of it."""
DRAWS = 4000
WEIGHT = 2.0
"""So many degrees of freedom has the noise that is expected, beside the noise that was seen, until a race is over."""
ENOUGH = 3
"""Trainings of an entrant whose place is decided; up to MOST where there is time for them."""
MOST = 10


@dataclass(frozen=True)
class Judgement:
    """Where an entrant stands: mean of its n trainings with the ends of its 95 % interval (NaN where not known).

    chance: the probability that no entrant of at most its cost is as good. place: what follows from it.
    """

    n: int
    mean: float
    low: float
    high: float
    chance: float
    place: Place


def standings(
    costs: Sequence[float],
    results: Sequence[Sequence[float]],
    others: Sequence[Sequence[float]] = (),
    floor: float = 0.0,
) -> list[Judgement]:
    """Where each entrant stands, given the results of its trainings [entrants, trainings], which may be ragged.

    Results at one position are of one seed, NaN where it is missing. Intervals are those of
    `nas.common.stats.pooled_intervals`: noise is taken to be alike for all, and for `others`, which are no entrants.
    floor: the least deviation that a result can have, as accuracies come in steps: equal ones are no certainty.
    """
    named = {str(number): list(values) for number, values in enumerate([*results, *others])}
    intervals = stats.pooled_intervals(named)
    counts = _counts(results)
    spread, df = stats.pooled_spread(named.values())
    spread = max(spread, floor) if df else spread
    for number, count in enumerate(counts):
        mean, low, high = intervals[str(number)]
        if df and count:
            least = stats.critical(df) * floor / math.sqrt(count)
            intervals[str(number)] = mean, min(low, mean - least), max(high, mean + least)
    means = np.array([intervals[str(number)][0] for number in range(len(results))], dtype=float)
    chances = _chances(np.asarray(costs, dtype=float), means, spread / np.sqrt(np.maximum(counts, 1)), df)
    return [
        Judgement(int(counts[i]), *intervals[str(i)], float(chances[i]), _place(float(chances[i]), df))
        for i in range(len(results))
    ]


def next_entrant(
    costs: Sequence[float], results: Sequence[Sequence[float]], running: Sequence[int], noise: float
) -> int | None:
    """The entrant to train next, or None where every place is decided and each has been trained often enough.

    running: trainings of each that are under way. noise: the standard deviation of one training's result that is
    expected before any entrant has two. Who comes first among the untrained is as given.
    """
    counts = _counts(results)
    total = counts + np.asarray(running)
    if (total == 0).any():
        return int(np.argmin(total))
    seen, df = stats.pooled_spread(results)
    squares = WEIGHT * noise**2 + (df * seen**2 if df else 0.0)
    spread = math.sqrt(squares / (WEIGHT + df))
    means = np.array([np.nanmean(values) if n else np.nan for values, n in zip(results, counts, strict=True)])
    price = np.asarray(costs, dtype=float)
    chances = _chances(price, means, spread / np.sqrt(np.maximum(counts, 1)), int(WEIGHT + df))
    open_ = (chances > 1 - SURE) & (total < MOST)
    if (alone := open_ & (total < 2)).any():  # with one training nothing is known of its noise
        return int(np.flatnonzero(alone)[np.argmax(chances[alone])])
    gains = np.where(open_, _gains(means, spread, total, chances > 1 - SURE), 0.0)
    undecided = open_ & (chances < SURE)
    if (undecided & (gains > 0)).any():
        return int(np.argmax(gains))
    few = open_ & (total < ENOUGH)
    return int(np.flatnonzero(few)[np.argmin(total[few])]) if few.any() else None


def _counts(results: Sequence[Sequence[float]]) -> NDArray[np.intp]:
    return np.array([sum(not math.isnan(value) for value in values) for values in results], dtype=np.intp)


def _chances(costs: Floats, means: Floats, errors: Floats, df: int) -> Floats:
    """The probability of each to be better than all that cost no more; 0.5 for what is not known."""
    if not df or not len(means):
        return np.full(len(means), 0.5)
    rng = np.random.default_rng(0)  # the same results give the same verdict
    draws = rng.standard_normal((DRAWS, len(means))) * errors
    draws /= np.sqrt(rng.chisquare(df, (DRAWS, 1)) / df)
    draws += np.where(np.isnan(means), 0.0, means)
    known = ~np.isnan(means)
    order = np.lexsort((-np.where(known, means, -np.inf), costs))
    before = np.full(DRAWS, -np.inf)
    chances = np.full(len(means), 0.5)
    for i in order:
        if known[i]:
            chances[i] = float(np.mean(draws[:, i] > before))
            before = np.maximum(before, draws[:, i])
    return chances


def _gains(means: Floats, spread: float, total: NDArray[np.intp], active: NDArray[np.bool_]) -> Floats:
    """By how much one more training of each lowers the chance to take the worse of two for the better."""
    variances, one_more = spread**2 / total, spread**2 / (total + 1)
    apart = np.abs(means[:, None] - means[None])
    now = ndtr(-apart / np.sqrt(variances[:, None] + variances[None]))
    then = ndtr(-apart / np.sqrt(one_more[:, None] + variances[None]))
    gained = np.where(active[:, None] & active[None] & ~np.eye(len(means), dtype=bool), now - then, 0.0)
    return np.asarray(np.nan_to_num(gained).sum(axis=1))


def _place(chance: float, df: int) -> Place:
    if not df:
        return "undecided"
    return "front" if chance >= SURE else "beaten" if chance <= 1 - SURE else "undecided"


def entrants(costs: Sequence[float], chances: Sequence[float], most: int) -> list[int]:
    """Whom to let enter, the likeliest of each band of costs: at most so many, in the order of their trainings.

    chances: each one's probability, as believed before, to stand on the front. A band holds an equal share of what
    there is to expect of front points, so that bands lie where the front may lie. The dearest comes first: it is the
    answer to the budget, while the cheapest stands on the front in any case.
    """
    if most < 1:
        return []
    cost, chance = np.asarray(costs, dtype=float), np.asarray(chances, dtype=float)
    possible = np.flatnonzero(chance > 0)
    order = possible[np.argsort(cost[possible], kind="stable")]
    if len(order) <= most:
        return [int(i) for i in reversed(order)]
    bands = max(most, 2)
    reached = np.cumsum(chance[order]) - chance[order] / 2
    band = np.minimum((reached / chance[order].sum() * bands).astype(int), bands - 1)
    chosen = [order[band == b][np.argmax(chance[order[band == b]])] for b in np.unique(band)][::-1]
    rest = sorted(set(order) - set(chosen), key=lambda i: -chance[i])
    return [int(i) for i in [*chosen, *rest][:most]]


def places_for(trainings: int) -> int:
    """How many entrants so many trainings are for: two and a half for each, as not all need ENOUGH."""
    return max(2, trainings * 2 // 5)
