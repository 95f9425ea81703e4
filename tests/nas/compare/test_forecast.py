"""nas.compare.forecast: what is said before a comparison starts."""

import math
from dataclasses import replace

import numpy as np
import pytest

from nas.common import stats
from nas.compare.forecast import Forecast, foresee
from nas.compare.running import Rounds
from nas.data.dataset import load
from nas.engine.terms import Execution
from nas.networks.building import build
from nas.networks.references import parse
from nas.train.pace import foreseen
from nas.train.trainer import Fidelity, Recipe, train
from tests.nas.compare.small import A, B, C, in_memory, run, setup

AHEAD = Forecast(seconds=60.0, left=30, at_once=2, networks=10, seeds=3, noise=0.01, measured=False)


def test_the_smallest_difference_is_found_in_four_of_five_studies() -> None:
    """Simulated: networks that differ by just so much from the first, tested as a comparison tests them."""
    ahead = replace(AHEAD, networks=3, left=9)
    chance, found = np.random.default_rng(0), 0
    for _ in range(400):
        seeds = chance.normal(0, 0.02, 3)
        noise = chance.normal(0, 0.01, (3, 3))
        rows = [seeds + noise[i] + (ahead.smallest if i == 1 else 0.0) for i in range(3)]
        table = {name: row.tolist() for name, row in zip("abc", rows, strict=True)}
        contrasts = {name: [(1.0, name), (-1.0, "a")] for name in "bc"}
        found += stats.contrast_effects(table, contrasts)["b"].verdict == stats.HELPS
    assert 0.75 < found / 400 < 0.9
    assert replace(ahead, seeds=6).smallest < ahead.smallest / 1.4
    assert math.isnan(replace(ahead, seeds=1).smallest) and math.isnan(replace(ahead, networks=1).smallest)


def test_what_does_not_fit_is_said_and_planned() -> None:
    assert AHEAD.minutes == 15 and AHEAD.whole(None) == AHEAD.whole(15) == AHEAD.whole(10) == 0
    assert AHEAD.whole(9) == 6 and AHEAD.whole(0.1) == 2  # 18 trainings are six networks' three
    assert len(AHEAD.told(20, whole=True)) == 2
    said = AHEAD.told(9, whole=True)[-1]
    assert "first 6 of 10" in said and "--resume" in said
    assert "60% of the trainings" in AHEAD.told(9, whole=False)[-1]


def test_whole_networks_come_first() -> None:
    trainings = in_memory(seeds=2)
    assert run(Rounds(trainings, whole=2)) == [(A, 0), (B, 0), (A, 1), (B, 1), (C, 0), (C, 1)]


def test_one_that_has_begun_knows_its_own_time_and_noise() -> None:
    trainings, data = in_memory(seeds=3), load("digits")
    run(Rounds(trainings), most=7)
    ahead = foresee(trainings, data, Execution(concurrency=1))
    assert ahead is not None and ahead.measured and ahead.left == 2 and ahead.at_once == 1
    assert ahead.seconds == trainings.trials()[0].user_attrs["outcome"]["seconds"]
    run(Rounds(trainings))
    assert foresee(trainings, data, Execution()) is None


def test_a_new_one_is_timed_on_a_few_steps() -> None:
    trainings, data = in_memory(setup(fidelity=Fidelity(2.0))), load("digits")
    ahead = foresee(trainings, data, Execution())
    assert ahead is not None and not ahead.measured and ahead.left == 6
    fidelity, model = Fidelity(2.0), build(parse(A), 10, 32)
    took = train(model, data, fidelity, Recipe(), device="cpu").seconds
    assert took / 6 < ahead.seconds < took * 6  # beside whatever else runs on this machine
    assert foreseen(model, data, Fidelity(0.01), Recipe(), "cpu", 4) > 0


@pytest.mark.parametrize("count", [1, 2, 150])
def test_its_words_are_whole(count: int) -> None:
    for line in replace(AHEAD, left=count, seconds=40.0 * count).told(None, whole=False):
        assert "nan" not in line and "  " not in line


def test_folds_take_as_many_times_as_long_and_leave_less_noise() -> None:
    data = load("digits", notify=lambda line: None)
    one, five = (foresee(in_memory(setup(folds=folds)), data, Execution()) for folds in (0, 5))
    assert one is not None and five is not None
    assert 2 * one.seconds < five.seconds < 15 * one.seconds and five.noise < one.noise
