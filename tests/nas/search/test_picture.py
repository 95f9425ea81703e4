"""nas.search.picture: what is drawn of a search (made-up numbers), and the files that come out."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nas.figures.drawing import Panel, Series
from nas.search.page import write_html
from nas.search.picture import drawn_trials, search_sheet, write_png
from nas.search.results import Results
from tests.nas.search.made_up import EMPTY, rows, run


def drawn(results: Results) -> Panel:
    """The panel of the run itself."""
    return search_sheet(results).panels[0][0]


def series(panel: Panel, name: str) -> Series:
    return next(s for s in panel.series if s.name == name)


def test_only_finished_trials_within_the_budget_are_drawn() -> None:
    results = run()
    assert drawn_trials(results.trials, results.settings)["trial"].tolist() == [0, 1, 2]
    assert series(drawn(results), "trial").x == (50.0, 100.0, 120.0)


def test_the_front_is_a_staircase_that_reaches_the_budget() -> None:
    panel = drawn(run())
    assert series(panel, "front").x == (50.0, 100.0)
    line = series(panel, "front line")
    assert list(zip(line.x, line.y, strict=True)) == [(50, 50), (100, 50), (100, 60), (300, 60)]


def test_baselines_are_named_and_the_budget_is_marked() -> None:
    panel = drawn(run())
    assert [(label.text, label.x) for label in panel.labels] == [("mobilenet_v3_large", 217.0)]
    assert panel.mark is not None
    assert panel.mark[0] == 300.0


def test_the_text_around_says_what_was_done() -> None:
    sheet = search_sheet(run())
    told = " ".join([sheet.title, *sheet.subtitle, sheet.panels[1][0].title])
    for what in ("some photographs", "6 trials", "3 finished", "1 failed", "1 over budget", "1 under way"):
        assert what in told
    for what in ("3 epochs at 32x32", "300 M multiply-adds", "224x224, 1000 classes, batch 1", "ImageNet"):
        assert what in told


def test_the_x_axis_is_the_objectives() -> None:
    assert series(drawn(run(objective="params")), "front").x == (3.0, 3.0)
    trials = rows(accuracy=[0.5, 0.6], latency_ms=[12.0, np.nan])
    panel = drawn(run(trials=trials, front=trials[:1], objective="latency", budgets=()))
    assert series(panel, "trial").x == (12.0,)
    assert "Pixel 1" in panel.x_axis.title
    assert "latency on a Pixel 1 12.0 ms" in series(panel, "trial").hover[0]
    assert panel.mark is None


def test_briefer_trials_are_told_apart() -> None:
    results = run(trials=rows(accuracy=[0.5, 0.4], epochs=[3.0, 1.0]))
    panel = drawn(results)
    assert series(panel, "trial").y == (50.0,)
    assert series(panel, "trial, trained more briefly").y == (40.0,)


def test_what_never_learned_stands_on_the_edge_and_tells_its_accuracy() -> None:
    accuracy = [0.1, *np.linspace(0.6, 0.65, 30)]
    panel = drawn(run(trials=rows(accuracy=accuracy), baselines=EMPTY))
    fallen = series(panel, "trial, below the axis")
    assert panel.y_axis.low > 40
    assert panel.y_axis.low <= fallen.y[0] <= panel.y_axis.low + 1
    assert "10.00 %" in fallen.hover[0]


def test_hovers_hold_the_arch_wrapped_and_escaped() -> None:
    arch = "block<b>&" * 40
    hover = series(drawn(run(front=rows(accuracy=[0.5], arch=arch))), "front").hover[0]
    assert arch.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in hover.replace("<br>", "")
    assert max(len(re.sub("&[a-z]+;", "x", line)) for line in hover.split("<br>")) <= 64


@pytest.mark.parametrize("trials", [EMPTY, rows(accuracy=[np.nan], state="FAIL")], ids=["none", "failed"])
def test_a_run_without_results_says_so(trials: pd.DataFrame, tmp_path: Path) -> None:
    results = run(trials=trials, front=EMPTY, baselines=EMPTY, budgets=())
    assert drawn(results).notice
    write_png(results, tmp_path / "a.png")


def test_one_point(tmp_path: Path) -> None:
    trials = rows(accuracy=[0.5])
    write_png(run(trials=trials, front=trials, baselines=EMPTY, budgets=()), tmp_path / "a.png")


def test_the_picture_is_a_png_for_1200_pixels(tmp_path: Path) -> None:
    write_png(run(data="costs $5 and $6_"), tmp_path / "front.png")  # dollars are no formula
    with Image.open(tmp_path / "front.png") as image:
        assert image.size == (2400, 1300)


@pytest.mark.parametrize("write", [write_html, write_png])
def test_a_failed_write_leaves_the_old_file(
    write: Callable[[Results, Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "front"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="No space"):
        write(run(), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
