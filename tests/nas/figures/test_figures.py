"""nas.figures: what is drawn (made-up numbers), where labels go, and the files that come out."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from plotly.offline import get_plotlyjs

from nas.common.quantities import LATENCY, MACS, PARAMS, Quantity
from nas.figures import FrontInfo, drawing, write_html, write_png
from nas.figures.axes import cost_axis, log_ticks, value_axis
from nas.figures.drawing import Panel, Series, drawn_trials
from nas.figures.info import shorten
from nas.figures.labels import Array, Point, Spot, place
from nas.figures.layout import PUBLISHED, RUN, label_spots
from nas.zoo import published

EMPTY = pd.DataFrame()


def rows(**columns: Any) -> pd.DataFrame:
    count = len(columns["accuracy"])
    blank = {"trial": range(count), "state": "COMPLETE", "arch": "stem body head", "epochs": 3.0}
    costs = {"macs": 10**8, "params": 3 * 10**6, "latency_ms": np.nan, "seconds": 9.0, "activations": 10**6}
    return pd.DataFrame({**blank, **costs, **columns})


def run(**changes: Any) -> FrontInfo:
    trials = rows(
        accuracy=[0.50, 0.60, 0.55, np.nan, 0.70, 0.40],
        macs=[50e6, 100e6, 120e6, 90e6, 400e6, 60e6],
        state=["COMPLETE", "COMPLETE", "COMPLETE", "FAIL", "COMPLETE", "RUNNING"],
    )
    info = FrontInfo(
        data="some photographs",
        fidelity="3 epochs at 32x32",
        target="224x224, 1000 classes, batch 1",
        budgets=(("macs", 300e6),),
        trials=trials,
        front=trials.iloc[[1, 0]],
        baselines=rows(accuracy=[0.58], macs=[217e6], name=["mobilenet_v3_large"]),
        published=published.imagenet(),
    )
    return replace(info, **changes)


def series(panel: Panel, name: str) -> Series:
    return next(s for s in panel.series if s.name == name)


def test_only_finished_trials_within_the_budget_are_drawn() -> None:
    info = run()
    assert drawn_trials(info)["trial"].tolist() == [0, 1, 2]
    assert series(drawing(info).run, "trial").x == (50.0, 100.0, 120.0)


def test_the_front_is_a_staircase_that_reaches_the_budget() -> None:
    panel = drawing(run()).run
    assert series(panel, "front").x == (50.0, 100.0)
    line = series(panel, "front line")
    assert list(zip(line.x, line.y, strict=True)) == [(50, 50), (100, 50), (100, 60), (300, 60)]


def test_baselines_are_named_and_the_budget_is_marked() -> None:
    panel = drawing(run()).run
    assert [(label.text, label.x) for label in panel.labels] == [("mobilenet_v3_large", 217.0)]
    assert panel.mark is not None
    assert panel.mark[0] == 300.0


def test_the_text_around_says_what_was_done() -> None:
    picture = drawing(run())
    told = " ".join([picture.title, *picture.subtitle, picture.published.title])
    for what in ("some photographs", "6 trials", "3 finished", "1 failed", "1 over budget", "1 under way"):
        assert what in told
    for what in ("3 epochs at 32x32", "300 M multiply-adds", "224x224, 1000 classes, batch 1", "ImageNet"):
        assert what in told


def test_published_lines_are_one_model_each_at_224() -> None:
    panel = drawing(run()).published
    small = series(panel, "MobileNetV3-Small")
    assert (57.0, 67.5) in zip(small.x, small.y, strict=True)
    assert (74.0, 68.5) not in zip(small.x, small.y, strict=True)  # at 256 pixels
    for line in panel.series:
        assert list(line.x) == sorted(line.x)
    assert panel.y_axis.low < min(y for line in panel.series for y in line.y)


def test_the_x_axis_is_the_objectives() -> None:
    assert series(drawing(run(objective=PARAMS)).run, "front").x == (3.0, 3.0)
    on_a_phone = replace(LATENCY, label="Latency on a Pixel 1")
    trials = rows(accuracy=[0.5, 0.6], latency_ms=[12.0, np.nan])
    panel = drawing(run(trials=trials, front=trials[:1], objective=on_a_phone, budgets=())).run
    assert series(panel, "trial").x == (12.0,)
    assert "Pixel 1" in panel.x_axis.title
    assert "latency on a Pixel 1 12.0 ms" in series(panel, "trial").hover[0]
    assert panel.mark is None


def test_briefer_trials_are_told_apart() -> None:
    info = run(trials=rows(accuracy=[0.5, 0.4], epochs=[3.0, 1.0]))
    panel = drawing(info).run
    assert series(panel, "trial").y == (50.0,)
    assert series(panel, "trial, trained more briefly").y == (40.0,)


def test_what_never_learned_stands_on_the_edge_and_tells_its_accuracy() -> None:
    accuracy = [0.1, *np.linspace(0.6, 0.65, 30)]
    panel = drawing(run(trials=rows(accuracy=accuracy), baselines=EMPTY)).run
    fallen = series(panel, "trial, below the axis")
    assert panel.y_axis.low > 40
    assert panel.y_axis.low <= fallen.y[0] <= panel.y_axis.low + 1
    assert "10.00 %" in fallen.hover[0]


def test_hovers_hold_the_arch_wrapped_and_escaped() -> None:
    arch = "block<b>&" * 40
    hover = series(drawing(run(front=rows(accuracy=[0.5], arch=arch))).run, "front").hover[0]
    assert arch.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in hover.replace("<br>", "")
    assert max(len(re.sub("&[a-z]+;", "x", line)) for line in hover.split("<br>")) <= 64


@pytest.mark.parametrize("trials", [EMPTY, rows(accuracy=[np.nan], state="FAIL")], ids=["none", "failed"])
def test_a_run_without_results_says_so(trials: pd.DataFrame, tmp_path: Path) -> None:
    info = run(trials=trials, front=EMPTY, baselines=EMPTY, budgets=())
    assert drawing(info).run.notice
    write_html(info, tmp_path / "a.html")
    write_png(info, tmp_path / "a.png")
    assert drawing(info).run.notice in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_one_point_and_no_published_table(tmp_path: Path) -> None:
    trials = rows(accuracy=[0.5])
    info = run(trials=trials, front=trials, baselines=EMPTY, published=EMPTY, budgets=())
    assert drawing(info).published.notice
    write_html(info, tmp_path / "a.html")
    write_png(info, tmp_path / "a.png")


def test_the_page_stands_alone_and_escapes_what_the_user_named(tmp_path: Path) -> None:
    evil = "</script><script>alert('x')</script>"
    trials = rows(accuracy=[0.5], arch=evil)
    baselines = rows(accuracy=[0.4], name=[evil], arch=evil)
    info = run(data=evil, trials=trials, front=trials, baselines=baselines)
    write_html(info, tmp_path / "front.html")
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
    write: Callable[[FrontInfo, Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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


CORNER = st.tuples(st.floats(0, 500), st.floats(0, 400))


def boxes(texts: Sequence[str], anchors: Sequence[Point], spots: Sequence[Spot]) -> Array:
    """[labels, 4]: left, right, bottom, top of the labels, by the sizes that `place` assumes."""
    found = []
    for text, (x, y), spot in zip(texts, anchors, spots, strict=True):
        width, height = 7.2 * len(text), 16.0
        left = {"left": 0.0, "right": -width}.get(spot.side, -width / 2) + x + spot.dx
        bottom = {"bottom": 0.0, "top": -height}.get(spot.side, -height / 2) + y + spot.dy
        found.append((left, left + width, bottom, bottom + height))
    return np.array(found)


def overlapping(found: Array) -> bool:
    left, right, bottom, top = (found[:, i] for i in range(4))
    across = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    along = np.minimum(top[:, None], top) - np.maximum(bottom[:, None], bottom)
    return bool(np.triu((across > 0.1) & (along > 0.1), 1).any())


@settings(max_examples=15, deadline=None)
@given(st.lists(CORNER, max_size=5), st.lists(CORNER, max_size=30))
def test_labels_keep_apart_and_inside_the_panel(anchors: list[Point], obstacles: list[Point]) -> None:
    texts = ["shufflenet_v1"] * len(anchors)
    spots = place(texts, anchors, (540.0, 410.0), obstacles)
    assert len(spots) == len(anchors)
    if spots:
        found = boxes(texts, anchors, spots)
        assert not overlapping(found)
        assert (found.min(axis=0)[[0, 2]] >= -0.1).all()
        assert (found.max(axis=0)[[1, 3]] <= (540.1, 410.1)).all()


@pytest.mark.parametrize("objective", [MACS, PARAMS], ids=["macs", "params"])
def test_the_published_labels_do_not_overlap(objective: Quantity) -> None:
    panel = drawing(run(objective=objective)).published
    width, height = PUBLISHED.size
    anchors = [(panel.x_axis.place(a.x) * width, panel.y_axis.place(a.y) * height) for a in panel.labels]
    assert len(anchors) == 7
    assert not overlapping(boxes([a.text for a in panel.labels], anchors, label_spots(panel, PUBLISHED)))
    assert RUN.right < PUBLISHED.left


@given(st.floats(0.01, 1e5), st.floats(1.05, 1e4))
def test_ticks_are_round_rising_and_on_the_axis(low: float, factor: float) -> None:
    ticks = log_ticks(low, low * factor)
    assert 2 <= len(ticks) <= 12
    assert list(ticks) == sorted(set(ticks))
    assert low * (1 - 1e-9) <= ticks[0] <= ticks[-1] <= low * factor * (1 + 1e-9)


@given(st.lists(st.floats(1e-2, 1e5), max_size=20), st.floats(0, 0.4))
def test_cost_axes_hold_their_values_left_of_the_room(values: list[float], room: float) -> None:
    axis = cost_axis("x", np.array(values), room)
    assert all(0 < axis.place(value) < 1 - room + 1e-6 for value in values)


@given(st.lists(st.floats(0, 100), max_size=30))
def test_value_axes_hold_the_best_and_by_default_all(values: list[float]) -> None:
    axis = value_axis("y", np.array(values))
    assert all(0 < axis.place(value) < 1 for value in values)
    if values:
        cut = value_axis("y", np.array(values), unusual=0.1)
        assert 0 < cut.place(max(values)) < 1
        assert all(value < cut.low or value >= cut.low + 0.99 for value in values)  # none is on the edge


def test_a_value_just_below_the_others_is_not_left_on_the_edge() -> None:
    values = np.array([52.6, 53.5, *np.linspace(57, 66.24, 38)])
    assert value_axis("y", values, unusual=0.1).low < 52


@given(st.text())
def test_shortened_text_is_one_short_line(text: str) -> None:
    assert len(shorten(text)) <= 48
    assert "\n" not in shorten(text)
