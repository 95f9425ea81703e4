"""From sums of parts to networks."""

import numpy as np
import pytest

from nas.latency.table.calibration import Calibration, calibrated, errors, reach

RNG = np.random.default_rng(0)


def totals(count: int) -> np.ndarray:  # type: ignore[type-arg]
    rng = np.random.default_rng(count)
    size = rng.uniform(1, 4, count)
    return np.stack([size, rng.integers(10, 20, count), size * rng.uniform(0.2, 1, count)], axis=1)


def test_a_bias_of_the_sum_is_taken_away() -> None:
    rows = totals(30)
    truth = 0.8 * rows[:, 0] + 0.02 * rows[:, 1] - 0.1 * rows[:, 2]
    found = calibrated(rows[:10], truth[:10])
    told = np.array([found(row) for row in rows[10:]])
    raw = errors(rows[10:, 0], truth[10:])
    assert errors(told, truth[10:]).mape < 0.02 < 0.04 < raw.mape


def test_one_network_scales_the_sum() -> None:
    rows = totals(1)
    found = calibrated(rows, 0.7 * rows[:, 0])
    assert found(rows[0]) == pytest.approx(0.7 * rows[0, 0], rel=0.1)
    assert found.deviation == 0.1


def test_the_deviation_is_of_networks_left_out() -> None:
    rows = totals(12)
    noisy = rows[:, 0] * np.exp(0.1 * RNG.normal(size=12))
    assert 0.05 < calibrated(rows, noisy).deviation < 0.3
    assert calibrated(rows, rows[:, 0]).deviation < 1e-6


def test_intervals_are_wider_for_fewer_networks() -> None:
    assert reach(0.1, 3) > reach(0.1, 30) > 0.1
    assert reach(0.2, 30) > 1.8 * reach(0.1, 30)
    assert reach(0.0, 30) > 0.02  # another session measures otherwise


def test_errors_are_relative_and_ranks_count() -> None:
    found = errors(np.array([1.1, 2.0, 2.7]), np.array([1.0, 2.0, 3.0]))
    assert found.mape == pytest.approx(0.2 / 3) and found.largest == pytest.approx(0.1)
    assert found.spearman == pytest.approx(1.0) and found.networks == 3
    assert np.isnan(errors(np.ones(2), np.ones(2)).spearman)


def test_a_calibration_combines_in_order() -> None:
    assert Calibration((1.0, 10.0, 100.0), 0.1)((3, 2, 1)) == 123
