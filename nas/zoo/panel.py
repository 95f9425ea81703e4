"""What others have published, as a panel to stand beside results of one's own.

The figures were obtained by other recipes on ImageNet, and the panel says so.
"""

from collections.abc import Mapping
from textwrap import wrap

import numpy as np
import pandas as pd

from nas.common.quantities import Quantity
from nas.figures.axes import cost_axis, value_axis
from nas.figures.drawing import Label, Panel, Style, cost_lines, scatter
from nas.figures.markup import escape
from nas.figures.palette import darker
from nas.networks.cost import TARGET_RESOLUTION

# The colours are Okabe and Ito's, which colour-blind readers can tell apart, save the blue, which is left for
# results of one's own; the markers tell the lines apart a second time.
_STYLES: Mapping[str, Style] = {
    "MobileNetV1": Style("#7a7a7a", "square", 6, 1.6),
    "MobileNetV2": Style("#e69f00", "triangle-up", 8, 1.6),
    "MobileNetV3-Large": Style("#d55e00", "circle", 7, 1.6),
    "MobileNetV3-Small": Style("#cc79a7", "circle", 7, 1.6),
    "ShuffleNetV1": Style("#56b4e9", "diamond", 7, 1.6),
    "ShuffleNetV2": Style("#009e73", "star", 9, 1.6),
    "MobileNeXt": Style("#222222", "cross", 7, 1.6),
}
_GROUPS = {"ShuffleNetV1": 3}  # where a model was published with several


def published_panel(published: pd.DataFrame, cost: Quantity, mark: tuple[float, str] | None = None) -> Panel:
    """One line a model, over its widths, against `cost` (MACS or PARAMS).

    `published` has the columns of `nas.zoo.published.imagenet()`; `mark` is the panel's.
    """
    series, labels = [], []
    for model, style in _STYLES.items():
        rows = published[(published["model"] == model) & (published["resolution"] == TARGET_RESOLUTION)]
        if model in _GROUPS:
            rows = rows[rows["groups"] == _GROUPS[model]]
        rows = rows.dropna(subset=[cost.column, "top1_percent"]).sort_values(cost.column)
        if rows.empty:
            continue
        x, y = rows[cost.column].to_numpy(float) / cost.scale, rows["top1_percent"].to_numpy(float)
        name = f"{model} (g = {_GROUPS[model]})" if model in _GROUPS else model
        series.append(scatter(name, style, x, y, [_hover(row) for _, row in rows.iterrows()], False))
        labels.append(Label(name, float(x[-1]), float(y[-1]), darker(style.color)))
    every_x = np.array([x for one in series for x in one.x] + ([mark[0]] if mark else []))
    every_y = np.array([y for one in series for y in one.y])
    size = f"{TARGET_RESOLUTION}x{TARGET_RESOLUTION}"
    return Panel(
        title="Published: ImageNet, other recipes",
        x_axis=cost_axis(f"{cost.title}, as printed, {size}", every_x, room=0.28),
        y_axis=value_axis("ImageNet top-1 accuracy (%)", every_y),
        series=tuple(series),
        labels=tuple(labels),
        mark=mark,
        notice="" if series else "No published figures were given.",
    )


def _hover(row: pd.Series) -> str:
    heading = f"<b>{escape(str(row['model']))} {row['width']:g}</b>"
    source = wrap(f"Source: {row['source']}", 64, break_on_hyphens=False)
    accuracy = f"top-1 {row['top1_percent']:g} % (ImageNet)"
    return "<br>".join([heading, accuracy, *cost_lines(row), *map(escape, source)])
