"""The static picture: a `Drawing` put on paper by matplotlib, without pyplot, a display or a browser."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from nas.figures.drawing import Drawing, Panel, Series
from nas.figures.info import tick
from nas.figures.labels import FONT_SIZE
from nas.figures.layout import (
    AXIS_SIZE,
    FAINT,
    GRID,
    HEIGHT,
    INK,
    MARGIN,
    PANEL_SIZE,
    PUBLISHED,
    RUN,
    SUBTITLE_SIZE,
    TICK_SIZE,
    TITLE_SIZE,
    WIDTH,
    Frame,
    label_spots,
)

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
_ALIGNMENTS = {
    "left": ("left", "center"),
    "right": ("right", "center"),
    "top": ("center", "top"),
    "bottom": ("center", "bottom"),
}
_CORNERS = {
    "left": (0, 0.5),
    "right": (1, 0.5),
    "top": (0.5, 1),
    "bottom": (0.5, 0),
}  # where a leader joins a text
_FONT = "DejaVu Sans"  # comes with matplotlib


def save_png(drawing: Drawing, path: Path) -> None:
    """Draws `drawing` into a PNG file. Raises OSError."""
    figure = Figure(figsize=(WIDTH / _DPI, HEIGHT / _DPI), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    _text(figure, MARGIN, MARGIN, drawing.title, TITLE_SIZE, INK, weight="bold")
    for i, line in enumerate(drawing.subtitle):
        _text(figure, MARGIN, MARGIN + 32 + 20 * i, line, SUBTITLE_SIZE, FAINT)
    for panel, frame in ((drawing.run, RUN), (drawing.published, PUBLISHED)):
        _text(figure, frame.left, frame.top - 34, panel.title, PANEL_SIZE, INK, weight="bold")
        axes = _axes(figure, panel, frame)
        lines = [_points(axes, series, order) for order, series in enumerate(panel.series, start=2)]
        _annotate(axes, panel, frame)
        _legend(figure, [line for line, series in zip(lines, panel.series, strict=True) if series.in_legend])
    figure.savefig(path, format="png", dpi=2 * _DPI)


def _text(
    figure: Figure, x: float, y: float, text: str, size: float, color: str, weight: str = "normal"
) -> None:
    """Text whose top left corner is (x, y), in pixels from the figure's top left."""
    figure.text(
        x / WIDTH,
        1 - y / HEIGHT,
        text,
        fontsize=size * _POINT,
        color=color,
        weight=weight,
        family=_FONT,
        va="top",
        parse_math=False,  # a `$` in a data set's name is a dollar
    )


def _axes(figure: Figure, panel: Panel, frame: Frame) -> Axes:
    width, height = frame.size
    axes = figure.add_axes((frame.left / WIDTH, 1 - frame.bottom / HEIGHT, width / WIDTH, height / HEIGHT))
    axes.set_axisbelow(True)
    axes.grid(color=GRID, linewidth=_POINT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(labelsize=TICK_SIZE * _POINT, color=FAINT, labelcolor=INK, labelfontfamily=_FONT)
    axes.set_xscale("log" if panel.x_axis.log else "linear")
    axes.set_xlim(panel.x_axis.low, panel.x_axis.high)
    axes.set_ylim(panel.y_axis.low, panel.y_axis.high)
    axes.xaxis.set_major_locator(FixedLocator(panel.x_axis.ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
    style: dict[str, Any] = {
        "fontsize": AXIS_SIZE * _POINT,
        "color": INK,
        "family": _FONT,
        "parse_math": False,
    }
    axes.set_xlabel(panel.x_axis.title, labelpad=8, **style)
    axes.set_ylabel(panel.y_axis.title, labelpad=8, **style)
    return axes


def _annotate(axes: Axes, panel: Panel, frame: Frame) -> None:
    font: dict[str, Any] = {"fontsize": FONT_SIZE * _POINT, "family": _FONT, "parse_math": False}
    if panel.budget:
        x, text = panel.budget
        axes.axvline(x, color=FAINT, linewidth=1.3 * _POINT, linestyle=(0, (4, 3)), zorder=1)
        axes.annotate(
            text,
            (x, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            color=FAINT,
            **font,
        )
    for label, spot in zip(panel.labels, label_spots(panel, frame), strict=True):
        across, along = _ALIGNMENTS[spot.side]
        leader = {
            "arrowstyle": "-",
            "color": label.color,
            "linewidth": 0.8 * _POINT,
            "shrinkA": 2,
            "shrinkB": 4,
        }
        axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=(spot.dx * _POINT, spot.dy * _POINT),
            textcoords="offset points",
            ha=across,
            va=along,
            color=label.color,
            zorder=20,
            path_effects=[withStroke(linewidth=2.5 * _POINT, foreground="white")],
            arrowprops={**leader, "relpos": _CORNERS[spot.side]},
            **font,
        )
    if panel.notice:
        axes.text(0.5, 0.5, panel.notice, transform=axes.transAxes, ha="center", color=FAINT, **font)


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


def _legend(figure: Figure, lines: list[Line2D]) -> None:
    """The key of the run's panel, below it; the published lines are labelled where they end."""
    if lines:
        figure.legend(
            handles=lines,
            loc="lower left",
            bbox_to_anchor=((RUN.left - 10) / WIDTH, 4 / HEIGHT),
            ncols=len(lines),
            frameon=False,
            prop={"size": TICK_SIZE * _POINT, "family": _FONT},
            handletextpad=0.2,
            columnspacing=1.2,
        )
