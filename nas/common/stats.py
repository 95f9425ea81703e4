"""Statistics of small numbers of seeds: intervals, paired effects with a pooled variance, and verdicts.

The model is that of a randomised block design: accuracy = network + seed + noise, the noise of one training
being alike for all networks of a study. Seeds are the blocks (the same seed means the same data order), so that
what a seed does to every network cancels in a difference; what is left over after networks and seeds is the
noise, estimated from all rows at once. With R networks and n seeds that leaves (R - 1) * (n - 1) degrees of
freedom instead of the n - 1 of a single pair, which at three seeds halves the intervals. Differences from one
base share the base's noise; this is exact where averaging the variances of the differences would not be.
A network that is much noisier than the others (one that sometimes fails to learn) breaks the model: its own
interval is too narrow, the others' are too wide. Look at the single trainings.

There is no bootstrap: below ten seeds its intervals cover far less than they say.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import nctdtr, stdtr, stdtrit

LEVEL = 0.05
POWER = 0.8
NORMAL = 1.959964
"""Standard deviations that 95 % of a normal distribution lie within."""
HELPS, HURTS, UNSEEN, UNTESTED = "helps", "hurts", "no difference seen", "not tested"
BESIDE = {HELPS: "better", HURTS: "worse"}
"""The verdicts on a network beside another one, where there are other words for them."""
_NOTHING = 1e-12  # of a rounding error, far below the step of any accuracy

Table = NDArray[np.float64]
Terms = Sequence[tuple[float, str]]
"""A contrast: coefficients, and the rows that they multiply. Variant - base is (1, variant), (-1, base)."""


@dataclass(frozen=True)
class Effect:
    """What a contrast of accuracies came to; accuracies and their differences are in [0, 1].

    `mean` is over the `n` seeds for which every network of the contrast was trained; `low` and `high` are the
    ends of the 95 % interval of this effect alone, `p` is of the two-sided t-test, `p_holm` is corrected over
    the family and decides the `verdict`: one of HELPS, HURTS, UNSEEN, UNTESTED. `smallest` is the true
    difference that would have been found with a probability of 80 %, at the strictest level of the correction.
    `error` is the standard error and `df` the degrees of freedom of the pooled noise. NaN where the noise is
    not known; `reason` says why a contrast was not tested.
    """

    mean: float
    low: float
    high: float
    p: float
    p_holm: float
    verdict: str
    smallest: float
    n: int
    error: float
    df: int
    reason: str = ""


def contrast_effects(
    accuracies: Mapping[str, Sequence[float]], contrasts: Mapping[str, Terms]
) -> dict[str, Effect]:
    """The effect of each contrast of rows of accuracies; the noise is pooled over all rows given.

    Values at the same position belong to the same seed; NaN where one is missing, and shorter where seeds were
    not reached. Holm's correction is over all contrasts given: call it once a family.
    Raises KeyError where a contrast names a row that is not given.
    """
    table = _table(list(accuracies.values()))
    index = {name: number for number, name in enumerate(accuracies)}
    noise, df = pooled_noise(table)
    tested = {
        name: _tested(table, [(c, index[row]) for c, row in terms], noise, df)
        for name, terms in contrasts.items()
    }
    corrected = holm({name: effect.p for name, effect in tested.items()})
    strictest = LEVEL / max(1, sum(not math.isnan(p) for p in corrected.values()))
    found = {}
    for name, effect in tested.items():
        verdict = effect.verdict
        if not math.isnan(effect.p):
            verdict = UNSEEN if corrected[name] > LEVEL else HELPS if effect.mean > 0 else HURTS
        smallest = effect.error * detectable(df, strictest) if effect.error >= _NOTHING else math.nan
        found[name] = replace(effect, p_holm=corrected[name], verdict=verdict, smallest=smallest)
    return found


def pooled_intervals(accuracies: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, float, float]]:
    """Mean and the ends of the 95 % t-interval of each row, the spread over seeds being alike for all rows.

    Unlike a difference, an accuracy by itself holds what its seeds add, which all rows share: the more of the
    spread that is, the fewer degrees of freedom another row brings (Satterthwaite). NaN values are left out; NaN
    ends where no row has two seeds.
    """
    found = {name: [v for v in values if not math.isnan(v)] for name, values in accuracies.items()}
    free = [len(values) - 1 for values in found.values() if values]
    spread = pooled_spread(found.values())[0] ** 2
    noise, left = pooled_noise(_table(list(accuracies.values())))
    shared = max(0.0, 1.0 - noise**2 / spread) if left and spread > 0 else 0.0
    overlap = sum(
        (1.0 if i == j else shared**2) * min(a, b) for i, a in enumerate(free) for j, b in enumerate(free)
    )
    df = sum(free) ** 2 / overlap if overlap else math.nan
    intervals = {}
    for name, values in found.items():
        mean = float(np.mean(values)) if values else math.nan
        half = critical(df, LEVEL) * math.sqrt(spread / len(values)) if values and sum(free) else math.nan
        intervals[name] = (mean, mean - half, mean + half)
    return intervals


def pooled_spread(rows: Iterable[Sequence[float]]) -> tuple[float, int]:
    """Standard deviation of one result about the mean of its row, alike for all rows, and its degrees of freedom.

    NaN values are left out; NaN and 0 where no row has two.
    """
    found = [[value for value in values if not math.isnan(value)] for values in rows]
    df = sum(len(values) - 1 for values in found if values)
    squares = sum(float(np.var(values)) * len(values) for values in found if values)
    return (math.sqrt(squares / df), df) if df else (math.nan, 0)


def weighted_sum(
    rows: Mapping[str, Sequence[float]], weights: Mapping[str, float], shift: float = 0.0
) -> tuple[float, float, float]:
    """A sum of the rows' means, each less `shift` and times its weight, with the ends of its 95 % interval.

    The spread of a result is pooled over all rows. NaN values are left out; NaN ends where no row has two.
    """
    spread, df = pooled_spread(rows.values())
    known = {name: [value for value in rows[name] if not math.isnan(value)] for name in weights}
    mean = sum(weight * (float(np.mean(known[name])) - shift) for name, weight in weights.items())
    squares = sum(weight**2 / len(known[name]) for name, weight in weights.items())
    half = critical(df) * spread * math.sqrt(squares) if df else math.nan
    return mean, mean - half, mean + half


def images_half(share: float, images: int) -> float:
    """How far a share of so many images may be from that of all others: the longer side of Wilson's 95 % interval."""
    z2 = NORMAL**2
    centre = (share + z2 / (2 * images)) / (1 + z2 / images)
    half = math.sqrt(z2 * (share * (1 - share) / images + z2 / (4 * images**2))) / (1 + z2 / images)
    return max(centre + half - share, share - centre + half)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """The p-values corrected by Holm's step-down method for as many tests as have one; NaN stays NaN."""
    tested = sorted((p, name) for name, p in p_values.items() if not math.isnan(p))
    corrected, least = dict.fromkeys(p_values, math.nan), 0.0
    for step, (p, name) in enumerate(tested):
        least = max(least, min(1.0, p * (len(tested) - step)))
        corrected[name] = least
    return corrected


@cache
def detectable(df: int, level: float = LEVEL, power: float = POWER) -> float:
    """The true difference, in standard errors, that a two-sided t-test finds with this probability.

    By the noncentral t distribution. NaN without degrees of freedom.
    """
    if df < 1:
        return math.nan
    farthest = 2.0 * critical(df, level) + 10.0
    return float(brentq(lambda shift: found_with(shift, df, level) - power, 0.0, farthest))


def found_with(shift: float, df: int, level: float = LEVEL) -> float:
    """The probability with which a two-sided t-test finds a difference of `shift` standard errors."""
    beyond = critical(df, level)
    tails = np.nan_to_num([nctdtr(df, shift, beyond), nctdtr(df, shift, -beyond)])  # NaN below 1e-15
    return float(1.0 - tails[0] + tails[1])


def pooled_noise(table: Table) -> tuple[float, int]:
    """Standard deviation of one training's noise and its degrees of freedom, by least squares.

    What is left of the table (networks by seeds, NaN where missing) after an effect of each network and of each
    seed. NaN and 0 where nothing is left over.
    """
    rows, seeds = np.nonzero(~np.isnan(table))
    design = np.zeros((len(rows), sum(table.shape)))
    design[np.arange(len(rows)), rows] = 1.0
    design[np.arange(len(rows)), table.shape[0] + seeds] = 1.0
    values = table[rows, seeds]
    fitted, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
    df = len(rows) - int(rank)
    if df < 1:
        return math.nan, 0
    return math.sqrt(float(np.sum((values - design @ fitted) ** 2)) / df), df


def _tested(table: Table, terms: Sequence[tuple[float, int]], noise: float, df: int) -> Effect:
    """The effect of a contrast by itself, before any correction."""
    total: dict[int, float] = defaultdict(float)
    for coefficient, row in terms:
        total[row] += coefficient  # a row's noise goes with all of its coefficients
    each = sum(coefficient * table[row] for row, coefficient in total.items())
    each = np.asarray(each)[~np.isnan(each)]
    n = len(each)
    mean = float(np.mean(each)) if n else math.nan
    error = noise * math.sqrt(sum(c * c for c in total.values()) / n) if n else math.nan
    low = high = p = math.nan
    reason = ""
    if not n:
        reason = "no seed has been trained for every network of it"
    elif not df:
        reason = "one seed has no spread: train at least two"
    elif error < _NOTHING and abs(mean) > _NOTHING:
        reason = "every seed gave the same difference, so that the noise is not known: train more seeds"
    elif error < _NOTHING:
        low, high, p = mean, mean, 1.0
    else:
        half = critical(df, LEVEL) * error
        low, high = mean - half, mean + half
        p = float(2.0 * stdtr(df, -abs(mean) / error))
    return Effect(mean, low, high, p, math.nan, UNTESTED, math.nan, n, error, df, reason)


def _table(rows: Sequence[Sequence[float]]) -> Table:
    """Rows of unequal length as a table [rows, seeds], NaN where a value is missing."""
    table = np.full((len(rows), max((len(row) for row in rows), default=0)), math.nan)
    for number, row in enumerate(rows):
        table[number, : len(row)] = row
    return table


@cache
def critical(df: float, level: float = LEVEL) -> float:
    """The t beyond which a two-sided test at this level rejects."""
    return float(stdtrit(df, 1.0 - level / 2.0))
