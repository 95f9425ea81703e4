"""The picture of a comparison: accuracy with its interval against each cost, beside what was published."""

from dataclasses import replace

import numpy as np
import pandas as pd

from nas.common.quantities import LATENCY, MACS, PARAMS, Quantity
from nas.compare.trainings import Setup
from nas.figures.axes import cost_axis, value_axis
from nas.figures.drawing import Label, Panel, Series, Style, cost_lines, scatter, shorten
from nas.figures.layout import LEFT, RIGHT, Sheet
from nas.figures.markup import escape, wrapped
from nas.zoo import published
from nas.zoo.panel import published_panel

_NETWORK = Style("#222222", "diamond", 9)
_FIRST = Style("#0072b2", "circle", 11)
_ROW = 540  # pixels from one row of panels to the next


def comparison_sheet(setup: Setup, seeds: int, networks: pd.DataFrame) -> Sheet:
    """A panel a known cost, and one of what others have published.

    `networks` has the columns of `summary.csv`: label, network, seeds, test_accuracy, test_low, test_high (in
    [0, 1]), macs, params, latency_ms, ...; each was to be trained with so many `seeds`.
    """
    below = [replace(frame, top=frame.top + _ROW, bottom=frame.bottom + _ROW) for frame in (LEFT, RIGHT)]
    panels = [
        (_panel(networks, MACS, setup.judged_by), LEFT),
        (published_panel(published.imagenet(), MACS), RIGHT),
    ]
    panels.append((_panel(networks, PARAMS, setup.judged_by), below[0]))
    if LATENCY.column in networks and networks[LATENCY.column].notna().any():
        panels.append((_panel(networks, LATENCY, setup.judged_by), below[1]))
    return Sheet(
        title=f"Comparison on {shorten(setup.data_name)}: all re-trained by one recipe",
        subtitle=(
            f"Points: mean test {setup.judged_by} after {shorten(setup.trained)}, "
            f"{in_words(networks['seeds'], seeds)} each. Lines: its 95 % interval.",
            f"Multiply-adds are those of conv and fully connected layers, at {shorten(setup.target)}.",
        ),
        panels=tuple(panels),
        height=LEFT.bottom + _ROW + 90,
    )


def in_words(counts: pd.Series, asked: int) -> str:
    """With how many seeds networks were trained, of so many asked for: `2 to 3 seeds`."""
    fewest = int(counts.min()) if len(counts) else 0
    return f"{asked} seeds" if fewest == asked else f"{fewest} to {asked} seeds"


def _panel(networks: pd.DataFrame, objective: Quantity, metric: str) -> Panel:
    rows = networks[networks["test_accuracy"].notna() & networks[objective.column].gt(0)]
    x = rows[objective.column].to_numpy(float) / objective.scale
    y, low, high = (
        np.clip(100 * rows[column].to_numpy(float), 0, 100)
        for column in ("test_accuracy", "test_low", "test_high")
    )
    styles = [_FIRST, *[_NETWORK] * len(x)]
    heights = np.concatenate([y, low[~np.isnan(low)], high[~np.isnan(high)]])
    series = [
        Series("95 % interval", Style(styles[i].color, line=1.6), (a, a), (float(low[i]), float(high[i])))
        for i, a in enumerate(map(float, x))
        if not np.isnan(low[i])
    ]
    names = [shorten(name, 36) for name in rows["label"]]
    hovers = [_hover(name, row, metric) for name, (_, row) in zip(names, rows.iterrows(), strict=True)]
    for part, name in ((slice(0, 1), "first network"), (slice(1, None), "compared with it")):
        if len(x[part]):
            series.append(scatter(name, styles[part.start], x[part], y[part], hovers[part]))
    return Panel(
        title=f"This comparison, against {objective.phrase}",
        x_axis=cost_axis(objective.title, x, room=0.14),
        y_axis=value_axis(f"Test {metric} (%)", heights),
        series=tuple(series),
        labels=tuple(Label(names[i], float(x[i]), float(y[i]), styles[i].color) for i in range(len(names))),
        notice="" if len(rows) else "No training has finished yet.",
    )


def _hover(name: str, row: pd.Series, metric: str) -> str:
    spread = "" if np.isnan(row["test_low"]) else f" [{row['test_low']:.2%}, {row['test_high']:.2%}]"
    lines = [f"<b>{escape(name)}</b>", f"test {metric} {row['test_accuracy']:.2%}{spread}"]
    lines.append(f"validation {metric} {row['accuracy']:.2%}, {row['seeds']} seeds")
    lines += cost_lines(row)
    return "<br>".join([*lines, "", *wrapped(str(row["network"]))])
