"""The picture of importances: a row a choice, its share of what explains the accuracy at equal cost."""

import numpy as np
import pandas as pd

from nas.figures.axes import Axis, named_axis
from nas.figures.drawing import Panel, Series, Style, scatter, shorten
from nas.figures.layout import Frame, Sheet
from nas.figures.markup import escape
from nas.importance.found import Importances

_SURE = Style("#0072b2", "circle", 10)
_UNSURE = Style("#8fb3d1", "circle", 8, hollow=True)
_CHANCE = Style("#d55e00", "cross", 7)
_PED = Style("#222222", "diamond", 6)
_MOST = 24  # choices that are drawn
_TOP, _ROW = 150, 24


def importance_sheet(result: Importances, data: str, fidelity: str) -> Sheet:
    """The most important choices at the left, the options summed over the stages at the right.

    `data` is the data set's name, `fidelity` how a trial was trained: "3 epochs at 32x32".
    """
    top = result.choices.head(_MOST)
    left = Frame(left=150, right=700, top=_TOP, bottom=_TOP + _ROW * max(len(top), 6))
    right = Frame(left=860, right=1176, top=_TOP, bottom=_TOP + _ROW * max(len(result.options), 4))
    left_out = len(result.choices) - len(top)
    title = "Choices" + (f" (the other {left_out} matter less)" if left_out else "")
    options = result.options.rename(columns={"option": "choice"})
    return Sheet(
        title=f"What mattered for accuracy at equal cost on {shorten(data)}",
        subtitle=(
            f"{result.trials} trials of {shorten(fidelity)}. {result.cost_words} alone explain "
            f"{max(0.0, result.explained):.0%} of the validation accuracy's variance and are taken out first.",
            "Filled: more than the luckiest choice reaches in 95 % of shuffles. Crosses: what each reaches by chance."
            if result.choices["chance"].notna().any()
            else "Accuracies were not shuffled: what chance alone reaches is not known.",
        ),
        panels=((_panel(title, top), left), (_panel("Options, summed over the stages", options), right)),
        height=left.bottom + 100,
    )


def _panel(title: str, rows: pd.DataFrame) -> Panel:
    names = [shorten(str(name), 24) for name in rows["choice"]]
    share, ped, chance, limit = (
        100 * rows[column].to_numpy(float) for column in ("at_equal_cost", "ped_anova", "chance", "corrected")
    )
    heights = -np.arange(1.0, len(names) + 1)
    sure = (share > limit) | np.isnan(chance).all()
    hover = np.array([_hover(row) for _, row in rows.iterrows()])
    lines = [
        Series("", Style(_UNSURE.color, line=1.2), (0.0, float(value)), (float(y), float(y)))
        for value, y in zip(share, heights, strict=True)
    ]
    points = (
        scatter("PED-ANOVA", _PED, ped, heights, [f"{p:.1f} % by PED-ANOVA" for p in ped]),
        scatter("chance (95 %)", _CHANCE, chance, heights, [f"{c:.1f} % by chance" for c in chance]),
        scatter("fANOVA", _SURE, share[sure], heights[sure], hover[sure]),
        scatter("fANOVA, no more than chance", _UNSURE, share[~sure], heights[~sure], hover[~sure]),
    )
    most = max([1.0, *share, *ped, *chance[~np.isnan(chance)]])
    return Panel(
        title=title,
        x_axis=Axis("Share of the importance at equal cost (%)", 0.0, 1.06 * most),
        y_axis=named_axis(names),
        series=(*lines, *(one for one in points if one.x and not np.isnan(one.x).all())),
        labels=(),
    )


def _hover(row: pd.Series) -> str:
    lines = [f"<b>{escape(str(row['choice']))}</b>", f"{row['at_equal_cost']:.1%} by fANOVA at equal cost"]
    if "best" in row:
        best, worst = escape(str(row["best"])), escape(str(row["worst"]))
        lines.append(f"{best} is {100 * row['gain']:.2f} points above {worst} at equal cost")
    lines.append(f"{row['accuracy']:.1%} by fANOVA for plain accuracy")
    return "<br>".join(lines)
