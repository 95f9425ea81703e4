"""What is believed of points that were not trained, given all results: one Gaussian process a learned objective."""

from collections import OrderedDict
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nas.samplers.gp import Inputs, Kernel, Posterior
from nas.samplers.grid import Floats, Rows
from nas.samplers.history import History
from nas.samplers.problem import Problem
from nas.samplers.targets import on_one_scale, standardised

ALWAYS = 40
"""Up to so many results the kernel's parameters are fitted anew at every one, from then on at every tenth part more."""
FITTED = 200
"""Results that the parameters are fitted on at most: the best, and the others evenly."""
KEPT = 800
"""Results that the model is conditioned on at most, chosen likewise."""
FAILED = 0.25
"""A point whose training failed is believed to be at this quantile of the results."""
FITS = 8
"""Fits that are remembered."""


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


def _columns(columns: list[Floats], length: int) -> Floats:
    return np.array(columns, dtype=float).reshape(len(columns), length).T


def inputs(problem: Problem, rows: Rows, costs: Floats) -> Inputs:
    """Points as full results of the study itself."""
    none = np.zeros(len(rows))
    return Inputs(problem.grid.bits(rows), problem.numbers(costs), none, none.astype(np.intp))


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
        failed = inputs(problem, history.failed, problem.prices(history.failed))
        pending = inputs(problem, history.pending, problem.prices(history.pending))
        brief = inputs(problem, history.brief, problem.prices(history.brief))
        posteriors, standing = [], []
        for column in range(history.values.shape[1]):
            z = _scaled(history, column, len(history.rows))
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
            own = posterior.mean(x.take(history.counts))
            standing.append(np.concatenate([own, running, lesser]))
        rows = np.concatenate([history.rows[history.counts], history.pending, history.brief])
        return Beliefs(problem, tuple(posteriors), rows, _columns(standing, len(rows)))

    def _parameters(self, history: History, column: int, x: Inputs) -> Floats:
        """The kernel's parameters, fitted to the first results up to a number that grows in steps."""
        first = _milestone(len(x))
        z = _scaled(history, column, first)
        key = column, hash((z.tobytes(), history.rows[:first].tobytes()))
        if key not in self._fits:
            chosen = best_and_even(z, FITTED)
            self._fits[key] = self._kernel.fit(x.take(chosen), z[chosen])
            if len(self._fits) > FITS:
                self._fits.popitem(last=False)
        return self._fits[key]


def _milestone(n: int) -> int:
    milestone = min(n, ALWAYS)
    while (following := milestone + max(milestone // 10, 1)) <= n:
        milestone = following
    return milestone


def _scaled(history: History, column: int, first: int) -> Floats:
    """One objective of the first results, in unit scale over those that count."""
    part = slice(0, first)
    values = on_one_scale(
        history.values[part, column], history.rows[part], history.fidelity[part], history.source[part]
    )
    return standardised(values, history.counts[part])


def best_and_even(values: Floats, most: int) -> NDArray[np.intp]:
    """Which of n values to keep if there are more than `most`: the best half of these, and the others evenly."""
    if len(values) <= most:
        return np.arange(len(values))
    order = np.argsort(-values, kind="stable")
    half = most // 2
    rest = np.sort(order[half:])
    even = rest[np.linspace(0, len(rest) - 1, most - half).round().astype(int)]
    return np.sort(np.concatenate([order[:half], even]))
