"""nas.bench confirm: a confirmed front is told as it is, and the check goes red where it is not."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from nas.bench.__main__ import app
from nas.bench.confirming.command import _row
from nas.bench.confirming.simulation import Rules, simulate, without
from nas.bench.samplers.synthetic import conditional

RULES = Rules(40, 0.3, 0.7)
SEARCHES = 40


@pytest.fixture(scope="module")
def figures() -> tuple[dict[str, float], dict[str, float]]:
    table = conditional()
    both = ([simulate(table, rules, seed) for seed in range(SEARCHES)] for rules in (without(RULES), RULES))
    alone, confirmed = both
    return _row(without(RULES), alone), _row(RULES, confirmed)


def test_selected_values_are_too_high_and_confirmed_ones_are_not(
    figures: tuple[dict[str, float], dict[str, float]],
) -> None:
    alone, confirmed = figures
    assert alone["error"] > 0.3
    assert abs(confirmed["error"]) < 0.2


def test_intervals_cover_the_truth_about_as_often_as_they_say(
    figures: tuple[dict[str, float], dict[str, float]],
) -> None:
    assert 0.88 <= figures[1]["covered"] <= 1.0  # the full figure takes a thousand searches


def test_more_of_the_points_stand_on_the_front(figures: tuple[dict[str, float], dict[str, float]]) -> None:
    alone, confirmed = figures
    assert confirmed["leading"] > alone["leading"]
    assert confirmed["leading_of_sure"] > 0.85


def test_both_cost_the_same_and_a_seed_repeats() -> None:
    assert RULES.searching + RULES.confirming == without(RULES).searching == 40
    first, again = (simulate(conditional(), RULES, 3) for _ in range(2))
    np.testing.assert_array_equal(first.told, again.told)


def test_the_command_writes_what_it_found(tmp_path: pytest.TempPathFactory) -> None:
    given = [
        "confirm",
        "--table",
        "conditional",
        "--searches",
        "4",
        "--trainings",
        "12",
        "--out",
        str(tmp_path),
    ]
    assert CliRunner().invoke(app, [*given, "--concurrency", "1"]).exit_code == 0
    written = pd.read_csv(f"{tmp_path}/confirm.csv")
    assert written["share"].tolist() == [0.0, 0.3] and (written["points"] > 0).all()
