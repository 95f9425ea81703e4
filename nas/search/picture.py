"""The picture of a search: the run at the left, what others have published at the right.

Plain values computed from the run's `Results` alone, which `write_png` draws without a browser and `nas.search.page`
draws on a page. Accuracies are drawn in percent, costs in the unit of their axis.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nas.common.fronts import front_mask
from nas.common.quantities import COLUMNS, LATENCY, MACS, PARAMS, Quantity
from nas.figures.axes import Axis, cost_axis, tick, value_axis
from nas.figures.drawing import Label, Panel, Series, Style, cost_lines, scatter, shorten
from nas.figures.layout import LEFT, RIGHT, Sheet
from nas.figures.markup import escape, wrapped
from nas.search.budget import Budget, within
from nas.search.results import Results
from nas.search.settings import Settings
from nas.zoo import published
from nas.zoo.panel import published_panel

Coordinates = tuple[NDArray[np.float64], NDArray[np.float64]]

_TRIAL = Style("#8fb3d1", "circle", 7, opacity=0.75)
_BRIEF = replace(_TRIAL, hollow=True)
_STAIRS = Style("#0072b2", line=2)
_FRONT = Style("#0072b2", "circle", 10)
_CONTROL = Style("#9a6a3a", "cross", 6, opacity=0.8)
_CONTROL_STAIRS = Style("#9a6a3a", line=1.5)
_SLOW = Style("#d55e00", "cross", 9)
_UNDECIDED = replace(_FRONT, hollow=True)
_SPREAD = Style("#0072b2", line=1.2)
_BASELINE = Style("#222222", "diamond", 9)
_ONCE = replace(_BASELINE, size=7, hollow=True)
_BASELINE_SPREAD = Style("#222222", line=1.2)
_TOLD = 300
"""Points that are told of in full where they stand; of more only their names and figures are."""


def write_png(run: Results, path: Path) -> None:
    """A static picture of 2400 x 1300 pixels, to be shown at half of that.

    Replaces `path` only when it is whole; its folder must exist. Raises OSError.
    """
    from nas.figures.picture import save_png

    save_png(search_sheet(run), path)


def search_sheet(run: Results) -> Sheet:
    """All that is drawn: this run, and what was published against multiply-adds where the axis is a latency."""
    settings = run.settings
    printed = PARAMS if settings.objective == PARAMS.column else MACS
    others = published_panel(published.imagenet(), printed, budget_on(settings, printed))
    return Sheet(
        title=title_of(settings),
        subtitle=(what_was_run(run), what_is_counted(run)),
        panels=((run_panel(run), LEFT), (others, RIGHT)),
    )


def title_of(settings: Settings) -> str:
    """What a search's picture and page are called."""
    return f"Architecture search on {shorten(settings.data_name)}"


def drawn_trials(trials: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The trials that are drawn: finished, with an accuracy and a cost, and within every budget."""
    return trials[is_drawable(trials, settings) & within(trials, settings.limits)]


def slow_trials(run: Results) -> pd.DataFrame:
    """The trials that were timed whole and are over the budget for it."""
    timed = is_drawable(run.trials, run.settings) & run.trials["measured_ms"].notna()
    return run.trials[timed & ~within(run.trials, run.settings.limits)]


def times(row: pd.Series) -> tuple[str, str]:
    """Milliseconds of a row, measured and predicted, each with its interval; empty where they are not known."""

    def text(way: str) -> str:
        ms, low, high = (row[f"{way}_{part}"] for part in ("ms", "low", "high"))
        return "" if pd.isna(ms) else f"{ms:.2f} ({low:.2f}-{high:.2f})"

    return text("measured"), text("predicted")


def objective_of(settings: Settings) -> Quantity:
    """The cost that is minimised."""
    return quantity(settings, settings.objective)


def quantity(settings: Settings, column: str) -> Quantity:
    """The cost of a column; a latency that is minimised names its device."""
    if column != LATENCY.column or settings.objective != column or settings.latency is None:
        return COLUMNS[column]
    return replace(LATENCY, label=f"Latency on {settings.latency.device}")


def is_drawable(trials: pd.DataFrame, settings: Settings) -> pd.Series:
    """Which trials have finished with an accuracy and a cost that a diagram can show."""
    cost = trials[settings.objective]
    drawable = trials["accuracy"].abs().lt(np.inf) & cost.gt(0) & cost.lt(np.inf)
    return trials["state"].eq("COMPLETE") & drawable


def _points(rows: pd.DataFrame, objective: Quantity) -> Coordinates:
    return rows[objective.column].to_numpy(float) / objective.scale, rows["accuracy"].to_numpy(float) * 100


# The text above -----------------------------------------------------------------------------------------


def what_was_run(run: Results) -> str:
    """How many trials came to which end, how they were trained, and the budget."""
    settings, state = run.settings, run.trials["state"]
    finished, kept = is_drawable(run.trials, settings), within(run.trials, settings.limits)
    counts = {
        "finished": finished & kept,
        "over budget": state.isin(["COMPLETE", "PRUNED"]) & ~kept,
        "stopped early": state.eq("PRUNED") & kept,
        "without a result": state.eq("COMPLETE") & kept & ~finished,
        "failed": state.eq("FAIL"),
        "under way": state.isin(["RUNNING", "WAITING"]),
    }
    ways = ", ".join(f"{n.sum()} {what}" for what, n in counts.items() if n.any() or what == "finished")
    if len(run.trainings):
        again = int(run.trainings["state"].eq("COMPLETE").sum())
        ways += f"; {again} more training{'s' * (again != 1)} confirm"
    total = len(run.trials)
    said = f"{total} trial{'s' * (total != 1)} ({ways}), trained for {shorten(settings.trained)}."
    bounds = " and ".join(
        bound_words(budget, quantity(settings, budget.quantity)) for budget in settings.limits
    )
    return f"{said} Budget: {bounds}." if bounds else said


def bound_words(budget: Budget, cost: Quantity) -> str:
    """A budget in words: `at most 300 M multiply-adds`."""
    most = f"{_round(cost, budget.limit)} {cost.phrase}"
    return f"{_round(cost, budget.least)} to {most}" if budget.least else f"at most {most}"


def _round(cost: Quantity, bound: float) -> str:
    """A budget as it was asked for, not to three figures: 300 M."""
    return f"{tick(bound / cost.scale)} {cost.unit}"


def what_is_counted(run: Results) -> str:
    """What costs mean."""
    counted = (
        f"Multiply-adds are those of conv and fully connected layers, at {shorten(run.settings.target)}."
    )
    if len(run.baselines):
        counted += " Baselines: the same recipe."
    if run.settings.objective != LATENCY.column:
        return counted
    timed = run.front["measured_ms"].notna().any()
    measured = "those of the front and the baselines measured" if timed else "none measured"
    return f"{counted} Milliseconds are predicted, {measured}."


# The run's panel ----------------------------------------------------------------------------------------


def run_panel(run: Results, cost: Quantity | None = None) -> Panel:
    """Accuracy against a cost: that which is minimised, or another."""
    settings = run.settings
    objective = quantity(settings, cost.column) if cost else objective_of(settings)
    finished = run.front[is_drawable(run.front, settings)]
    drawn = (
        drawn_trials(run.trials, settings),
        drawn_trials(run.control, settings),
        slow_trials(run),
        finished,
    )
    trials, at_random, slow, front = (_of_cost(rows, objective) for rows in drawn)
    front = front.iloc[np.argsort(_points(front, objective)[0])]
    undecided = front["place"].eq("undecided")
    hands = confirmed, once = [_of_cost(rows, objective) for rows in designed(run)]
    baselines = pd.concat([rows for rows in hands if len(rows)] or [once])
    names = [shorten(str(name)) for name in baselines["name"]]
    known, best, control, every = (
        _points(rows, objective)
        for rows in (baselines, front, at_random, pd.concat([trials, front, baselines, at_random, slow]))
    )
    spreads = [interval_lines(rows, objective) for rows in (confirmed, front)]
    seen = np.concatenate([every[1], *(y[np.isfinite(y)] for _, y in spreads)])
    end = (budget := budget_on(settings, objective)) and budget[0]
    y_axis = value_axis(f"Validation {settings.judged_by} (%)", seen, unusual=0.1)
    brief = trials["epochs"] < trials["epochs"].max()
    series = (
        _in_order(_cloud(objective, "trial", _TRIAL, trials[~brief]), trials[~brief]),
        _cloud(objective, "trial, trained more briefly", _BRIEF, trials[brief]),
        staircase(best_first(control), end, _CONTROL_STAIRS),
        _cloud(objective, "random control", _CONTROL, at_random, "random"),
        staircase(best_first(best), end, _STAIRS),
        _cloud(objective, "over budget when timed", _SLOW, slow),
        scatter("interval", _BASELINE_SPREAD, *spreads[0], in_legend=False),
        scatter("interval", _SPREAD, *spreads[1], in_legend=False),
        _cloud(objective, "front" + " (mean, 95 %)" * run.is_confirmed, _FRONT, front[~undecided]),
        _cloud(objective, "front, place not decided", _UNDECIDED, front[undecided]),
        _cloud(objective, "baseline (mean, 95 %)", _BASELINE, confirmed),
        _cloud(objective, "baseline, trained once", _ONCE, once),
    )
    labels = zip(names, known[0], np.maximum(known[1], _edge(y_axis)), strict=True)
    return Panel(
        title=f"This run: {shorten(settings.data_name)}",
        x_axis=cost_axis(objective.title, np.append(every[0], end or []), room=0.14 if names else 0.0),
        y_axis=y_axis,
        series=tuple(part for one in series for part in _on_axis(one, y_axis)),
        labels=tuple(Label(name, x, y, _BASELINE.color) for name, x, y in labels),
        mark=budget,
        notice="" if len(trials) else "No finished trial within the budget.",
    )


def _cloud(cost: Quantity, name: str, style: Style, rows: pd.DataFrame, kind: str = "trial") -> Series:
    """Networks as points; each is told of where it stands, unless they are too many."""
    keys = key_names(rows, kind)
    hovers = _hovers(rows, cost, keys) if len(rows) <= _TOLD else ()
    return scatter(name, style, *_points(rows, cost), hovers, keys=keys)


def designed(run: Results) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The baselines that were confirmed, and those that were trained once."""
    confirmed = run.confirmed[run.confirmed["name"] != ""]
    once = run.baselines[is_drawable(run.baselines, run.settings)]
    return confirmed, once[~once["name"].isin(confirmed["name"])]


def interval_lines(rows: pd.DataFrame, objective: Quantity) -> Coordinates:
    """The intervals of rows as one broken line: NaN between two of them, and nothing where none is known."""
    known = rows[rows["accuracy_low"].notna()] if "accuracy_low" in rows else rows.iloc[:0]
    x = np.repeat(_points(known, objective)[0], 3)
    gaps = np.full(len(known), np.nan)
    if not len(known):
        return x, gaps
    ends = [known[name].to_numpy(float) * 100 for name in ("accuracy_low", "accuracy_high")]
    return x, np.column_stack([*ends, gaps]).ravel()


def budget_on(settings: Settings, cost: Quantity) -> tuple[float, str] | None:
    """Where a budget on a cost is marked, and what is written there."""
    for budget in settings.limits:
        if budget.quantity == cost.column:
            return budget.limit / cost.scale, f"budget {_round(cost, budget.limit)}"
    return None


def _edge(y_axis: Axis) -> float:
    """Where the markers of points below the axis stand."""
    return y_axis.low + 0.012 * (y_axis.high - y_axis.low)


def _on_axis(series: Series, y_axis: Axis) -> list[Series]:
    """The points on the axis and, as triangles on its lower edge, those below; nothing for no points."""
    if not series.style.marker:
        return [series] if series.x else []
    below = np.array(series.y) < y_axis.low
    fallen = replace(
        series,
        name=f"{series.name}, below the axis",
        style=replace(series.style, marker="triangle-down"),
        y=tuple(max(y, _edge(y_axis)) for y in series.y),
    )
    parts = [_some(series, ~below), _some(fallen, below)]
    return [part for part in parts if part.x]


def _some(series: Series, mask: NDArray[np.bool_]) -> Series:
    return replace(
        series,
        x=tuple(compress(series.x, mask)),
        y=tuple(compress(series.y, mask)),
        hover=tuple(compress(series.hover, mask)),
        keys=tuple(compress(series.keys, mask)),
        shades=tuple(compress(series.shades, mask)),
    )


def best_first(points: Coordinates) -> Coordinates:
    """The front of a cloud, by rising cost."""
    x, y = points
    kept = front_mask(y, x)
    order = np.argsort(x[kept])
    return x[kept][order], y[kept][order]


def staircase(points: Coordinates, end: float | None, style: Style) -> Series:
    """The best accuracy for at most x: it rises at each point of the front, and holds up to `end`."""
    x, y = points
    corners_x = np.repeat(x, 2)[1:]
    corners_y = np.repeat(y, 2)[:-1]
    if end is not None and len(x) and end > x[-1]:
        corners_x, corners_y = np.append(corners_x, end), np.append(corners_y, y[-1])
    return scatter("front line", style, corners_x, corners_y, in_legend=False)


def key_names(rows: pd.DataFrame, kind: str = "trial") -> list[str]:
    """What each row is called: a baseline by its name, another by its number."""
    return [str(row["name"]) or f"{kind} {row['trial']}" for _, row in rows.iterrows()]


def _of_cost(rows: pd.DataFrame, cost: Quantity) -> pd.DataFrame:
    """Those of which the cost is known."""
    return rows[rows[cost.column].gt(0) & rows[cost.column].lt(np.inf)]


def _in_order(series: Series, rows: pd.DataFrame) -> Series:
    """Coloured by when they ran."""
    return replace(series, shades=tuple(map(float, rows["trial"])), shaded="trial")


def _hovers(rows: pd.DataFrame, objective: Quantity, names: Sequence[str]) -> list[str]:
    """For each row: its name, what it scored and costs, and its arch."""
    hovers = []
    for heading, (_, row) in zip(names, rows.iterrows(), strict=True):
        lines = [f"<b>{escape(heading)}</b>", f"accuracy {100 * row['accuracy']:.2f} % (validation)"]
        if pd.notna(row.get("accuracy_low")):
            low, high = 100 * row["accuracy_low"], 100 * row["accuracy_high"]
            lines.append(f"95 % interval {low:.2f} to {high:.2f} %, {row['seeds']} seeds")
        if row.get("place") in ("undecided", "beaten"):
            lines.append(f"place: {row['place']}")
        lines += cost_lines(row, objective)
        ways = zip(("measured", "predicted"), times(row), strict=True)
        lines += [f"{way} {text} ms" for way, text in ways if text]
        lines.append(f"{row['epochs']:g} epochs")
        hovers.append("<br>".join([*lines, "", *wrapped(str(row["arch"]))]))
    return hovers
