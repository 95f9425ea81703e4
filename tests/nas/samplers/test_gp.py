"""The Gaussian process: its gradient, its predictions at what it knows, and what it learns."""

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from scipy.optimize import approx_fprime

from nas.samplers.gp import NOISE, Inputs, Kernel, Posterior
from nas.samplers.grid import Floats, Grid

GRID = Grid.of(
    {"a": CategoricalDistribution("xyz"), "b": IntDistribution(0, 5), "c": CategoricalDistribution("uv")}
)
KERNEL = Kernel(GRID.bit_axes, GRID.bit_shares, 3, 1)


def points(n: int, seed: int = 0, lesser: bool = False) -> tuple[Inputs, Floats]:
    """Random points, and a value to which the second dimension and the number contribute."""
    rng = np.random.default_rng(seed)
    rows = GRID.uniform(rng, n)
    numbers = rng.standard_normal((n, 1))
    rung = rng.integers(0, 2, n) * 1.0 * lesser
    source = rng.integers(0, 2, n) * lesser
    y = rows[:, 1] / 2.0 + numbers[:, 0]
    return Inputs(GRID.bits(rows), numbers, rung, source.astype(np.intp), np.zeros(len(y))), (
        y - y.mean()
    ) / y.std()


@pytest.mark.parametrize("lesser", [False, True], ids=["one fidelity", "several"])
def test_the_gradient_is_that_of_the_loss(lesser: bool) -> None:
    x, y = points(15, lesser=lesser)
    mean, _ = KERNEL.prior
    theta = mean + np.random.default_rng(1).normal(0, 0.3, len(mean))
    numeric = approx_fprime(theta, lambda t: KERNEL.loss(t, x, y)[0], 1e-6)
    np.testing.assert_allclose(KERNEL.loss(theta, x, y)[1], numeric, rtol=1e-3, atol=1e-3)


def test_it_knows_what_it_was_told_and_is_unsure_elsewhere() -> None:
    x, y = points(30)
    theta = KERNEL.fit(x, y)
    theta[NOISE] = np.log(1e-4)
    posterior = Posterior.given(KERNEL, theta, x, y)
    mean, deviation = posterior.predict(x)
    np.testing.assert_allclose(mean, y, atol=0.05)
    away = x.take(np.arange(5))
    away.numbers[:] = 6.0
    assert posterior.predict(away)[1].min() > deviation.max()


def test_it_learns_which_dimension_matters() -> None:
    x, y = points(60)
    relevance = KERNEL.fit(x, y)[-3:]
    assert relevance.argmax() == 1


def test_its_draws_are_about_its_mean() -> None:
    x, y = points(30)
    posterior = Posterior.given(KERNEL, KERNEL.fit(x, y), x, y)
    at, _ = points(8, seed=5)
    draws = np.array([posterior.draw(at, np.random.default_rng(s)) for s in range(300)])
    mean, deviation = posterior.predict(at)
    assert np.abs(draws.mean(axis=0) - mean).max() < 5 * deviation.max() / np.sqrt(300)
    np.testing.assert_allclose(draws.std(axis=0), deviation, rtol=0.3, atol=0.02)
