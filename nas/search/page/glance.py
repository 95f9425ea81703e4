"""All networks at a glance: a line each over its costs, its shape and its accuracy (parallel coordinates)."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nas.common.quantities import COLUMNS, LATENCY, MACS, PARAMS, digits
from nas.figures.axes import Axis
from nas.figures.drawing import Panel, Style, scatter
from nas.figures.markup import escape
from nas.search.page.habits import readable
from nas.search.picture import drawn_trials, key_names
from nas.search.results import Results

_FRONT, _OTHER = Style("#0072b2", line=2), Style("#8fb3d1", line=0.8, opacity=0.6)
_MOST = 150
"""Networks that are drawn beside the front's: the most accurate."""


def glance_panel(run: Results) -> Panel:
    """Every measure from its least (at the bottom) to its greatest, over the networks that are drawn."""
    trials = drawn_trials(run.trials, run.settings)
    front = run.front[run.front["trial"].isin(trials["trial"])]
    rest = trials[~trials["trial"].isin(front["trial"])].nlargest(_MOST, "accuracy")
    rows = pd.concat([part for part in (rest, front) if len(part)] or [trials])
    measures = _measures(rows, run) if len(rows) else {}
    lows = {name: float(np.nanmin(values)) for name, values in measures.items()}
    spans = {name: float(np.nanmax(values)) - lows[name] for name, values in measures.items()}
    series = []
    for index, (key, is_front) in enumerate(
        zip(key_names(rows), rows["trial"].isin(front["trial"]), strict=True)
    ):
        heights = [
            100 * (float(values[index]) - lows[name]) / spans[name] if spans[name] else 50.0
            for name, values in measures.items()
        ]
        style, called = (_FRONT, "front") if is_front else (_OTHER, "other trials")
        told = [
            f"<b>{escape(key)}</b><br>{' '.join(name.split())} {digits(values[index])}"
            for name, values in measures.items()
        ]
        series.append(scatter(called, style, range(len(heights)), heights, told, keys=[key] * len(heights)))
    names = [f"{name}\n{digits(lows[name])} to\n{digits(lows[name] + spans[name])}" for name in measures]
    places = tuple(map(float, range(len(names))))
    return Panel(
        title="At a glance",
        x_axis=Axis("", -0.3, max(len(names) - 0.7, 0.7), places, names=tuple(names)),
        y_axis=Axis("from the least to the greatest (%)", -4.0, 104.0),
        series=tuple(series),
        labels=(),
        notice="" if series else "No finished trial within the budget.",
    )


def _measures(rows: pd.DataFrame, run: Results) -> dict[str, NDArray[np.float64]]:
    """By what stands below it: costs, the number of blocks, the mean width, and the accuracy."""
    costs = dict.fromkeys((COLUMNS[run.settings.objective], MACS, PARAMS, LATENCY))
    found = {
        f"{cost.phrase}\n({cost.unit})": rows[cost.column].to_numpy(float) / cost.scale
        for cost in costs
        if rows[cost.column].notna().all()
    }
    archs = readable(rows["arch"])
    if len(archs) == len(rows):
        widths = [[block.out for block in arch.blocks] for arch in archs]
        found["blocks\n"] = np.array([float(len(some)) for some in widths])
        found["mean width\n"] = np.array([float(np.mean(some)) for some in widths])
    found[f"{run.settings.judged_by}\n(%)"] = rows["accuracy"].to_numpy(float) * 100
    return found
