"""The interactive page: sheets drawn by plotly, its script inside, and a table below them."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from nas.figures import layout
from nas.figures.axes import Axis
from nas.figures.drawing import Label, Panel, Series
from nas.figures.labels import FONT_SIZE, Spot
from nas.figures.layout import Frame, Sheet, label_spots
from nas.figures.markup import escape, whole

_CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["select2d", "lasso2d"]}


def document(sheets: Sequence[Sheet], heading: str = "", body: str = "") -> str:
    """An HTML document that fetches nothing: the sheets, and below them `body`, which is HTML, under a heading."""
    figures = [
        interactive(sheet).to_html(full_html=False, include_plotlyjs=False, config=_CONFIG)
        for sheet in sheets
    ]
    below = [f"<section>\n<h2>{escape(heading)}</h2>\n{body}\n</section>"] if heading else []
    return whole(sheets[0].title, "\n".join([*figures, *below]), get_plotlyjs())


def interactive(sheet: Sheet) -> go.Figure:
    """The plotly figure."""
    frames = [frame for _, frame in sheet.panels]
    around = Frame(
        left=min(frame.left for frame in frames),
        right=max(frame.right for frame in frames),
        top=min(frame.top for frame in frames),
        bottom=max(frame.bottom for frame in frames),
    )
    figure = go.Figure(layout=_layout(sheet, around))
    named: set[str] = set()
    for number, (panel, frame) in enumerate(sheet.panels, start=1):
        axis = "" if number == 1 else str(number)
        figure.update_layout(_axes(panel, frame, axis, around))
        if panel.mark:
            figure.add_trace(_mark(panel.mark[0], panel.y_axis, axis))
        banded = {series.name for series in panel.series if series.style.filled}
        for series in panel.series:
            trace = _trace(series, axis, series.in_legend and series.name not in named)
            figure.add_trace(trace.update(legendgroup=series.name if series.name in banded else None))
            named |= {series.name} if series.in_legend else set()
        _annotate(figure, panel, frame, axis)
    return figure


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
        plot_bgcolor="white",
        hoverlabel={"align": "left", "bgcolor": "white", "font": {"size": FONT_SIZE}},
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
            "ticktext": list(map(escape, side.tick_texts)) or None,
        }
    return made


def _on(side: Axis, value: float) -> float:
    """A value as plotly wants it in ranges and annotations: on a logarithmic axis, its logarithm."""
    return math.log10(value) if side.log else value


def _trace(series: Series, axis: str, in_legend: bool) -> go.Scatter:
    style = series.style
    edge, width = (style.color, 1.3) if style.hollow else ("white", 0.8)
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
            "color": "white" if style.hollow else style.color,
            "symbol": "x" if style.marker == "cross" else style.marker or None,
            "size": style.size,
            "line": {"color": edge, "width": width},
        },
        opacity=style.opacity,
        hovertext=series.hover,
        hoverinfo="text" if series.hover else "skip",
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


def _annotate(figure: go.Figure, panel: Panel, frame: Frame, axis: str) -> None:
    """What is written into the panel: its title, why it is empty, the mark, its arrows and its labels."""
    x, y = f"x{axis}", f"y{axis}"

    def at(x: float, y: float) -> tuple[float, float]:
        return _on(panel.x_axis, x), _on(panel.y_axis, y)

    corner = {"xref": f"{x} domain", "yref": f"{y} domain", "showarrow": False}
    bold, size = f"<b>{escape(panel.title)}</b>", {"size": layout.PANEL_SIZE}
    figure.add_annotation(
        text=bold, x=0, y=1, yshift=16, xanchor="left", yanchor="bottom", font=size, **corner
    )
    faint = {"font": {"color": layout.FAINT}, **corner}
    if panel.notice:
        figure.add_annotation(text=escape(panel.notice), x=0.5, y=0.5, **faint)
    if panel.mark:
        where, text = panel.mark
        figure.add_annotation(
            text=escape(text), x=_on(panel.x_axis, where), y=1, yanchor="bottom", **{**faint, "xref": x}
        )
    for arrow in panel.arrows:
        (x0, y0), (x1, y1) = (at(*point) for point in (arrow.start, arrow.end))
        tail = {"ax": x0, "ay": y0, "axref": x, "ayref": y}
        head = {"arrowhead": 2, "arrowwidth": 1.4, "arrowcolor": arrow.color}
        figure.add_annotation(
            text="", x=x1, y=y1, xref=x, yref=y, standoff=6, startstandoff=6, **tail, **head
        )
    for label, spot in zip(panel.labels, label_spots(panel, frame), strict=True):
        figure.add_annotation(_label(label, spot, *at(label.x, label.y)), xref=x, yref=y)


def _label(label: Label, spot: Spot, x: float, y: float) -> dict[str, object]:
    """A label with its leader, from the point (x, y)."""
    return {
        "text": escape(label.text),
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
