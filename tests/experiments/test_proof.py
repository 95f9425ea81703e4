"""experiments.proof: what is compared, and what the page says of trainings whose answer is plain."""

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from experiments.proof import DESIGNED, area, besides, chosen, main, page
from search_spaces import zoo

REFERENCE = (0.1, 300e6)


def trained(**networks: tuple[float, float]) -> pd.DataFrame:
    """Three trainings of each network of (M multiply-adds, mean test accuracy)."""
    rows = []
    for place, (name, (macs, mean)) in enumerate(networks.items()):
        offsets = (-0.002, 0.002, 0.0)
        for seed, offset in enumerate((*offsets[place % 3 :], *offsets[: place % 3])):
            rows.append({"network": name, "seed": seed, "macs": macs * 1e6, "test_accuracy": mean + offset})
    return pd.DataFrame(rows)


def test_one_point_a_band_of_costs_each_once() -> None:
    front = pd.DataFrame({"trial": [3, 5, 8, 9, 11], "macs": [35e6, 70e6, 90e6, 160e6, 280e6]})
    assert chosen(front) == [3, 5, 9, 11] or chosen(front) == [3, 8, 9, 11]
    assert chosen(front.iloc[:2]) == [3, 5]
    assert chosen(front.iloc[:0]) == []


def test_the_hand_designed_ones_are_of_the_zoo() -> None:
    assert len(DESIGNED) >= 8 and len(set(DESIGNED)) == len(DESIGNED)
    assert all(zoo.get(name) for name in DESIGNED)


@pytest.mark.parametrize(("ours", "word"), [(0.80, "better"), (0.60, "worse"), (0.70, "not distinguishable")])
def test_a_hand_designed_network_beside_the_best_found_one_of_no_more_cost(ours: float, word: str) -> None:
    table = besides(
        trained(a=(50, 0.55), b=(90, ours), c=(200, 0.9), v2=(100, 0.701), v3=(40, 0.5)), ["a", "b", "c"]
    )
    rows = table.set_index("designed")
    assert rows.loc["v2", "found"] == "b" and rows.loc["v2", "verdict"] == word
    assert rows.loc["v2", "share"] == pytest.approx(0.9)
    assert rows.loc["v3", "verdict"] == "none costs no more"


def test_the_area_and_its_difference() -> None:
    volumes = area(trained(a=(30, 0.8), v2=(30, 0.5)), ["a"], REFERENCE)
    assert volumes["found"] == pytest.approx(0.9 * 0.7 / 0.9) and volumes["designed"] == pytest.approx(0.4)
    assert 0 < volumes["low"] < volumes["difference"] < volumes["high"]


@pytest.mark.parametrize(
    ("ours", "said"),
    [
        (0.8, "The found front dominates"),
        (0.5, "does not dominate everywhere: v2"),
        (0.6, "not distinguishably"),
    ],
)
def test_the_page_says_what_came_of_it(ours: float, said: str) -> None:
    trainings = trained(a=(30, ours), v2=(30, 0.6))
    text = page(besides(trainings, ["a"]), area(trainings, ["a"], REFERENCE), REFERENCE, ["How."])
    assert said in text.splitlines()[0] and "How." in text


def test_the_command_can_be_asked() -> None:
    app = typer.Typer()
    app.command()(main)
    assert "--compare-minutes" in CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
