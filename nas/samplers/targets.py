"""From results to what the model learns: one scale for all fidelities and sources, outliers tamed.

Lower fidelities and earlier studies are brought to the scale of the study's full results by a linear correction,
found on the points that both have trained (by their spread and centre where they share too few). Then values are
measured from their median in units of their spread, and those far below are pressed together: networks that do not
train at all are alike, and would otherwise decide the fit.
"""

import numpy as np
from numpy.typing import NDArray

from nas.samplers.grid import Floats, Rows

SHARED = 4
"""Points that two fidelities must have in common for a correction point by point."""
FLOOR = 2.0
"""Spreads below the median from which on values are pressed together, logarithmically."""


def on_one_scale(values: Floats, rows: Rows, fidelity: Floats, source: NDArray[np.intp]) -> Floats:
    """Values [n] as they would be at the highest fidelity of the study itself."""
    group = np.stack([source, -np.round(2 * np.log2(fidelity)).astype(int)], axis=1)
    kinds, member = np.unique(group, axis=0, return_inverse=True)  # the study's highest fidelity comes first
    if len(kinds) < 2:
        return values
    aligned = np.full(len(values), np.nan)
    aligned[member == 0] = values[member == 0]
    keys = np.array([hash(row.tobytes()) for row in rows])
    for number in range(1, len(kinds)):
        mine = member == number
        aligned[mine] = _corrected(
            values[mine], keys[mine], aligned[~np.isnan(aligned)], keys[~np.isnan(aligned)]
        )
    return aligned


def _corrected(
    values: Floats, keys: NDArray[np.int64], aligned: Floats, aligned_keys: NDArray[np.int64]
) -> Floats:
    """Values brought to the scale of the aligned ones; keys tell points apart."""
    shared = np.intersect1d(keys, aligned_keys)
    if len(shared) >= SHARED:
        here = np.array([values[keys == key].mean() for key in shared])
        there = np.array([aligned[aligned_keys == key].mean() for key in shared])
        slope, centre, target = _ratio(there.std(), here.std()), here.mean(), there.mean()
    else:
        slope, centre, target = _ratio(spread(aligned), spread(values)), np.median(values), np.median(aligned)
    return np.asarray(target + slope * (values - centre))


def _ratio(there: float, here: float) -> float:
    """How much wider the target's spread is; 1 where either is unknown."""
    return float(np.clip(there / here, 0.1, 10.0)) if here > 0 and there > 0 else 1.0


def spread(values: Floats) -> float:
    """The median absolute deviation as a standard deviation; that itself where most values are equal."""
    deviation = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    return deviation if deviation > 1e-9 * float(np.abs(values).max(initial=0.0)) else float(values.std())


def standardised(values: Floats, among: NDArray[np.bool_]) -> Floats:
    """Values [n] about 0 in unit scale over the masked ones, in the same order; all 0 where they are constant."""
    base = values[among] if among.any() else values
    unit = spread(base)
    if not unit > 1e-9 * np.abs(base).max(initial=0.0):
        return np.zeros(len(values))
    z = (values - np.median(base)) / unit
    z = np.where(z < -FLOOR, -FLOOR - np.log1p(np.maximum(-FLOOR - z, 0.0)), z)
    base = z[among] if among.any() else z
    return np.asarray((z - base.mean()) / max(float(base.std()), 1e-9))
