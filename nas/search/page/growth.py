"""How a search went: the area that its front dominates as it grew, and how its networks learnt."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nas.common.quantities import COLUMNS
from nas.figures.axes import Axis, value_axis
from nas.figures.drawing import Panel, Series, Style, scatter
from nas.search.picture import drawn_trials
from nas.search.results import Results, reference, relative_hypervolume
from nas.train.metrics import ACCURACY

_SEARCH, _RANDOM = Style("#0072b2", line=2), Style("#9a6a3a", line=2)
_PALE = Style("#8fb3d1", line=1, opacity=0.6)
_DESIGNED = Style("#222222", line=1.3)
_MOST = 60
"""Curves of networks that are not on the front: more would only darken the paper."""


def area_panels(run: Results) -> tuple[Panel, Panel]:
    """The share of the area that the front dominates, after so many trials and after so much training."""
    point, said = corner(run)
    lines = [("search", _SEARCH, run.trials), ("random control", _RANDOM, run.control)]
    done = [(name, style, rows) for name, style, rows in lines if len(drawn_trials(rows, run.settings))]
    grown = [(name, style, *area_after(rows, run, point)) for name, style, rows in done]
    panels = []
    for title, unit, column in (
        (f"Area that the front dominates, {said}", "finished trials", 0),
        ("The same by time", "minutes of training, all added up", 1),
    ):
        series = [scatter(name, style, found[column], found[2]) for name, style, *found in grown]
        every = np.array([value for one in series for value in one.x])
        heights = np.array([value for one in series for value in one.y])
        axis = Axis(unit, 0.0, float(max([*every, 0.0])) * 1.03 or 1.0)
        panels.append(
            Panel(
                title=title,
                x_axis=axis,
                y_axis=value_axis("Share of the area (%)", heights),
                series=tuple(series),
                labels=(),
                notice="" if len(every) else "No finished trial within the budget.",
            )
        )
    return panels[0], panels[1]


def corner(run: Results) -> tuple[tuple[float, float], str]:
    """The fixed point that areas are counted from, and how it is said; without a budget the dearest trial's cost."""
    cost = COLUMNS[run.settings.objective]
    point = reference(run.settings, run.classes) if run.classes else None
    limits = [one.limit for one in run.settings.limits if one.quantity == run.settings.objective]
    if point is None and limits:
        point = 0.0, limits[0]
    if point is None:
        worst = pd.concat([run.trials, run.control, run.baselines])[run.settings.objective].max()
        chance = 1.0 / run.classes if run.classes and run.settings.metric == ACCURACY else 0.0
        point = chance, float(worst) if worst > 0 else cost.scale
    return point, f"from {point[0]:.0%} and {cost.show(point[1])}"


def area_after(
    rows: pd.DataFrame, run: Results, point: tuple[float, float]
) -> tuple[list[float], list[float], list[float]]:
    """Finished trials, minutes of training, and the share (%) of the area that the front of those dominates.

    As selected: a training each. A point where the area grew, and one at the end.
    """
    kept = drawn_trials(rows, run.settings)
    counts, minutes, shares = [0.0], [0.0], [0.0]
    leading: list[tuple[float, float]] = []
    spent = 0.0
    for number, (accuracy, cost, seconds) in enumerate(_columns(kept, run.settings.objective), start=1):
        spent += seconds / 60 if np.isfinite(seconds) else 0.0
        is_new = not any(other >= accuracy and price <= cost for other, price in leading)
        share = shares[-1]
        if is_new:
            leading = [one for one in leading if not (accuracy >= one[0] and cost <= one[1])]
            leading.append((accuracy, cost))
            accuracies, costs = zip(*leading, strict=True)
            share = 100 * relative_hypervolume(accuracies, costs, point)
        if is_new or number == len(kept):
            counts += [float(number), float(number)]
            minutes += [spent, spent]
            shares += [shares[-1], share]
    return counts, minutes, shares


def _columns(rows: pd.DataFrame, objective: str) -> Iterable[NDArray[np.float64]]:
    return np.column_stack([rows[name].to_numpy(float) for name in ("accuracy", objective, "seconds")])


def curves_panel(run: Results) -> Panel:
    """Validation accuracy as networks were trained: the front's, and some of the others'."""
    front = set(run.front["trial"]) if len(run.front) else set()
    others = [number for number in run.curves if number not in front][-_MOST:]
    series = [_curve("other trials", _PALE, run, number) for number in others]
    series += [_curve("front", _SEARCH, run, number) for number in sorted(front & set(run.curves))]
    series = [one for one in series if one.x]
    heights = np.array([value for one in series for value in one.y])
    longest = max((one.x[-1] for one in series), default=1.0)
    return Panel(
        title="Learning curves",
        x_axis=Axis("epochs trained", 0.0, longest * 1.03),
        y_axis=value_axis(f"Validation {run.settings.judged_by} (%)", heights, unusual=0.05),
        series=tuple(series),
        labels=(),
        notice="" if series else "No training has reported yet.",
    )


def _curve(name: str, style: Style, run: Results, number: int) -> Series:
    points = run.curves[number]
    hovers = [f"<b>trial {number}</b><br>{y:.2%} after {x:.3g} epochs" for x, y in points]
    made = scatter(name, style, (x for x, _ in points), (100 * y for _, y in points), hovers)
    made = replace(made, keys=(f"trial {number}",) * len(points))
    return replace(made, style=replace(style, marker="circle", size=5))
