"""Statistics of small numbers of seeds: intervals, paired effects with a pooled variance, and verdicts.

With three seeds a spread is hardly known; the noise of a training is therefore estimated from all rows of a
study at once. There is no bootstrap: below ten seeds its intervals cover far less than they say.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats as distributions

LEVEL = 0.05
POWER = 0.8
HELPS, HURTS, UNSEEN, UNTESTED = "helps", "hurts", "no difference seen", "not tested"


@dataclass(frozen=True)
class Effect:
    """What a contrast came to; accuracies in [0, 1], differences the same.

    mean: over the `n` seeds. low, high: the 95 % interval of this effect alone. p: of the two-sided t-test, p_holm:
    corrected over the family, by which the `verdict` is given. smallest: the difference that these seeds would
    have shown with a probability of 80 % at the strictest level of the correction. `error` is the standard
    error, `df` the degrees of freedom of the pooled variance. NaN where the noise is unknown.
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


def mean_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float, float]:
    """Mean and the ends of its (1 - level) t-interval; NaN ends for a single value, all NaN for none."""
    n = len(values)
    if n == 0:
        return math.nan, math.nan, math.nan
    mean = float(np.mean(values))
    if n == 1:
        return mean, math.nan, math.nan
    half = float(distributions.t.isf(level / 2, n - 1) * np.std(values, ddof=1) / math.sqrt(n))
    return mean, mean - half, mean + half
