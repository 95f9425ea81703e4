"""How well two orders of the same networks agree, with what chance leaves open."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
RESAMPLES = 10_000


def agreement(one: Floats, other: Floats, seed: int = 0) -> dict[str, float]:
    """Spearman's and Kendall's coefficients of two orders, with 95 % bootstrap intervals over the archs.

    Percentiles of resampled archs; with a dozen of them an interval is rough, and seldom narrow.
    """
    drawn = np.random.default_rng(seed).integers(len(one), size=(RESAMPLES, len(one)))
    found: dict[str, float] = {"archs": len(one)}
    for name, measure in (("spearman", spearman), ("kendall", kendall)):
        found[name] = float(measure(one[None], other[None])[0])
        again = measure(one[drawn], other[drawn])
        again = again[np.isfinite(again)]  # all alike: no order
        ends = np.quantile(again, (0.025, 0.975)) if len(again) else np.full(2, np.nan)
        found[f"{name}_low"], found[f"{name}_high"] = ends.tolist()
    return found


def spearman(one: Floats, other: Floats) -> Floats:
    """Of each line [N, archs] of the two, ties at their mean rank; NaN where all are alike."""
    first, second = (rankdata(values, axis=1) for values in (one, other))
    return _correlation(*(ranks - ranks.mean(axis=1, keepdims=True) for ranks in (first, second)))


def kendall(one: Floats, other: Floats) -> Floats:
    """Likewise, tau-b: the correlation of the signs of all differences."""
    return _correlation(
        *(
            np.sign(values[:, :, None] - values[:, None, :]).reshape(len(values), -1)
            for values in (one, other)
        )
    )


def _correlation(one: Floats, other: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        found: Floats = (one * other).sum(axis=1) / np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    return found
