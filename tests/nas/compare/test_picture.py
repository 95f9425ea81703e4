"""nas.compare.picture: what is drawn of a comparison, beside what was published."""

from pathlib import Path

import pandas as pd
import pytest

from nas.compare.picture import comparison_sheet
from nas.figures.layout import Sheet
from nas.figures.page import document
from nas.figures.picture import save_png
from tests.nas.compare.small import setup

ROWS = pd.DataFrame(
    {
        "label": ["first", "other", "failed"],
        "network": ["stem8-ir8-head16"] * 3,
        "seeds": [3, 2, 0],
        "accuracy": [0.7, 0.6, float("nan")],
        "test_accuracy": [0.69, 0.61, float("nan")],
        "test_low": [0.67, float("nan"), float("nan")],
        "test_high": [0.71, float("nan"), float("nan")],
        "macs": [50e6, 20e6, 1e6],
        "params": [2e6, 1e6, 1e5],
    }
)


def sheet_of(rows: pd.DataFrame = ROWS) -> Sheet:
    return comparison_sheet(setup(), 3, rows)


def test_each_network_stands_with_its_interval_against_each_cost() -> None:
    sheet = sheet_of()
    macs, others, params = (panel for panel, _ in sheet.panels)
    assert "Published" in others.title and "other recipes" in others.title and others.series
    points = {series.name: series for series in macs.series if series.in_legend}
    assert (points["first network"].x, points["first network"].y) == ((50.0,), (69.0,))
    assert (points["compared with it"].x, points["compared with it"].y) == ((20.0,), (61.0,))
    assert [(series.x, series.y) for series in macs.series if series.style.line] == [
        ((50.0, 50.0), (67.0, 71.0))
    ]
    assert [label.text for label in params.labels] == ["first", "other"]
    assert "0 to 3 seeds" in sheet.subtitle[0] and "test accuracy" in sheet.subtitle[0]


def test_latency_is_drawn_where_it_is_known() -> None:
    timed = ROWS.assign(latency_ms=[4.0, 2.0, float("nan")])
    assert [panel.x_axis.title for panel, _ in sheet_of(timed).panels][-1] == "Latency (ms)"


@pytest.mark.parametrize("rows", [ROWS, ROWS[:0], ROWS[2:]])
def test_both_ways_of_drawing_take_it(rows: pd.DataFrame, tmp_path: Path) -> None:
    sheet = sheet_of(rows)
    save_png(sheet, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000
    assert "<h2>Networks</h2>" in document([sheet], "Networks", "")
