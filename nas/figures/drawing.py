"""From what happened in a run to what is drawn: plain values that know nothing of a drawing library.

Accuracies are percent; costs are in the unit of their axis. The left panel is the run itself, the right one
what others have published, which was obtained by other recipes on another data set and is labelled so.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from textwrap import wrap

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nas.common.fronts import front_mask
from nas.common.quantities import MACS, PARAMS, Quantity
from nas.figures.axes import Axis, cost_axis, value_axis
from nas.figures.info import FrontInfo, costs_beside, shorten, tick, times
from nas.search.budget import within

# Plotly shows a few HTML entities as they are written, `&quot;` among them.
escape = partial(html.escape, quote=False)
Coordinates = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Style:
    """How a series looks."""

    color: str
    marker: str = ""  # circle, square, diamond, triangle-up, triangle-down, cross or star; "" for no marker
    size: float = 0.0  # of the marker, in pixels
    line: float = 0.0  # width in pixels; 0 for no line
    hollow: bool = False
    opacity: float = 1.0


@dataclass(frozen=True)
class Series:
    """Points that look alike. `hover` is HTML with what a user named escaped, and empty for a bare line."""

    name: str
    style: Style
    x: tuple[float, ...]
    y: tuple[float, ...]
    hover: tuple[str, ...] = ()
    in_legend: bool = False


@dataclass(frozen=True)
class Label:
    """A text for the point (x, y). Plain text, not HTML."""

    text: str
    x: float
    y: float
    color: str


@dataclass(frozen=True)
class Arrow:
    """From one point to another."""

    start: tuple[float, float]
    end: tuple[float, float]
    color: str


@dataclass(frozen=True)
class Panel:
    """One of the diagrams of a figure."""

    title: str
    x_axis: Axis
    y_axis: Axis
    series: tuple[Series, ...]
    labels: tuple[Label, ...]
    mark: tuple[float, str] | None = None  # where a vertical line stands, and its text
    notice: str = ""  # what a panel without points says
    arrows: tuple[Arrow, ...] = ()


@dataclass(frozen=True)
class Drawing:
    """The whole figure."""

    title: str
    subtitle: tuple[str, ...]
    run: Panel
    published: Panel


_TRIAL = Style("#8fb3d1", "circle", 7, opacity=0.75)
_BRIEF = replace(_TRIAL, hollow=True)
_STAIRS = Style("#0072b2", line=2)
_FRONT = Style("#0072b2", "circle", 10)
_CONTROL = Style("#9a6a3a", "cross", 6, opacity=0.8)
_CONTROL_STAIRS = Style("#9a6a3a", line=1.5)
_SLOW = Style("#d55e00", "cross", 9)
_BASELINE = Style("#222222", "diamond", 9)

# (model, groups, label, style): the colours are Okabe and Ito's, which colour-blind readers can tell apart,
# save the blue, which is the run's; the markers tell the lines apart a second time.
_PUBLISHED = (
    ("MobileNetV1", None, "MobileNetV1", Style("#7a7a7a", "square", 6, 1.6)),
    ("MobileNetV2", None, "MobileNetV2", Style("#e69f00", "triangle-up", 8, 1.6)),
    ("MobileNetV3-Large", None, "MobileNetV3-Large", Style("#d55e00", "circle", 7, 1.6)),
    ("MobileNetV3-Small", None, "MobileNetV3-Small", Style("#cc79a7", "circle", 7, 1.6)),
    ("ShuffleNetV1", 3, "ShuffleNetV1 (g = 3)", Style("#56b4e9", "diamond", 7, 1.6)),
    ("ShuffleNetV2", None, "ShuffleNetV2", Style("#009e73", "star", 9, 1.6)),
    ("MobileNeXt", None, "MobileNeXt", Style("#222222", "cross", 7, 1.6)),
)
_RESOLUTION = 224


def drawing(info: FrontInfo) -> Drawing:
    """All that is drawn for `info`."""
    return Drawing(
        title=f"Architecture search on {shorten(info.data)}",
        subtitle=(_what_was_run(info), _what_is_counted(info)),
        run=_run_panel(info),
        published=published_panel(info.published, info.objective, info.budgets),
    )


def drawn_trials(info: FrontInfo) -> pd.DataFrame:
    """The trials that are drawn: finished, with an accuracy and a cost, and within every budget."""
    return info.trials[_finished(info) & within(info.trials, info.budgets)]


def _finished(info: FrontInfo) -> pd.Series:
    return _state(info).eq("COMPLETE") & _drawable(info.trials, info.objective)


def slow_trials(info: FrontInfo) -> pd.DataFrame:
    """The trials that were timed whole and are over the budget for it."""
    timed = _finished(info) & _numbers(info.trials, "measured_ms").notna()
    return info.trials[timed & ~within(info.trials, info.budgets)]


def _state(info: FrontInfo) -> pd.Series:
    if "state" not in info.trials:
        return pd.Series("", index=info.trials.index, dtype=str)
    return pd.Series(info.trials["state"])


def _drawable(rows: pd.DataFrame, objective: Quantity) -> pd.Series:
    accuracy, cost = _numbers(rows, "accuracy"), _numbers(rows, objective.column)
    return accuracy.abs().lt(np.inf) & cost.gt(0) & cost.lt(np.inf)


def _numbers(rows: pd.DataFrame, column: str) -> pd.Series:
    """The column as floats: NaN where a value, or the whole column, is missing."""
    if column not in rows:
        return pd.Series(np.nan, index=rows.index, dtype=float)
    return pd.to_numeric(rows[column], errors="coerce").astype(float)


def _points(rows: pd.DataFrame, objective: Quantity) -> Coordinates:
    return (
        _numbers(rows, objective.column).to_numpy() / objective.scale,
        _numbers(rows, "accuracy").to_numpy() * 100,
    )


def _what_was_run(info: FrontInfo) -> str:
    finished, kept, state = _finished(info), within(info.trials, info.budgets), _state(info)
    counts = {
        "finished": finished & kept,
        "over budget": state.isin(["COMPLETE", "PRUNED"]) & ~kept,
        "stopped early": state.eq("PRUNED") & kept,
        "without a result": state.eq("COMPLETE") & kept & ~finished,
        "failed": state.eq("FAIL"),
        "under way": state.isin(["RUNNING", "WAITING"]),
    }
    told = ", ".join(f"{n.sum()} {what}" for what, n in counts.items() if n.any() or what == "finished")
    total = len(info.trials)
    what = f"{total} trial{'s' * (total != 1)} ({told}), trained for {shorten(info.fidelity)}."
    objectives = {o.column: o for o in costs_beside(info.objective)}
    bounds = " and ".join(
        f"{_round(objectives[column], bound)} {objectives[column].phrase}" for column, bound in info.budgets
    )
    return f"{what} Budget: at most {bounds}." if bounds else what


def _round(objective: Quantity, bound: float) -> str:
    """A budget as it was asked for, not to three figures: 300 M."""
    return f"{tick(bound / objective.scale)} {objective.unit}"


def _what_is_counted(info: FrontInfo) -> str:
    said = f"Multiply-adds are those of conv and fully connected layers, at {shorten(info.target)}."
    if info.objective.column == "latency_ms":
        timed = "those of the front and the baselines measured" if _timed(info) else "none measured"
        said += f" Milliseconds are predicted, {timed}."
    return said


def _timed(info: FrontInfo) -> bool:
    return bool(_numbers(info.front, "measured_ms").notna().any())


def _run_panel(info: FrontInfo) -> Panel:
    objective = info.objective
    trials = drawn_trials(info)
    front = info.front[_drawable(info.front, objective)]
    front = front.iloc[np.argsort(_points(front, objective)[0])]
    baselines = info.baselines[_drawable(info.baselines, objective)]
    cloud, best, known = (_points(rows, objective) for rows in (trials, front, baselines))
    budget = _budget(info.budgets, objective)
    drawn_at_random = drawn_trials(replace(info, trials=info.control))
    control = _points(drawn_at_random, objective)
    slow = slow_trials(info)
    over = _points(slow, objective)
    end = budget[0] if budget else None
    x = np.concatenate([cloud[0], best[0], known[0], control[0], over[0], [] if end is None else [end]])
    heights = np.concatenate([cloud[1], best[1], known[1], control[1], over[1]])
    y_axis = value_axis("Validation accuracy (%)", heights, unusual=0.1)
    names = [shorten(str(name)) for name in baselines["name"]] if len(baselines) else []
    series = (
        *_clouds(trials, objective),
        _staircase(_best_first(control), end, _CONTROL_STAIRS),
        _series("random control", _CONTROL, control, _trial_hovers(drawn_at_random, objective)),
        _staircase(best, end, _STAIRS),
        _series("over budget when timed", _SLOW, over, _trial_hovers(slow, objective)),
        _series("front", _FRONT, best, _trial_hovers(front, objective)),
        _series("baseline, same recipe", _BASELINE, known, _trial_hovers(baselines, objective, names)),
    )
    labels = zip(names, known[0], np.maximum(known[1], _edge(y_axis)), strict=True)
    return Panel(
        title=f"This run: {shorten(info.data)}",
        x_axis=cost_axis(objective.title, x, room=0.14 if names else 0.0),
        y_axis=y_axis,
        series=tuple(part for one in series for part in _on_axis(one, y_axis)),
        labels=tuple(Label(name, a, b, _BASELINE.color) for name, a, b in labels),
        mark=budget,
        notice="" if len(trials) else "No trial has finished yet.",
    )


def _budget(bounds: Sequence[tuple[str, float]], objective: Quantity) -> tuple[float, str] | None:
    limits = [bound for column, bound in bounds if column == objective.column]
    if not limits:
        return None
    return min(limits) / objective.scale, f"budget {_round(objective, min(limits))}"


def _series(
    name: str, style: Style, points: Coordinates, hover: Sequence[str], in_legend: bool = True
) -> Series:
    x, y = (tuple(map(float, values)) for values in points)
    return Series(name, style, x, y, tuple(hover), in_legend)


def _clouds(trials: pd.DataFrame, objective: Quantity) -> tuple[Series, ...]:
    """All trials: those of the run's highest fidelity, and those trained more briefly."""
    epochs = _numbers(trials, "epochs")
    brief = epochs < epochs.max()
    parts = (("trial", _TRIAL, trials[~brief]), ("trial, trained more briefly", _BRIEF, trials[brief]))
    return tuple(
        _series(name, style, _points(rows, objective), _trial_hovers(rows, objective))
        for name, style, rows in parts
    )


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
    kept = np.flatnonzero(mask)
    return replace(
        series,
        x=tuple(series.x[i] for i in kept),
        y=tuple(series.y[i] for i in kept),
        hover=tuple(series.hover[i] for i in kept),
    )


def _best_first(points: Coordinates) -> Coordinates:
    """The front of a cloud, by rising cost."""
    x, y = points
    kept = front_mask(y, x)
    order = np.argsort(x[kept])
    return x[kept][order], y[kept][order]


def _staircase(points: Coordinates, end: float | None, style: Style) -> Series:
    """The best accuracy for at most x: it rises at each point of the front, and holds up to `end`."""
    x, y = points
    corners_x = np.repeat(x, 2)[1:]
    corners_y = np.repeat(y, 2)[:-1]
    if end is not None and len(x) and end > x[-1]:
        corners_x, corners_y = np.append(corners_x, end), np.append(corners_y, y[-1])
    return _series("front line", style, (corners_x, corners_y), (), in_legend=False)


def _trial_hovers(rows: pd.DataFrame, objective: Quantity, names: Sequence[str] = ()) -> list[str]:
    """For each row: its name or number, what it scored and costs, and its arch."""
    hovers = []
    for i, (_, row) in enumerate(rows.iterrows()):
        heading = names[i] if names else f"trial {row.get('trial', '')}"
        lines = [f"<b>{escape(heading)}</b>", f"accuracy {100 * row['accuracy']:.2f} % (validation)"]
        lines += [
            f"{cost.phrase} {cost.show(float(row[cost.column]))}"
            for cost in costs_beside(objective)
            if pd.notna(row.get(cost.column))
        ]
        lines += [
            f"{how} {text} ms"
            for how, text in zip(("measured", "predicted"), times(row), strict=True)
            if text
        ]
        if pd.notna(row.get("epochs")):
            lines.append(f"{row['epochs']:g} epochs")
        hovers.append("<br>".join([*lines, "", *wrapped(str(row.get("arch", "")))]))
    return hovers


def wrapped(arch: str, width: int = 64, most: int = 24) -> list[str]:
    """A long text as lines of HTML."""
    lines = [escape(line) for line in wrap(arch, width, break_on_hyphens=False)]
    return lines if len(lines) <= most else [*lines[:most], "…"]


def published_panel(
    published: pd.DataFrame, objective: Quantity, bounds: Sequence[tuple[str, float]] = ()
) -> Panel:
    """One line a model, over its widths; against multiply-adds also where the run's axis is a latency."""
    objective = PARAMS if objective.column == "params" else MACS
    series: list[Series] = []
    labels: list[Label] = []
    for model, groups, label, style in _PUBLISHED:
        rows = _published_rows(published, model, groups, objective)
        if rows.empty:
            continue
        x, y = rows[objective.column].to_numpy(float) / objective.scale, rows["top1_percent"].to_numpy(float)
        series.append(
            _series(label, style, (x, y), [_published_hover(row) for _, row in rows.iterrows()], False)
        )
        labels.append(Label(label, float(x[-1]), float(y[-1]), _darker(style.color)))
    budget = _budget(bounds, objective)
    every_x = np.array([x for s in series for x in s.x] + ([budget[0]] if budget else []))
    every_y = np.array([y for s in series for y in s.y])
    return Panel(
        title="Published: ImageNet, other recipes",
        x_axis=cost_axis(f"{objective.title}, as printed, {_RESOLUTION}x{_RESOLUTION}", every_x, room=0.28),
        y_axis=value_axis("ImageNet top-1 accuracy (%)", every_y),
        series=tuple(series),
        labels=tuple(labels),
        mark=budget,
        notice="" if series else "No published figures were given.",
    )


def _darker(color: str, share: float = 0.7) -> str:
    """A colour of a marker, dark enough for text."""
    return "#" + "".join(f"{int(share * int(color[i : i + 2], 16)):02x}" for i in (1, 3, 5))


def _published_rows(table: pd.DataFrame, model: str, groups: int | None, objective: Quantity) -> pd.DataFrame:
    if table.empty:
        return table
    rows = table[(table["model"] == model) & (table["resolution"] == _RESOLUTION)]
    rows = rows[rows[objective.column].notna() & rows["top1_percent"].notna()]
    if groups is not None:
        rows = rows[rows["groups"] == groups]
    return rows.sort_values(objective.column)


def _published_hover(row: pd.Series) -> str:
    costs = [
        f"{objective.phrase} {objective.show(float(row[objective.column]))}"
        for objective in (MACS, PARAMS)
        if pd.notna(row[objective.column])
    ]
    heading = f"<b>{escape(str(row['model']))} {row['width']:g}</b>"
    source = wrap(f"Source: {row['source']}", 64, break_on_hyphens=False)
    return "<br>".join([heading, f"top-1 {row['top1_percent']:g} % (ImageNet)", *costs, *map(escape, source)])
