"""Interactive pages: sheets drawn by plotly, its script inside, and what stands below them."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from nas.figures import layout
from nas.figures.axes import Axis
from nas.figures.drawing import Label, Panel, Series, in_sheet
from nas.figures.labels import FONT_SIZE, Spot
from nas.figures.layout import Frame, Sheet, label_spots
from nas.figures.legend import legend
from nas.figures.markup import data, escape, render, whole
from nas.figures.palette import ORDER, PAPER

_SIDES = {"l": 64, "r": 18, "t": 26, "b": 52}
"""Margins of a panel by itself, in pixels."""
_LINE = 15
_NARROW, _WIDE, _MOST = 400, 700, 860
"""Of a panel's axes, in pixels: where its labels are shown at the least, from where it takes a whole row, and there."""


_HOVER = {"align": "left", "bgcolor": PAPER, "font": {"size": FONT_SIZE, "color": layout.INK}}
_KEYED = "<b>%{customdata}</b><br>%{y:.2f} %<br>%{x:.4g}<extra></extra>"
_TITLE, _LABEL = "title", "label"
"""Names of annotations, by which a page finds those that it leaves out."""


def document(sheets: Sequence[Sheet], heading: str = "", body: str = "", *, at: Path | None = None) -> str:
    """An HTML document that fetches nothing: the sheets, and below them `body`, which is HTML, under a heading.

    at: the file that it will be; links lead to the other pages in its folder.
    """
    parts = [section(sheet, f"plot{number}", 2 if number else 1) for number, sheet in enumerate(sheets)]
    if heading:
        parts.append(Markup("<section>\n<h2>{}</h2>\n{}\n</section>").format(heading, Markup(body)))
    return page(sheets[0].title, Markup("\n").join(parts), at=at)


def page(
    title: str, body: str, *, scripts: Sequence[Markup] = (), at: Path | None = None, live: str = ""
) -> str:
    """A document whose body has figures; see `nas.figures.markup.whole`."""
    return whole(title, body, plotly=get_plotlyjs(), scripts=scripts, at=at, live=live)


def section(sheet: Sheet, name: str, level: int = 2) -> Markup:
    """A sheet as a part of a page: its panels stand side by side where there is room, else below each other."""
    panels = [figure(panel, frame, f"{name}-{number}") for number, (panel, frame) in enumerate(sheet.panels)]
    return render("sheet.html", sheet=sheet, panels=panels, level=level)


def figure(panel: Panel, frame: Frame, name: str) -> Markup:
    """A panel as a figure of a page, under its title and above its legend; drawn by the page's script."""
    height = frame.size[1] + _SIDES["t"] + _SIDES["b"] + _LINE * _lines(panel.x_axis)
    content = alone(panel, frame).to_plotly_json()
    content["layout"].pop("template", None)
    return render(
        "panel.html",
        figure=data(_plain(content)),
        name=name,
        height=height,
        title=panel.title,
        told=alternative(panel),
        legend=legend(panel),
        wide=frame.size[0] > _WIDE,
        labels=labelled_width(frame) + _SIDES["l"] + _SIDES["r"],
    )


def labelled_width(frame: Frame) -> int:
    """Pixels that a panel's axes have at the least where its labels are shown: they are placed for that."""
    return min(frame.size[0], _MOST if frame.size[0] > _WIDE else _NARROW)


def _lines(axis: Axis) -> int:
    """Lines of text at the ticks beyond the first."""
    return max((name.count("\n") for name in axis.names), default=0)


def alternative(panel: Panel) -> str:
    """A panel in words: its axes, and how many points each named series has."""
    counts: Counter[str] = Counter()
    for series in panel.series:
        if series.in_legend or series.hover:
            counts[series.name] += len(series.x) if series.style.marker else 1
    shown = [f"{count} of {name}" for name, count in counts.items()]
    axes = " against ".join(side.title for side in (panel.y_axis, panel.x_axis) if side.title)
    return f"{panel.title}: {axes}; points: {', '.join(shown) or panel.notice or 'none'}"


def _plain(value: Any) -> Any:
    """As JSON takes it, numbers to seven figures; what is not finite is null."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(inner) for inner in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.7g}") if math.isfinite(value) else None
    return value


def alone(panel: Panel, frame: Frame) -> go.Figure:
    """The plotly figure of one panel, as wide as there is room; its labels stand as they would in the frame."""
    drawn = go.Figure(
        layout=go.Layout(
            font={"family": layout.FONT, "color": layout.INK, "size": layout.TICK_SIZE},
            margin=_SIDES | {"b": _SIDES["b"] + _LINE * _lines(panel.x_axis)},
            paper_bgcolor=PAPER,
            plot_bgcolor=PAPER,
            hoverlabel=_HOVER,
            hovermode="closest",
            showlegend=False,
        )
    )
    narrow = Frame(0, labelled_width(frame), 0, frame.size[1])
    _fill(drawn, panel, narrow, "", narrow, set())
    drawn.update_layout({"yaxis.automargin": True})
    drawn.layout.annotations = [one for one in drawn.layout.annotations if one.name != _TITLE]
    return drawn


def interactive(sheet: Sheet) -> go.Figure:
    """The plotly figure of a whole sheet."""
    frames = [frame for _, frame in sheet.panels]
    around = Frame(
        left=min(frame.left for frame in frames),
        right=max(frame.right for frame in frames),
        top=min(frame.top for frame in frames),
        bottom=max(frame.bottom for frame in frames),
    )
    drawn = go.Figure(layout=_layout(sheet, around))
    named: set[str] = set()
    for number, (panel, frame) in enumerate(sheet.panels, start=1):
        _fill(drawn, in_sheet(panel), frame, "" if number == 1 else str(number), around, named)
    return drawn


def _fill(drawn: go.Figure, panel: Panel, frame: Frame, axis: str, around: Frame, named: set[str]) -> None:
    """Draw a panel on axes of their own; `named` are the series that stand in the legend already."""
    drawn.update_layout(_axes(panel, frame, axis, around))
    if panel.mark:
        drawn.add_trace(_mark(panel.mark[0], panel.y_axis, axis))
    banded = {series.name for series in panel.series if series.style.filled}
    for shaded in {series.shaded for series in panel.series if series.shades}:
        bar = {"title": {"text": escape(shaded), "side": "right"}, "thickness": 10, "len": 0.6}
        drawn.update_layout(coloraxis={"colorscale": ORDER, "colorbar": bar})
    for series in panel.series:
        trace = _trace(series, axis, series.in_legend and series.name not in named)
        drawn.add_trace(trace.update(legendgroup=series.name if series.name in banded else None))
        named |= {series.name} if series.in_legend else set()
    _annotate(drawn, panel, frame, axis)


def _layout(sheet: Sheet, around: Frame) -> go.Layout:
    subtitle = "".join(
        f'<br><span style="font-size:{layout.SUBTITLE_SIZE}px;color:{layout.FAINT}">{escape(line)}</span>'
        for line in sheet.subtitle
    )
    return go.Layout(
        title={
            "text": f"<b>{escape(sheet.title)}</b>{subtitle}",
            "font": {"size": layout.TITLE_SIZE},
            "x": layout.MARGIN / layout.WIDTH,
            "y": 1 - layout.MARGIN / sheet.height,
            "yanchor": "top",
        },
        font={"family": layout.FONT, "color": layout.INK, "size": layout.TICK_SIZE},
        height=sheet.height,
        margin={
            "l": around.left,
            "r": layout.WIDTH - around.right,
            "t": around.top,
            "b": sheet.height - around.bottom,
            "autoexpand": False,
        },
        plot_bgcolor=PAPER,
        hoverlabel=_HOVER,
        hovermode="closest",
        legend={"orientation": "h", "x": 0, "y": -62 / around.size[1], "yanchor": "top"},
    )


def _axes(panel: Panel, frame: Frame, axis: str, around: Frame) -> dict[str, object]:
    across, down = around.size
    domains = {
        "x": [(frame.left - around.left) / across, (frame.right - around.left) / across],
        "y": [(around.bottom - frame.bottom) / down, (around.bottom - frame.top) / down],
    }
    made: dict[str, object] = {}
    for letter, other, side in (("x", "y", panel.x_axis), ("y", "x", panel.y_axis)):
        made[f"{letter}axis{axis}"] = {
            "gridcolor": layout.GRID,
            "linecolor": layout.FAINT,
            "zeroline": False,
            "ticks": "outside",
            "tickcolor": layout.FAINT,
            "domain": domains[letter],
            "anchor": f"{other}{axis}",
            "title": {"text": escape(side.title), "font": {"size": layout.AXIS_SIZE}, "standoff": 10},
            "type": "log" if side.log else "linear",
            "range": [_on(side, side.low), _on(side, side.high)],
            "tickvals": side.ticks or None,
            "ticktext": [escape(text).replace("\n", "<br>") for text in side.tick_texts] or None,
            "tickangle": 0 if side.names else None,
        }
    return made


def _on(side: Axis, value: float) -> float:
    """A value as plotly wants it in ranges and annotations: on a logarithmic axis, its logarithm."""
    return math.log10(value) if side.log else value


def _trace(series: Series, axis: str, in_legend: bool) -> go.Scatter:
    style = series.style
    edge, width = (style.color, 1.3) if style.hollow else (style.color if series.shades else PAPER, 0.8)
    shades = {"color": series.shades, "coloraxis": "coloraxis"} if series.shades else {}
    parts = (("lines", style.line or style.filled), ("markers", style.marker))
    return go.Scatter(
        x=series.x,
        y=series.y,
        xaxis=f"x{axis}",
        yaxis=f"y{axis}",
        name=series.name,
        mode="+".join(part for part, used in parts if used),
        line={"color": style.color, "width": 0 if style.filled else style.line or None},
        fill="toself" if style.filled else None,
        fillcolor=style.color if style.filled else None,
        marker={
            "color": PAPER if style.hollow else style.color,
            "symbol": "x" if style.marker == "cross" else style.marker or None,
            "size": style.size,
            "line": {"color": edge, "width": width},
            **shades,
        },
        opacity=style.opacity,
        customdata=series.keys or None,
        hovertext=series.hover or None,
        hoverinfo="text" if series.hover else "skip" if not series.keys else None,
        hovertemplate=None if series.hover or not series.keys else _KEYED,
        showlegend=in_legend,
    )


def _mark(x: float, y_axis: Axis, axis: str) -> go.Scatter:
    # A trace and not a shape: shapes below the points are below the grid too, which then covers the line.
    return go.Scatter(
        x=[x, x],
        y=[y_axis.low, y_axis.high],
        xaxis=f"x{axis}",
        yaxis=f"y{axis}",
        mode="lines",
        line={"color": layout.FAINT, "width": 1.3, "dash": "4px,3px"},
        hoverinfo="skip",
        showlegend=False,
    )


def _annotate(drawn: go.Figure, panel: Panel, frame: Frame, axis: str) -> None:
    """What is written into the panel: its title, why it is empty, the mark, its arrows and its labels."""
    x, y = f"x{axis}", f"y{axis}"

    def at(x: float, y: float) -> tuple[float, float]:
        return _on(panel.x_axis, x), _on(panel.y_axis, y)

    corner = {"xref": f"{x} domain", "yref": f"{y} domain", "showarrow": False}
    bold, size = f"<b>{escape(panel.title)}</b>", {"size": layout.PANEL_SIZE}
    drawn.add_annotation(
        text=bold, name=_TITLE, x=0, y=1, yshift=16, xanchor="left", yanchor="bottom", font=size, **corner
    )
    faint = {"font": {"color": layout.FAINT}, **corner}
    if panel.notice:
        drawn.add_annotation(text=escape(panel.notice), x=0.5, y=0.5, **faint)
    if panel.mark:
        where, text = panel.mark
        drawn.add_annotation(
            text=escape(text), x=_on(panel.x_axis, where), y=1, yanchor="bottom", **{**faint, "xref": x}
        )
    for arrow in panel.arrows:
        (x0, y0), (x1, y1) = (at(*point) for point in (arrow.start, arrow.end))
        tail = {"ax": x0, "ay": y0, "axref": x, "ayref": y}
        head = {"arrowhead": 2, "arrowwidth": 1.4, "arrowcolor": arrow.color}
        drawn.add_annotation(text="", x=x1, y=y1, xref=x, yref=y, standoff=6, startstandoff=6, **tail, **head)
    for label, spot in zip(panel.labels, label_spots(panel, frame), strict=True):
        drawn.add_annotation(_label(label, spot, *at(label.x, label.y)), xref=x, yref=y)


def _label(label: Label, spot: Spot, x: float, y: float) -> dict[str, object]:
    """A label with its leader, from the point (x, y)."""
    return {
        "text": escape(label.text),
        "name": _LABEL,
        "x": x,
        "y": y,
        "ax": spot.dx,
        "ay": -spot.dy,
        "standoff": 5,
        "startstandoff": 2,
        "xanchor": spot.side if spot.side in ("left", "right") else "center",
        "yanchor": spot.side if spot.side in ("top", "bottom") else "middle",
        "bgcolor": "rgba(255, 255, 255, 0.6)",
        "borderpad": 0,
        "arrowhead": 0,
        "arrowwidth": 0.8,
        "arrowcolor": label.color,
        "font": {"color": label.color, "size": FONT_SIZE},
    }
