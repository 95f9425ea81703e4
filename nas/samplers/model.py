"""What is believed of points that were not trained, given all results: one Gaussian process a learned objective.

Lower fidelities and earlier studies are brought to the scale of the study's full results by a linear correction,
found on the points that both have trained (by their spread and centre where they share too few). Then values are
measured from their median in units of their spread, and those far below are pressed together: networks that do not
train at all are alike, and would otherwise decide the fit.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nas.samplers.gp import Inputs, Kernel, Posterior
from nas.samplers.grid import Floats, Rows
from nas.samplers.history import History
from nas.samplers.problem import Problem

ALWAYS = 40  # results up to which the parameters are fitted anew at every one, then at every tenth part more
FITTED = 200  # results that the parameters are fitted on at most: the best, and the others evenly
KEPT = 800  # results that the model is conditioned on at most, chosen likewise
FAILED = 0.25  # a point whose training failed is believed to be at this quantile of the results
FITS = 8  # fits that are remembered
SHARED = 4  # points that two fidelities must have in common for a correction point by point
FLOOR = 2.0  # spreads below the median from which on values are pressed together, logarithmically


@dataclass(frozen=True)
class Beliefs:
    """Posteriors of the learned objectives (higher is better, unit scale), and where the tried points stand.

    standing [n, objectives] are the values of the points `rows` [n] as they are believed to be. Where trainings are
    noisy that is not what was measured: the best of many results owes part of its rank to luck, and a front of such
    results would hide what can still be improved on.
    """

    problem: Problem
    posteriors: tuple[Posterior, ...]
    rows: Rows
    standing: Floats

    def predict(self, rows: Rows, costs: Floats) -> tuple[Floats, Floats]:
        """Means and standard deviations [m, objectives] of points [m] with these costs [m, k]."""
        at = inputs(self.problem, rows, costs)
        both = [posterior.predict(at) for posterior in self.posteriors]
        return _columns([mean for mean, _ in both], len(rows)), _columns([sd for _, sd in both], len(rows))

    def draw(self, rows: Rows, costs: Floats, rng: np.random.Generator) -> Floats:
        """A joint draw of the values [m, objectives] of points [m]."""
        at = inputs(self.problem, rows, costs)
        return _columns([posterior.draw(at, rng) for posterior in self.posteriors], len(rows))

    def draws(self, rows: Rows, costs: Floats, rng: np.random.Generator, count: int) -> Floats:
        """So many joint draws of the values [count, m, objectives] of points [m]."""
        at = inputs(self.problem, rows, costs)
        drawn = [posterior.draws(at, rng, count) for posterior in self.posteriors]
        return np.stack(drawn, axis=-1) if drawn else np.zeros((count, len(rows), 0))


def _columns(columns: list[Floats], length: int) -> Floats:
    return np.array(columns, dtype=float).reshape(len(columns), length).T


def inputs(problem: Problem, rows: Rows, costs: Floats) -> Inputs:
    """Points as full results of the study itself."""
    none = np.zeros(len(rows))
    return Inputs(problem.grid.bits(rows), problem.numbers(costs), none, none.astype(np.intp), none)


class Model:
    """Learns a history. It remembers only which parameters fitted which results: a fresh one believes the same."""

    def __init__(self, problem: Problem) -> None:
        grid = problem.grid
        self._problem = problem
        self._kernel = Kernel(grid.bit_axes, grid.bit_shares, len(grid.axes), len(problem.prices.names))
        self._fits: OrderedDict[tuple[int, int], Floats] = OrderedDict()

    def learn(self, history: History) -> Beliefs:
        """The beliefs that follow from a history with at least one result."""
        problem = self._problem
        x = replace(
            inputs(problem, history.rows, problem.prices(history.rows)),
            rung=np.log(history.highest / history.fidelity),
            source=history.source,
        )
        others = (history.failed, history.pending, history.brief)
        failed, pending, brief = (inputs(problem, rows, problem.prices(rows)) for rows in others)
        posteriors, standing = [], []
        for column in range(history.values.shape[1]):
            z = _scaled(history, column, len(history.rows))
            x = replace(x, noise=_noise(history, column, z))
            theta = self._parameters(history, column, x)
            kept = best_and_even(z, KEPT)
            low = float(np.quantile(z[history.counts] if history.counts.any() else z, FAILED))
            known = x.take(kept).joined(failed)
            y = np.concatenate([z[kept], np.full(len(failed), low)])
            posterior = Posterior.given(self._kernel, theta, known, y)
            running, lesser = posterior.mean(pending), posterior.mean(brief)
            if len(pending):  # kriging believer: what is running is taken to come out as expected
                posterior = Posterior.given(self._kernel, theta, known.joined(pending), np.append(y, running))
            posteriors.append(posterior)
            standing.append(np.concatenate([posterior.mean(x.take(history.counts)), running, lesser]))
        rows = np.concatenate([history.rows[history.counts], history.pending, history.brief])
        return Beliefs(problem, tuple(posteriors), rows, _columns(standing, len(rows)))

    def _parameters(self, history: History, column: int, x: Inputs) -> Floats:
        """The kernel's parameters, fitted to the first results up to a number that grows in steps."""
        first = min(len(x), ALWAYS)
        while (following := first + max(first // 10, 1)) <= len(x):
            first = following
        z = _scaled(history, column, first)
        key = column, hash((z.tobytes(), history.rows[:first].tobytes(), x.noise[:first].tobytes()))
        if key not in self._fits:
            chosen = best_and_even(z, FITTED)
            self._fits[key] = self._kernel.fit(x.take(chosen), z[chosen])
            if len(self._fits) > FITS:
                self._fits.popitem(last=False)
        return self._fits[key]


def _scaled(history: History, column: int, first: int) -> Floats:
    """One objective of the first results, in unit scale over those that count."""
    values, rows = history.values[:first, column], history.rows[:first]
    values = on_one_scale(values, rows, history.fidelity[:first], history.source[:first])
    return standardised(values, history.counts[:first])


def _noise(history: History, column: int, z: Floats) -> Floats:
    """The variance of results that is known from their folds, in the units of the scaled values z [n]."""
    wide = spread(history.values[:, column])
    if not history.noise.any() or not wide > 0:
        return np.zeros(len(z))
    return np.asarray((history.noise * spread(z) / wide) ** 2)


def best_and_even(values: Floats, most: int) -> NDArray[np.intp]:
    """Which of n values to keep if there are more than `most`: the best half of these, and the others evenly."""
    if len(values) <= most:
        return np.arange(len(values))
    order = np.argsort(-values, kind="stable")
    half = most // 2
    rest = np.sort(order[half:])
    even = rest[np.linspace(0, len(rest) - 1, most - half).round().astype(int)]
    return np.sort(np.concatenate([order[:half], even]))


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
        mine, done = member == number, ~np.isnan(aligned)
        aligned[mine] = _corrected(values[mine], keys[mine], aligned[done], keys[done])
    return aligned


def _corrected(
    values: Floats, keys: NDArray[np.int64], aligned: Floats, aligned_keys: NDArray[np.int64]
) -> Floats:
    """Values brought to the scale of the aligned ones; keys tell points apart."""
    shared = np.intersect1d(keys, aligned_keys)
    if len(shared) >= SHARED:
        here = np.array([values[keys == key].mean() for key in shared])
        there = np.array([aligned[aligned_keys == key].mean() for key in shared])
        wide, narrow, centre, target = there.std(), here.std(), here.mean(), there.mean()
    else:
        wide, narrow = spread(aligned), spread(values)
        centre, target = float(np.median(values)), float(np.median(aligned))
    slope = float(np.clip(wide / narrow, 0.1, 10.0)) if narrow > 0 and wide > 0 else 1.0  # 1: unknown
    return np.asarray(target + slope * (values - centre))


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
