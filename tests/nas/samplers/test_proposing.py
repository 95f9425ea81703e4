"""The expected hypervolume improvement against its definition: the volume that random draws would add."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from nas.common.fronts import volume
from nas.samplers.proposing import cells, expected_improvement, improvement

NUMBER = st.floats(-3, 3, allow_nan=False).map(lambda x: round(x, 2))


@given(mean=NUMBER, threshold=NUMBER)
def test_without_uncertainty_it_is_the_plain_improvement(mean: float, threshold: float) -> None:
    found = expected_improvement(np.array([mean]), np.zeros(1), threshold)
    assert found[0] == max(mean - threshold, 0.0)


@given(mean=NUMBER, threshold=NUMBER, deviation=st.floats(0.05, 2.0))
def test_uncertainty_is_worth_something(mean: float, threshold: float, deviation: float) -> None:
    found = expected_improvement(np.array([mean]), np.array([deviation]), threshold)
    assert found[0] > max(mean - threshold, 0.0) - 1e-9


@pytest.mark.parametrize("kinds", [1, 2])
@given(seed=st.integers(0, 10_000))
def test_it_is_exact_for_known_values(kinds: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, costs = rng.random(8).round(1), rng.random((8, kinds)).round(1)
    reference = np.array([0.2] + [0.9] * kinds)
    front = cells(values, costs, reference[1:], 0.2)
    before = volume(values, costs, reference)
    for value, cost in zip(rng.random(5), rng.random((5, kinds)), strict=True):
        after = volume(np.append(values, value), np.vstack([costs, cost]), reference)
        found = improvement(np.array([value]), np.zeros(1), cost[None], front)
        assert found[0] == pytest.approx(after - before, abs=1e-9)


def test_it_is_the_mean_over_draws_for_uncertain_ones() -> None:
    rng = np.random.default_rng(0)
    values, costs = rng.random(6), rng.random((6, 2))
    reference, cost = np.array([0.0, 1.1, 1.1]), np.array([0.3, 0.4])
    before = volume(values, costs, reference)
    draws = [
        volume(np.append(values, value), np.vstack([costs, cost]), reference) - before
        for value in 0.7 + 0.3 * ndtri((np.arange(400) + 0.5) / 400)  # drawn evenly
    ]
    front = cells(values, costs, reference[1:], 0.0)
    found = improvement(np.array([0.7]), np.array([0.3]), cost[None], front)
    assert found[0] == pytest.approx(np.mean(draws), rel=0.01)
