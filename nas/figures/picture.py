"""The static picture: a `Sheet` put on paper by matplotlib, without pyplot, a display or a browser."""

from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from nas.common.files import write_whole
from nas.figures import layout
from nas.figures.drawing import Panel, Series, in_sheet
from nas.figures.labels import FONT_SIZE, SIDES
from nas.figures.layout import Frame, Sheet, label_spots

_DPI = 100  # at which a pixel of the layout is a pixel; saved at twice that
_POINT = 72 / _DPI  # points in a pixel
_MARKERS = {
    "": "none",
    "circle": "o",
    "square": "s",
    "diamond": "D",
    "triangle-up": "^",
    "triangle-down": "v",
    "cross": "X",
    "star": "*",
}
_LOOKS = {"star": 1.5, "diamond": 0.85, "cross": 1.1}  # sizes at which matplotlib's markers look alike
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": FONT_SIZE * _POINT,
    "text.parse_math": False,  # a `$` in a data set's name is a dollar
    "figure.facecolor": "white",
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": layout.FAINT,
    "axes.labelcolor": layout.INK,
    "axes.labelpad": 8,
    "axes.labelsize": layout.AXIS_SIZE * _POINT,
    "grid.color": layout.GRID,
    "grid.linewidth": _POINT,
    "legend.columnspacing": 1.2,
    "legend.fontsize": layout.TICK_SIZE * _POINT,
    "legend.frameon": False,
    "legend.handletextpad": 0.2,
    **{f"{side}tick.color": layout.FAINT for side in "xy"},
    **{f"{side}tick.labelcolor": layout.INK for side in "xy"},
    **{f"{side}tick.labelsize": layout.TICK_SIZE * _POINT for side in "xy"},
}


def save_png(sheet: Sheet, path: Path) -> None:
    """Draws `sheet` into a PNG file, whole or not at all. Raises OSError."""
    with rc_context(_STYLE):
        figure = _drawn(sheet)
        quickly = {"compress_level": 3}
        write_whole(path, lambda file: figure.savefig(file, format="png", dpi=2 * _DPI, pil_kwargs=quickly))


def _drawn(sheet: Sheet) -> Figure:
    figure = Figure(figsize=(layout.WIDTH / _DPI, sheet.height / _DPI), dpi=_DPI)

    def write(x: float, y: float, text: str, size: float, color: str, weight: str = "normal") -> None:
        """Text whose top left corner is (x, y), in pixels from the figure's top left."""
        place = x / layout.WIDTH, 1 - y / sheet.height
        figure.text(*place, text, fontsize=size * _POINT, color=color, weight=weight, va="top")

    write(layout.MARGIN, layout.MARGIN, sheet.title, layout.TITLE_SIZE, layout.INK, "bold")
    for i, text in enumerate(sheet.subtitle):
        write(layout.MARGIN, layout.MARGIN + 32 + 20 * i, text, layout.SUBTITLE_SIZE, layout.FAINT)
    named: dict[str, Line2D] = {}
    for panel, frame in sheet.panels:
        write(frame.left, frame.top - 34, panel.title, layout.PANEL_SIZE, layout.INK, "bold")
        axes = _axes(figure, in_sheet(panel), frame, sheet.height)
        for order, series in enumerate(panel.series, start=2):
            if series.style.filled:
                look = series.style
                axes.fill(series.x, series.y, color=look.color, alpha=look.opacity, lw=0, zorder=order)
                continue
            line = _points(axes, series, order)
            if series.in_legend:
                named.setdefault(series.name, line)
        _annotate(axes, panel, frame)
    if named:
        left = min(frame.left for _, frame in sheet.panels) - 10
        corner = left / layout.WIDTH, 4 / sheet.height
        figure.legend(handles=list(named.values()), loc="lower left", bbox_to_anchor=corner, ncols=len(named))
    return figure


def _axes(figure: Figure, panel: Panel, frame: Frame, whole: int) -> Axes:
    width, height = frame.size
    axes = figure.add_axes(
        (frame.left / layout.WIDTH, 1 - frame.bottom / whole, width / layout.WIDTH, height / whole),
        xlabel=panel.x_axis.title,
        ylabel=panel.y_axis.title,
        xscale="log" if panel.x_axis.log else "linear",
        yscale="log" if panel.y_axis.log else "linear",
        xlim=(panel.x_axis.low, panel.x_axis.high),
        ylim=(panel.y_axis.low, panel.y_axis.high),
    )
    for drawn, side in ((axes.xaxis, panel.x_axis), (axes.yaxis, panel.y_axis)):
        if side.ticks:
            drawn.set_major_locator(FixedLocator(side.ticks))
            drawn.set_minor_locator(NullLocator())
            drawn.set_major_formatter(FixedFormatter(side.tick_texts))
    return axes


def _annotate(axes: Axes, panel: Panel, frame: Frame) -> None:
    if panel.mark:
        x, text = panel.mark
        axes.axvline(x, color=layout.FAINT, linewidth=1.3 * _POINT, linestyle=(0, (4, 3)), zorder=1)
        axes.annotate(
            text,
            (x, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            color=layout.FAINT,
        )
    for arrow in panel.arrows:
        style = {"arrowstyle": "-|>", "color": arrow.color, "linewidth": 1.4 * _POINT}
        style |= {"shrinkA": 6 * _POINT, "shrinkB": 6 * _POINT, "mutation_scale": 11 * _POINT}
        axes.annotate("", arrow.end, xytext=arrow.start, arrowprops=style, zorder=2)
    for label, spot in zip(panel.labels, label_spots(panel, frame), strict=True):
        leader = {"arrowstyle": "-", "color": label.color, "linewidth": 0.8 * _POINT}
        leader |= {"shrinkA": 2, "shrinkB": 4, "relpos": tuple((1 + half) / 2 for half in SIDES[spot.side])}
        axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=(spot.dx * _POINT, spot.dy * _POINT),
            textcoords="offset points",
            ha=spot.side if spot.side in ("left", "right") else "center",
            va=spot.side if spot.side in ("top", "bottom") else "center",
            color=label.color,
            zorder=20,
            path_effects=[withStroke(linewidth=2.5 * _POINT, foreground="white")],
            arrowprops=leader,
        )
    if panel.notice:
        axes.text(0.5, 0.5, panel.notice, transform=axes.transAxes, ha="center", color=layout.FAINT)


def _points(axes: Axes, series: Series, order: int) -> Line2D:
    style = series.style
    (line,) = axes.plot(
        series.x,
        series.y,
        label=series.name,
        color=style.color,
        linestyle="-" if style.line else "none",
        linewidth=style.line * _POINT,
        marker=_MARKERS[style.marker],
        markersize=style.size * _POINT * _LOOKS.get(style.marker, 1.0),
        markerfacecolor="white" if style.hollow else style.color,
        markeredgecolor=style.color if style.hollow else "white",
        markeredgewidth=(1.3 if style.hollow else 0.8) * _POINT,
        alpha=style.opacity,
        zorder=order,
    )
    return line
