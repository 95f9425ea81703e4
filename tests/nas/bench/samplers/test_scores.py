"""Progress, evaluations to a share, and the interval of a median."""

import numpy as np
import pytest

from nas.bench.samplers.playing import Play, Scenario
from nas.bench.samplers.scores import at_length, chosen, evaluations_to, found, interval
from nas.bench.samplers.tables import Truth

TRUTH = Truth(np.array([0.0, 1.0, 2.0, 3.0, 3.0]), np.array([[1.0], [2.0], [3.0], [4.0], [5.0]]), True)


def played(values: list[float], shown: list[float], costs: list[float]) -> Play:
    return Play(np.array(values), np.array(shown), np.array(costs)[:, None], 0)


def test_the_reference_and_the_most() -> None:
    assert TRUTH.reference == pytest.approx([1.0, 4.3])  # quarter of the values; 1 + 1.1 * (4 - 1)
    assert TRUTH.most == pytest.approx(2 * 0.3 + 1 * 1.0)


def test_progress_is_the_hypervolume_so_far() -> None:
    progress = found(played([2.0, 0.0, 3.0], [2.0, 0.0, 3.0], [3.0, 1.0, 4.0]), Scenario("s"), TRUTH)
    assert progress == pytest.approx([1.3, 1.3, 1.6])


def test_with_noise_what_looks_best_is_what_counts() -> None:
    """The true best is shown as a bad one at a higher cost: the search would not return it."""
    play = played([2.0, 3.0], [2.5, 2.4], [3.0, 4.0])
    assert found(play, Scenario("s"), TRUTH) == pytest.approx([1.3, 1.6])
    assert chosen(play, TRUTH) == pytest.approx([1.3, 1.3])


def test_under_a_cap_only_what_fits_counts() -> None:
    assert TRUTH.cap == 3.0
    progress = found(played([3.0, 1.0, 2.0], [0.0] * 3, [4.0, 2.0, 3.0]), Scenario("s", capped=True), TRUTH)
    assert progress.tolist() == [-np.inf, 1.0, 2.0]


def test_evaluations_to_a_share() -> None:
    curves = [np.array([50.0, 5.0, 4.0]), np.array([50.0, 20.0, 5.1])]
    assert evaluations_to(0.95, curves).tolist() == [2.0, np.inf]


def test_the_interval_holds_the_median_and_knows_of_what_was_not_reached() -> None:
    found = interval(np.arange(1.0, 22.0))
    assert found.low < found.median == 11.0 < found.high
    assert interval(np.array([5.0] * 5)) == interval(np.array([5.0] * 5))
    assert interval(np.array([1.0, np.inf, np.inf])).median == np.inf


def test_a_short_play_stays_where_it_ended() -> None:
    assert at_length(np.array([3.0, 1.0]), 4).tolist() == [3.0, 1.0, 1.0, 1.0]
    assert at_length(np.array([3.0, 1.0]), 1).tolist() == [3.0]
