"""Regret curves with their quartiles as a picture and a page: a panel for each table and scenario."""

from itertools import groupby

import numpy as np

from nas.bench.samplers.scores import Score
from nas.figures.axes import Axis, log_ticks
from nas.figures.drawing import Panel, Series, Style, scatter, shorten
from nas.figures.layout import WIDTH, Frame, Sheet

COLOURS = {
    "front": "#0072b2",
    "front+features": "#56b4e9",
    "nsga2-20": "#d55e00",
    "nsga2": "#e69f00",
    "tpe": "#009e73",
    "gp": "#cc79a7",
    "random": "#7a7a7a",
}
LEAST = 0.002  # regrets are drawn on a logarithmic axis, those below this share of the largest at the bottom
_ACROSS = 3
_LEFT, _GAP, _RIGHT = 84, 84, 24  # pixels beside and between the panels
_TOP, _HIGH, _BELOW = 130, 220, 310  # of the first row, of a panel, and from one row to the next


def regret_sheet(scores: list[Score]) -> Sheet:
    """What is drawn, in the order of the tables and scenarios."""
    groups = groupby(scores, lambda s: (f"{s.table.name}, {s.scenario.name}", s.unit))
    panels = [_panel(title, unit, list(group)) for (title, unit), group in groups]
    width = (WIDTH - _LEFT - _RIGHT - _GAP * (_ACROSS - 1)) // _ACROSS
    corners = [
        (_LEFT + i % _ACROSS * (width + _GAP), _TOP + i // _ACROSS * _BELOW) for i in range(len(panels))
    ]
    frames = [Frame(left, left + width, top, top + _HIGH) for left, top in corners]
    return Sheet(
        title="Regret: median over seeds, and quartiles",
        subtitle=("Lines: medians. Bands: from the lower to the upper quartile.",),
        panels=tuple(zip(panels, frames, strict=True)),
        height=frames[-1].bottom + 100,
    )


def _panel(title: str, unit: str, scores: list[Score]) -> Panel:
    quartiles = {s.sampler: s.quartiles() for s in scores}
    most = max(float(q.max()) for q in quartiles.values())
    least = max(LEAST * most, 1e-9)
    high = 1.2 * max(most, least)
    series: list[Series] = []
    for sampler in reversed(quartiles):  # the first is drawn last, on top
        low, middle, top = np.maximum(quartiles[sampler], least)
        x = np.arange(1.0, len(middle) + 1)
        band = Style(COLOURS[sampler], opacity=0.18, filled=True)
        around = np.append(x, x[::-1]), np.append(top, low[::-1])
        series.append(scatter(sampler, band, *around, in_legend=False))
        series.append(scatter(sampler, Style(COLOURS[sampler], line=1.6), x, middle))
    longest = max(q.shape[1] for q in quartiles.values())
    return Panel(
        title=shorten(title, 34),
        x_axis=Axis("evaluations", 0.0, 1.02 * longest),
        y_axis=Axis(f"regret, {unit}", least, high, log_ticks(least, high), log=True),
        series=tuple(series),
        labels=(),
    )
