"""nas.search.picture: what is drawn of a search (made-up numbers), and the files that come out."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from plotly.offline import get_plotlyjs

from nas.figures.drawing import Panel, Series
from nas.latency.table.identity import TableId
from nas.search.picture import drawn_trials, search_sheet, write_html, write_png
from nas.search.record import COLUMNS
from nas.search.results import Results, as_selected
from nas.train.recipe import Fidelity
from tests.nas.search import small


def rows(**columns: Any) -> pd.DataFrame:
    """A run's table; by default of finished trials."""
    count = len(columns["accuracy"])
    blank = {"trial": range(count), "state": "COMPLETE", "arch": "stem body head", "epochs": 3.0}
    costs = {"macs": 10**8, "params": 3 * 10**6, "seconds": 9.0, "activations": 10**6}
    table = pd.DataFrame({**blank, **costs, **columns}, columns=[*COLUMNS, "name", "reason"])
    floats = [
        name for name in COLUMNS if name.endswith(("_ms", "_low", "_high")) or name in ("accuracy", "epochs")
    ]
    return table.astype(dict.fromkeys(floats, "float64"))


EMPTY = rows(accuracy=[])


def run(trials: pd.DataFrame | None = None, **changes: Any) -> Results:
    """Results with some tables or settings of one's own."""
    if trials is None:
        trials = rows(
            accuracy=[0.50, 0.60, 0.55, np.nan, 0.70, 0.40],
            macs=[50e6, 100e6, 120e6, 90e6, 400e6, 60e6],
            state=["COMPLETE", "COMPLETE", "COMPLETE", "FAIL", "COMPLETE", "RUNNING"],
        )
    settings = small.settings(
        data_name=changes.pop("data", "some photographs"),
        fidelity=Fidelity(3.0),
        target_resolution=224,
        target_classes=1000,
        budgets=changes.pop("budgets", ("300MFLOPs",)),
        objectives=("accuracy", changes.pop("objective", "macs")),
        latency=TableId("a Pixel 1", "", "", here=True),
    )
    tables = {"front": trials.iloc[[1, 0]] if len(trials) > 1 else trials, "control": EMPTY}
    tables["baselines"] = rows(accuracy=[0.58], macs=[217e6], name=["mobilenet_v3_large"])
    tables |= changes
    tables["front"] = as_selected(tables["front"])
    return Results(settings, trials, **tables)


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
    write_html(results, tmp_path / "a.html")
    write_png(results, tmp_path / "a.png")
    assert drawn(results).notice in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_one_point(tmp_path: Path) -> None:
    trials = rows(accuracy=[0.5])
    results = run(trials=trials, front=trials, baselines=EMPTY, budgets=())
    write_html(results, tmp_path / "a.html")
    write_png(results, tmp_path / "a.png")


def test_the_page_stands_alone_and_escapes_what_the_user_named(tmp_path: Path) -> None:
    evil = "</script><script>alert('x')</script>"
    trials = rows(accuracy=[0.5], arch=evil)
    baselines = rows(accuracy=[0.4], name=[evil], arch=evil)
    results = run(data=evil, trials=trials, front=trials, baselines=baselines)
    write_html(results, tmp_path / "front.html")
    page = (tmp_path / "front.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert page.count(get_plotlyjs()) == 1
    assert page.count("<script") - get_plotlyjs().count("<script") == 2, "the library's and the figure's"
    assert not re.search(r"<script[^>]+src=", page)
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=", page.replace(get_plotlyjs(), ""))
    assert [file.name for file in tmp_path.iterdir()] == ["front.html"]


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
