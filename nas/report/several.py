"""Several runs on one diagram, their fronts compared from one fixed point, which is said."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from nas.common.errors import UserError
from nas.common.files import write_text
from nas.common.quantities import COLUMNS
from nas.console.text_table import aligned
from nas.figures.axes import cost_axis, value_axis
from nas.figures.drawing import Label, Panel, Series, Style, scatter, shorten
from nas.figures.layout import Frame, Sheet
from nas.figures.markup import table
from nas.figures.page import document
from nas.figures.picture import save_png
from nas.search.picture import best_first, designed, drawn_trials, interval_lines, key_names, staircase
from nas.search.results import Results
from nas.search.verdict import front_area, verdict
from nas.train.metrics import ACCURACY

_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a7a7a")
_MARKERS = ("circle", "square", "triangle-up", "diamond", "star", "triangle-down", "cross")
_FRAME = Frame(left=72, right=1176, top=150, bottom=640)
_HEAD = (
    "run",
    "data",
    "trained for",
    "trials",
    "points",
    "confirmed",
    "share of the area (%)",
    "95 %",
    "take",
)


def overlay(runs: Sequence[tuple[str, Results]], out: Path) -> str:
    """Write OUT.html and OUT.png of runs by their folders; the comparison as text.

    Raises UserError for runs that minimise different costs or are judged by different metrics, and for more than seven.
    """
    named = dict(zip(_short([folder for folder, _ in runs]), (run for _, run in runs), strict=True))
    point = corner(named)
    rows, said = _rows(named, point), _said(named, point)
    sheet = overlay_sheet(named, point, said)
    page, picture = out.with_name(f"{out.name}.html"), out.with_name(f"{out.name}.png")
    write_text(page, document([sheet], "The fronts", table(_HEAD, rows, left=("run", "data", "trained for"))))
    save_png(sheet, picture)
    listed = aligned(list(_HEAD), rows, left=("run", "data", "trained for", "take"))
    return "\n".join([listed, "", *said, f"written to {page} and {picture}"])


def corner(runs: Mapping[str, Results]) -> tuple[float, float]:
    """The point that all areas are counted from: chance (0 of another metric), and the largest budget on the cost.

    Without a budget the cost is that of the dearest network. Raises UserError where runs cannot be compared.
    """
    if len(runs) > len(_COLORS):
        raise UserError(f"{len(runs)} runs: at most {len(_COLORS)} can be told apart on one diagram")
    for what, values in (
        ("minimise", [run.settings.objective for run in runs.values()]),
        ("are judged by", [run.settings.metric for run in runs.values()]),
    ):
        if len({*values}) > 1:
            pairs = ", ".join(f"{name} {value}" for name, value in zip(runs, values, strict=True))
            raise UserError(f"these runs cannot be compared: they {what} different things ({pairs})")
    some = next(iter(runs.values()))
    classes = max((run.classes or 0 for run in runs.values()), default=0)
    chance = 1 / classes if classes and some.settings.metric == ACCURACY else 0.0
    limits = [
        budget.limit
        for run in runs.values()
        for budget in run.settings.limits
        if budget.quantity == run.settings.objective
    ]
    costs = [float(cost) for run in runs.values() for cost in run.front[run.settings.objective]]
    if not costs:
        raise UserError("none of these runs has a front yet")
    return chance, max(limits or costs)


def overlay_sheet(runs: Mapping[str, Results], point: tuple[float, float], said: list[str]) -> Sheet:
    """The fronts of runs by name up to the point's cost, with the hand-designed networks that they trained."""
    some = next(iter(runs.values()))
    cost = COLUMNS[some.settings.objective]
    series: list[Series] = []
    for (name, run), color, marker in zip(runs.items(), _COLORS, _MARKERS, strict=False):
        front = run.front.sort_values(cost.column)
        x, y = front[cost.column].to_numpy(float) / cost.scale, 100 * front["accuracy"].to_numpy(float)
        keys = [f"{name}@{number}" for number in front["trial"]]
        series += [
            staircase(best_first((x, y)), point[1] / cost.scale, Style(color, line=2)),
            scatter("interval", Style(color, line=1.2), *interval_lines(front, cost), in_legend=False),
            scatter(name, Style(color, marker, 9), x, y, keys=keys),
        ]
    hands = pd.concat([rows for run in runs.values() for rows in designed(run)])
    hands = hands.sort_values("seeds", ascending=False) if "seeds" in hands else hands
    hands = hands.drop_duplicates("name")
    known = hands[cost.column].to_numpy(float) / cost.scale, 100 * hands["accuracy"].to_numpy(float)
    style = Style("#222222", "diamond", 7, hollow=True)
    series.append(scatter("hand-designed", style, *known, keys=key_names(hands)))
    every = [(value, one.y[i]) for one in series for i, value in enumerate(one.x) if math.isfinite(one.y[i])]
    labels = zip(hands["name"], *known, strict=True)
    panel = Panel(
        title="The fronts",
        x_axis=cost_axis(cost.title, np.array([x for x, _ in every]), room=0.1),
        y_axis=value_axis(f"Validation {some.settings.judged_by} (%)", np.array([y for _, y in every])),
        series=tuple(one for one in series if one.x),
        labels=tuple(Label(shorten(str(name)), float(x), float(y), "#222222") for name, x, y in labels),
    )
    return Sheet(
        title=f"{len(runs)} searches: {', '.join(runs)}",
        subtitle=tuple(said[:2]),
        panels=((panel, _FRAME),),
        height=_FRAME.bottom + 90,
    )


def _short(folders: list[str]) -> list[str]:
    """Folders by the ends of their paths, as long as it takes to tell them apart."""
    parts = [Path(folder).resolve().parts for folder in folders]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(one[-depth:]) for one in parts]
        if len({*names}) == len(names):
            return names
    raise UserError("the same run is named twice")


def _rows(runs: Mapping[str, Results], point: tuple[float, float]) -> list[list[str]]:
    rows = []
    for name, run in runs.items():
        mean, low, high = front_area(run, run.front, point)
        spread = "" if math.isnan(low) else f"{100 * low:.2f} to {100 * high:.2f}"
        leader = verdict(run).recommended
        rows.append(
            [
                name,
                run.settings.data_name,
                run.settings.trained,
                str(len(drawn_trials(run.trials, run.settings))),
                str(len(run.front)),
                "yes" if run.is_confirmed else "no",
                f"{100 * mean:.2f}",
                spread,
                "" if leader is None else f"trial {leader}",
            ]
        )
    return rows


def _said(runs: Mapping[str, Results], point: tuple[float, float]) -> list[str]:
    """What the areas are counted from, and why runs may not be alike."""
    cost = COLUMNS[next(iter(runs.values())).settings.objective]
    lines = [f"Areas are counted from {point[0]:.0%} and {cost.show(point[1])} {cost.phrase}."]
    unlike = [
        what
        for what, values in (
            ("data", [run.settings.fingerprint for run in runs.values()]),
            ("lengths of training", [run.settings.trained for run in runs.values()]),
            ("recipes", [run.settings.recipe for run in runs.values()]),
            ("targets of the costs", [run.settings.target for run in runs.values()]),
        )
        if any(value != values[0] for value in values)
    ]
    if unlike:
        lines.append(f"These runs differ in their {' and '.join(unlike)}: what sets them apart may be that.")
    if not all(run.is_confirmed for run in runs.values()):
        lines.append("Accuracies that were not confirmed are too high by the luck of the selection.")
    return lines
