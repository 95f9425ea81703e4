"""Scores: regret against the best there is, or the best that was found, and beside random search."""

from pathlib import Path

import numpy as np
import pytest

from nas.bench.samplers.pictures import LEAST, regret_sheet
from nas.bench.samplers.playing import Scenario
from nas.bench.samplers.scores import Score, at_length, curves, evaluations_to, interval, scores, summary
from nas.bench.samplers.tournament import PlayJob, PlayOutcome, load
from nas.figures.page import interactive
from nas.figures.picture import save_png

ONE, CAPPED = Scenario("one"), Scenario("cap", capped=True)


def outcomes(table: str, scenario: Scenario, **finals: list[float]) -> list[Score]:
    """Standings of plays of two evaluations that end at these shares of the true front's hypervolume."""
    most = load(table).truth.most
    return scores(
        {
            PlayJob(table, name, scenario, seed, 2): PlayOutcome(np.array([0.0, share * most]), 0)
            for name, shares in finals.items()
            for seed, share in enumerate(shares)
        }
    )


def test_regret_is_what_is_missing_in_per_cent() -> None:
    (found,) = outcomes("constant", ONE, front=[0.9, 1.0, 0.8])
    assert found.quartiles()[1] == pytest.approx([100.0, 10.0])
    assert found.reached[0.9][0] == 2.0
    assert found.reached[0.99][0] == np.inf


def test_of_a_large_table_the_best_found_is_the_measure() -> None:
    jobs = {
        PlayJob("large", name, ONE, 0, 1): PlayOutcome(np.array([area]), 0)
        for name, area in (("front", 1e9), ("random", 5e8))
    }
    best, half = scores(jobs)
    assert best.regrets.tolist() == [[0.0]]
    assert half.regrets.tolist() == [[50.0]]


def test_under_a_cap_the_regret_is_in_the_values_unit() -> None:
    truth = load("minus_cost").truth
    found = scores(
        {
            PlayJob("minus_cost", "front", CAPPED, 0, 2): PlayOutcome(
                np.array([-np.inf, truth.best_under_cap - 2]), 0
            )
        }
    )
    assert found[0].regrets[0].tolist() == [np.inf, 2.0]
    assert found[0].unit == "value"


def test_beside_random_is_in_randoms_interquartile_ranges() -> None:
    found = outcomes("constant", ONE, front=[0.5, 0.5, 0.5], random=[0.4, 0.6, 0.8])
    assert found[0].beside_random(found) == pytest.approx(0.1 / 0.2)
    assert found[1].beside_random(found) == 0.0
    assert found[0].beside_random(found[:1]) is None


def test_the_tables_have_a_row_for_each() -> None:
    found = outcomes("constant", ONE, front=[1.0, 1.0], random=[0.5, 0.5])
    assert summary(found)["sampler"].tolist() == ["front", "random"]
    assert len(curves(found)) == 4
    assert (curves(found)["low"] <= curves(found)["high"]).all()


def test_the_first_sampler_is_drawn_on_top_and_nothing_below_the_axis(tmp_path: Path) -> None:
    sheet = regret_sheet(outcomes("constant", ONE, front=[1.0], random=[0.5]))
    ((panel, _),) = sheet.panels
    assert [series.name for series in panel.series] == ["random", "random", "front", "front"]
    assert panel.y_axis.low == pytest.approx(100 * LEAST)
    assert min(min(series.y) for series in panel.series) == panel.y_axis.low
    assert [trace.showlegend for trace in interactive(sheet).data] == [False, True, False, True]
    save_png(sheet, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_evaluations_to_a_share() -> None:
    curves = [np.array([50.0, 5.0, 4.0]), np.array([50.0, 20.0, 5.1])]
    assert evaluations_to(0.95, curves).tolist() == [2.0, np.inf]


def test_the_interval_holds_the_median_and_knows_of_what_was_not_reached() -> None:
    median, low, high = interval(np.arange(1.0, 22.0))
    assert low < median == 11.0 < high
    assert interval(np.array([5.0] * 5)) == interval(np.array([5.0] * 5))
    assert interval(np.array([1.0, np.inf, np.inf]))[0] == np.inf


def test_a_short_play_stays_where_it_ended() -> None:
    assert at_length(np.array([3.0, 1.0]), 4).tolist() == [3.0, 1.0, 1.0, 1.0]
    assert at_length(np.array([3.0, 1.0]), 1).tolist() == [3.0]
