"""Plays: what counts as an evaluation, what is shown, and when a play ends."""

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution

from nas.bench.samplers.playing import CONTESTANTS, Contestant, Play, Scenario, play
from nas.bench.samplers.synthetic import SYNTHETIC
from nas.bench.samplers.tables import Benchmark, Truth

ONE = Scenario("one")


def tiny() -> Benchmark:
    """Nine points with three trainings each."""
    return Benchmark(
        "tiny",
        {name: CategoricalDistribution((0, 1, 2)) for name in "ab"},
        value=lambda p: float(p["a"] * 3 + p["b"]),
        costs=lambda p: {"cost": 1.0 + p["a"] + p["b"]},
        trainings=lambda p: [p["a"] * 3 + p["b"] + noise for noise in (-0.25, 0.0, 0.25)],
    )


@pytest.mark.parametrize("name", ["front", "front+features", "nsga2-20", "nsga2", "tpe", "random"])
def test_every_sampler_plays_and_does_the_same_again(name: str) -> None:
    table, sampler = SYNTHETIC["two_costs"](), CONTESTANTS[name]
    one, two = (play(table, sampler, Scenario("4", workers=4), 3, 10) for _ in range(2))
    assert len(one.values) == 10
    assert one.costs.shape == (10, 2)
    np.testing.assert_array_equal(one.values, two.values)
    assert (one.values != play(table, sampler, ONE, 4, 10).values).any()


def test_an_exhausted_space_ends_the_play() -> None:
    played = play(tiny(), CONTESTANTS["front"], ONE, 0, 50)
    assert sorted(played.values) == list(range(9))
    assert played.repeats == 0


def test_batches_end_it_as_well() -> None:
    played = play(tiny(), CONTESTANTS["front"], Scenario("4", workers=4), 0, 50)
    assert sorted(played.values) == list(range(9))


def test_one_training_is_shown_and_the_truth_is_kept() -> None:
    played = play(tiny(), CONTESTANTS["random"], Scenario("noisy", noisy=True), 0, 40)
    assert set(played.shown - played.values) == {-0.25, 0.0, 0.25}


def test_what_is_over_the_cap_costs_no_evaluation() -> None:
    table = tiny()
    for name in ("front", "tpe", "random"):
        played = play(table, CONTESTANTS[name], Scenario("cap", capped=True), 0, 6)
        assert played.costs.max() <= table.truth.cap, name


def test_repeats_are_counted_unless_they_are_free() -> None:
    class Stubborn(optuna.samplers.RandomSampler):
        """Nearly always the same point."""

        def sample_independent(self, study, trial, name, distribution):  # type: ignore[no-untyped-def]
            return 2 if trial.number % 10 == 9 and name == "b" else 0

    def make(table: Benchmark, seed: int, cap: float | None) -> Stubborn:
        return Stubborn()

    assert play(tiny(), Contestant(make), ONE, 0, 10).repeats == 8
    played = play(tiny(), Contestant(make, dedupe=True), ONE, 0, 2)
    assert played.repeats == 0
    assert list(played.values) == [0.0, 2.0]


TRUTH = Truth(np.array([0.0, 1.0, 2.0, 3.0, 3.0]), np.array([[1.0], [2.0], [3.0], [4.0], [5.0]]), True)


def made_up(values: list[float], shown: list[float], costs: list[float]) -> Play:
    return Play(np.array(values), np.array(shown), np.array(costs)[:, None], 0)


def test_the_reference_and_the_most() -> None:
    assert TRUTH.reference == pytest.approx([1.0, 4.3])  # quarter of the values; 1 + 1.1 * (4 - 1)
    assert TRUTH.most == pytest.approx(2 * 0.3 + 1 * 1.0)


def test_progress_is_the_hypervolume_so_far() -> None:
    progress = made_up([2.0, 0.0, 3.0], [2.0, 0.0, 3.0], [3.0, 1.0, 4.0]).progress(Scenario("s"), TRUTH)
    assert progress == pytest.approx([1.3, 1.3, 1.6])


def test_with_noise_what_looks_best_is_what_counts() -> None:
    """The true best is shown as a bad one at a higher cost: the search would not return it."""
    shown = made_up([2.0, 3.0], [2.5, 2.4], [3.0, 4.0])
    assert shown.progress(Scenario("s"), TRUTH) == pytest.approx([1.3, 1.6])
    assert shown.chosen(TRUTH) == pytest.approx([1.3, 1.3])


def test_under_a_cap_only_what_fits_counts() -> None:
    assert TRUTH.cap == 3.0
    progress = made_up([3.0, 1.0, 2.0], [0.0] * 3, [4.0, 2.0, 3.0]).progress(
        Scenario("s", capped=True), TRUTH
    )
    assert progress.tolist() == [-np.inf, 1.0, 2.0]
