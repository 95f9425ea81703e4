"""The static picture: a `Sheet` put on paper by matplotlib, without pyplot, a display or a browser."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from nas.common.files import write_whole
from nas.figures import layout
from nas.figures.drawing import Panel, Series
from nas.figures.labels import FONT_SIZE
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


def save_png(sheet: Sheet, path: Path) -> None:
    """Draws `sheet` into a PNG file, whole or not at all. Raises OSError."""
    figure = Figure(figsize=(layout.WIDTH / _DPI, sheet.height / _DPI), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    _text(figure, layout.MARGIN, layout.MARGIN, sheet.title, layout.TITLE_SIZE, layout.INK, weight="bold")
    for i, text in enumerate(sheet.subtitle):
        _text(figure, layout.MARGIN, layout.MARGIN + 32 + 20 * i, text, layout.SUBTITLE_SIZE, layout.FAINT)
    named: dict[str, Line2D] = {}
    for panel, frame in sheet.panels:
        _text(figure, frame.left, frame.top - 34, panel.title, layout.PANEL_SIZE, layout.INK, weight="bold")
        axes = _axes(figure, panel, frame)
        for order, series in enumerate(panel.series, start=2):
            if series.style.filled:
                look = series.style
                axes.fill(series.x, series.y, color=look.color, alpha=look.opacity, lw=0, zorder=order)
                continue
            line = _points(axes, series, order)
            if series.in_legend:
                named.setdefault(series.name, line)
        _annotate(axes, panel, frame)
    _legend(figure, list(named.values()), min(frame.left for _, frame in sheet.panels))
    write_whole(path, lambda temporary: figure.savefig(temporary, format="png", dpi=2 * _DPI))


def _text(
    figure: Figure, x: float, y: float, text: str, size: float, color: str, weight: str = "normal"
) -> None:
    """Text whose top left corner is (x, y), in pixels from the figure's top left."""
    figure.text(
        x / layout.WIDTH,
        1 - y / _height(figure),
        text,
        fontsize=size * _POINT,
        color=color,
        weight=weight,
        family=_FONT,
        va="top",
        parse_math=False,  # a `$` in a data set's name is a dollar
    )


def _height(figure: Figure) -> float:
    """In pixels of the layout."""
    return float(figure.get_size_inches()[1]) * _DPI


def _axes(figure: Figure, panel: Panel, frame: Frame) -> Axes:
    (width, height), whole = frame.size, _height(figure)
    axes = figure.add_axes(
        (frame.left / layout.WIDTH, 1 - frame.bottom / whole, width / layout.WIDTH, height / whole)
    )
    axes.set_axisbelow(True)
    axes.grid(color=layout.GRID, linewidth=_POINT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(layout.FAINT)
    axes.tick_params(
        labelsize=layout.TICK_SIZE * _POINT, color=layout.FAINT, labelcolor=layout.INK, labelfontfamily=_FONT
    )
    axes.set_xscale("log" if panel.x_axis.log else "linear")
    axes.set_yscale("log" if panel.y_axis.log else "linear")
    axes.set_xlim(panel.x_axis.low, panel.x_axis.high)
    axes.set_ylim(panel.y_axis.low, panel.y_axis.high)
    for drawn, side in ((axes.xaxis, panel.x_axis), (axes.yaxis, panel.y_axis)):
        if side.ticks:
            drawn.set_major_locator(FixedLocator(side.ticks))
            drawn.set_minor_locator(NullLocator())
            drawn.set_major_formatter(FixedFormatter(side.tick_texts))
    style: dict[str, Any] = {
        "fontsize": layout.AXIS_SIZE * _POINT,
        "color": layout.INK,
        "family": _FONT,
        "parse_math": False,
    }
    axes.set_xlabel(panel.x_axis.title, labelpad=8, **style)
    axes.set_ylabel(panel.y_axis.title, labelpad=8, **style)
    return axes


def _annotate(axes: Axes, panel: Panel, frame: Frame) -> None:
    font: dict[str, Any] = {"fontsize": FONT_SIZE * _POINT, "family": _FONT, "parse_math": False}
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
            **font,
        )
    for arrow in panel.arrows:
        style: dict[str, Any] = {"arrowstyle": "-|>", "color": arrow.color, "linewidth": 1.4 * _POINT}
        style |= {"shrinkA": 6 * _POINT, "shrinkB": 6 * _POINT, "mutation_scale": 11 * _POINT}
        axes.annotate("", arrow.end, xytext=arrow.start, arrowprops=style, zorder=2)
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
        axes.text(0.5, 0.5, panel.notice, transform=axes.transAxes, ha="center", color=layout.FAINT, **font)


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


def _legend(figure: Figure, lines: list[Line2D], left: float) -> None:
    """The key, at the bottom."""
    if lines:
        figure.legend(
            handles=lines,
            loc="lower left",
            bbox_to_anchor=((left - 10) / layout.WIDTH, 4 / _height(figure)),
            ncols=len(lines),
            frameon=False,
            prop={"size": layout.TICK_SIZE * _POINT, "family": _FONT},
            handletextpad=0.2,
            columnspacing=1.2,
        )
