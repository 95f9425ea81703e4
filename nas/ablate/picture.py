"""The pictures of an ablation: a forest plot of the differences, and what each variant gains for its cost."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from nas.ablate.study import AS_IS, BASE, SEEN, UNTRAINED
from nas.common.quantities import LATENCY, MACS, PARAMS, QUANTITIES
from nas.common.stats import HELPS, HURTS, UNSEEN
from nas.compare.picture import in_words
from nas.compare.trainings import Setup
from nas.console.text_table import in_points
from nas.figures.axes import Axis, cost_axis, difference_axis, named_axis, value_axis
from nas.figures.drawing import Arrow, Label, Panel, Style, cost_lines, scatter, shorten
from nas.figures.layout import LEFT, RIGHT, WIDTH, Frame, Sheet
from nas.figures.markup import escape, wrapped

_HEAD, _LINE, _FOOT = 150, 30, 110  # pixels above the first row, of a row, and below the last one
_BESIDE = 14  # labels at most in each of two panels side by side; more stand in panels as wide as the figure
_LABELLED = 36  # networks at most that all have their names beside them
_BELOW = 540  # pixels from one wide panel to the next
_BASE = Style("#0072b2", "circle", 11)
_STYLES = {  # the colours are Okabe and Ito's
    HELPS: Style("#009e73", "triangle-up", 10),
    HURTS: Style("#d55e00", "triangle-down", 10),
    UNSEEN: Style("#555555", "circle", 8),
    SEEN: Style("#cc79a7", "diamond", 9),
    UNTRAINED["identical"]: Style("#56b4e9", "square", 7, hollow=True),
    UNTRAINED["impossible"]: Style("#bbbbbb", "cross", 7),
}
_UNTESTED = Style("#888888", "circle", 8, hollow=True)


@dataclass(frozen=True)
class AblationInfo:
    """An ablation, ready to be drawn.

    `rows` has the columns of `summary.csv`: name, comparison ("base", "as is", "equal macs", ...), status, seeds,
    accuracy, difference, difference_low, difference_high (shares), verdict, macs, params, latency_ms, arch, ...
    """

    title: str  # of the study, or the base's name
    setup: Setup
    seeds: int  # asked for
    rows: pd.DataFrame
    device: str = ""  # of which latencies are predicted; "" where none are

    @property
    def comparisons(self) -> list[str]:
        """Those of the rows, in order, without the base."""
        return [one for one in dict.fromkeys(self.rows["comparison"]) if one != BASE]

    @property
    def telling(self) -> pd.DataFrame:
        """The rows that say something by themselves; not the corner of a 2x2, nor what others start from."""
        rows = self.rows
        return rows[rows["comparison"].ne(BASE) & (rows["verdict"].ne("") | rows["status"].ne("train"))]


def forest_sheet(info: AblationInfo) -> Sheet:
    """A row a variant and a panel a comparison: difference to the base in points, with its 95 % interval."""
    names = list(dict.fromkeys(info.telling["name"]))
    shown = [shorten(name, 44) for name in names]
    left = 40 + round(7.4 * max(map(len, shown), default=0))
    bottom = _HEAD + _LINE * max(3, len(names))
    columns = max(1, len(info.comparisons))
    width = (WIDTH - 24 - left - 32 * (columns - 1)) // columns
    starts = [left + i * (width + 32) for i in range(columns)]
    frames = [Frame(start, start + width, _HEAD, bottom) for start in starts]
    values = 100 * info.telling[["difference", "difference_low", "difference_high"]].to_numpy(float).ravel()
    title = (
        "Difference (points)" if columns > 2 else f"Difference in {info.setup.judged_by} (percentage points)"
    )
    axis = difference_axis(title, values[~np.isnan(values)])  # the same for all, so that they can be compared
    base = info.rows.iloc[0]
    reached = "not trained yet" if np.isnan(base["accuracy"]) else f"{base['accuracy']:.2%}"
    panels = [
        replace(_forest(info, comparison, axis, names, shown), names_beside=number > 0)
        for number, comparison in enumerate(info.comparisons or [AS_IS])
    ]
    return Sheet(
        title=f"Ablation of {shorten(info.title, 60)} on {shorten(info.setup.data_name)}",
        subtitle=(
            f"Validation {info.setup.judged_by} after {_trained(info)}, minus that of what the variant was made from; "
            f"base: {reached}, {MACS.show(float(base['macs']))} multiply-adds.",
            "Lines: 95 % interval of each difference, paired by seed, noise pooled over all networks. "
            "Colours: verdict after Holm's correction.",
        ),
        panels=tuple(zip(panels, frames, strict=True)),
        height=bottom + _FOOT,
    )


def tradeoff_sheet(info: AblationInfo) -> Sheet:
    """Accuracy against cost, an arrow from the base to each variant; a panel a comparison."""
    panels = [_tradeoff(comparison, info) for comparison in info.comparisons or [AS_IS]]
    frames = [LEFT, replace(RIGHT, left=RIGHT.left + 16)][: len(panels)]
    if len(panels) > 2 or max(len(panel.labels) for panel in panels) > _BESIDE:
        frames = [
            Frame(LEFT.left, RIGHT.right, LEFT.top + i * _BELOW, LEFT.bottom + i * _BELOW)
            for i in range(len(panels))
        ]
    return Sheet(
        title=f"What each component of {shorten(info.title, 60)} gains for its cost",
        subtitle=(
            f"Arrows: from what a variant was made from to the variant. Mean validation {info.setup.judged_by}, "
            f"{_trained(info)}.",
            f"Costs at {shorten(info.setup.target)}; multiply-adds are those of conv and fully connected layers.",
        ),
        panels=tuple(zip(panels, frames, strict=True)),
        height=frames[-1].bottom + 90,
    )


def _trained(info: AblationInfo) -> str:
    counts = info.rows.loc[info.rows["status"] == "train", "seeds"].fillna(0)
    return f"{shorten(info.setup.trained)}, {in_words(counts, info.seeds)}"


def _forest(info: AblationInfo, comparison: str, axis: Axis, names: list[str], shown: list[str]) -> Panel:
    rows = info.telling[info.telling["comparison"] == comparison]
    x = (100 * rows["difference"]).mask(rows["status"].isin(["identical", "impossible"]), 0.0)
    rows = rows.assign(x=x, y=[-1.0 - names.index(name) for name in rows["name"]])
    rows = rows[rows["x"].notna()]
    looks = [_look(row) for _, row in rows.iterrows()]
    lines = [
        scatter(
            "95 % interval",
            Style(style.color, line=2.0),
            (100 * row["difference_low"], 100 * row["difference_high"]),
            (row["y"], row["y"]),
            in_legend=False,
        )
        for (_, style), (_, row) in zip(looks, rows.iterrows(), strict=True)
        if pd.notna(row["difference_low"])
    ]
    points = []
    for kind, style in dict(looks).items():
        alike = rows[[look[0] == kind for look in looks]]
        hovers = [_hover(row) for _, row in alike.iterrows()]
        points.append(scatter(kind, style, alike["x"], alike["y"], hovers))
    return Panel(
        title=_titled(comparison),
        x_axis=axis,
        y_axis=named_axis(shown),
        series=(*lines, *points),
        labels=(),
        mark=(0.0, "no difference"),
        notice="" if len(rows) else "No training has finished yet.",
    )


def _titled(comparison: str) -> str:
    if comparison == AS_IS:
        return "As is"
    cost = QUANTITIES[comparison.removeprefix("equal ")]
    return f"At equal {'predicted ' if cost is LATENCY else ''}{cost.phrase}"


def _look(row: pd.Series) -> tuple[str, Style]:
    """The legend's word for a row, and its style."""
    word = UNTRAINED.get(row["status"], row["verdict"])
    return (word, _STYLES[word]) if word in _STYLES else ("not tested: too few seeds", _UNTESTED)


def _tradeoff(comparison: str, info: AblationInfo) -> Panel:
    rows = pd.concat([info.rows[info.rows["comparison"] == BASE], info.telling])
    rows = rows[rows["accuracy"].notna() & rows["comparison"].isin([BASE, comparison])]
    objective = MACS
    if comparison == "equal macs":  # which would tell nothing
        objective = LATENCY if len(rows) and rows[LATENCY.column].notna().all() else PARAMS
    points = {
        row["arch"]: (float(row[objective.column]) / objective.scale, 100 * float(row["accuracy"]))
        for _, row in info.rows[info.rows["accuracy"].notna()].iterrows()
    }
    series, arrows, labels = [], [], []
    for _, row in rows.iterrows():
        point = points[row["arch"]]
        kind, style = ("base", _BASE) if row["comparison"] == BASE else _look(row)
        series.append(scatter(kind, style, point[:1], point[1:], [_hover(row)]))
        if row["against"] in points and row["against"] != row["arch"]:
            arrows.append(Arrow(points[row["against"]], point, style.color))
        if len(rows) <= _LABELLED or not row["stage"]:
            labels.append(Label(shorten(row["name"], 32), *point, style.color))
    elsewhere = info.rows[info.rows["arch"].isin(set(rows["against"]) - set(rows["arch"]))]
    for _, row in elsewhere[elsewhere["accuracy"].notna()].drop_duplicates("arch").iterrows():
        point = points[row["arch"]]  # of another comparison, which a variant of this one was made from
        series.append(scatter("made from, as is", _UNTESTED, point[:1], point[1:], [_hover(row)]))
        labels.append(Label(shorten(row["name"], 32), *point, _UNTESTED.color))
    values = np.array([(one.x[0], one.y[0]) for one in series]).reshape(-1, 2)
    return Panel(
        title=f"{_titled(comparison)}, against {objective.phrase}",
        x_axis=cost_axis(objective.title, values[:, 0], room=0.14),
        y_axis=value_axis(f"Validation {info.setup.judged_by} (%)", values[:, 1]),
        series=tuple(series),
        labels=tuple(labels),
        notice="" if len(rows) else "No training has finished yet.",
        arrows=tuple(arrows),
    )


def _hover(row: pd.Series) -> str:
    lines = [f"<b>{escape(row['name'])}</b>"]
    if row["comparison"] != BASE:
        lines.append(_titled(row["comparison"]))
    if pd.notna(row["difference"]):
        lines.append(f"{in_points(row['difference'], row['difference_low'], row['difference_high'])} points")
        lines.append(escape(f"{row['verdict']}, {row['seeds']:.0f} seeds"))
    if pd.notna(row["accuracy"]):
        lines.append(f"validation accuracy {row['accuracy']:.2%}")
    lines += cost_lines(row)
    if row["note"]:
        lines += wrapped(row["note"])
    return "<br>".join([*lines, "", *wrapped(row["arch"])])
