"""The interactive page: a `Drawing` made by plotly, its script inside, and the front as a table."""

import math

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from nas.figures.drawing import Drawing, Panel, Series, escape
from nas.figures.info import FrontInfo, costs_beside, tick
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

_FONT = "Verdana, DejaVu Sans, sans-serif"
_MARKERS = {"cross": "x"}  # where plotly's name is another

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ margin: 0 auto; max-width: 1400px; min-width: {width}px; font: 14px {font}; color: {ink}; }}
section {{ margin: 0 {margin}px 40px; }}
h2 {{ font-size: {heading}px; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: 5px 18px 5px 0; border-bottom: 1px solid {grid}; text-align: right; vertical-align: top; }}
th:last-child, td:last-child {{ text-align: left; padding-right: 0; }}
code {{ font-size: 12px; overflow-wrap: anywhere; }}
</style>
<script>{script}</script>
</head>
<body>
{figure}
<section>
<h2>{section}</h2>
{table}
</section>
</body>
</html>
"""


def page(info: FrontInfo, drawing: Drawing) -> str:
    """A whole HTML document that fetches nothing: the figure, and the front as a table."""
    return document(drawing.title, interactive(drawing), "The front", _table(info))


def document(title: str, figure: go.Figure, section: str, table: str) -> str:
    """A whole HTML document that fetches nothing: a figure and, under a heading, some HTML."""
    drawn = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        config={"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["select2d", "lasso2d"]},
    )
    return _PAGE.format(
        title=escape(title),
        script=get_plotlyjs(),
        figure=drawn,
        section=section,
        table=table,
        width=WIDTH,
        font=_FONT,
        ink=INK,
        grid=GRID,
        margin=MARGIN,
        heading=PANEL_SIZE,
    )


def interactive(drawing: Drawing) -> go.Figure:
    """The plotly figure."""
    figure = go.Figure(layout=_layout(drawing))
    for panel, frame, axis in ((drawing.run, RUN, ""), (drawing.published, PUBLISHED, "2")):
        figure.update_layout(_axes(panel, frame, axis))
        if panel.budget:
            figure.add_trace(_budget_line(panel, axis))
        figure.add_traces([_trace(series, axis) for series in panel.series])
        _annotate(figure, panel, frame, axis)
    return figure


def _layout(drawing: Drawing) -> go.Layout:
    subtitle = "".join(
        f'<br><span style="font-size:{SUBTITLE_SIZE}px;color:{FAINT}">{escape(line)}</span>'
        for line in drawing.subtitle
    )
    return go.Layout(
        title={
            "text": f"<b>{escape(drawing.title)}</b>{subtitle}",
            "font": {"size": TITLE_SIZE},
            "x": MARGIN / WIDTH,
            "y": 1 - MARGIN / HEIGHT,
            "yanchor": "top",
        },
        font={"family": _FONT, "color": INK, "size": TICK_SIZE},
        height=HEIGHT,
        margin={
            "l": RUN.left,
            "r": WIDTH - PUBLISHED.right,
            "t": RUN.top,
            "b": HEIGHT - RUN.bottom,
            "autoexpand": False,
        },
        plot_bgcolor="white",
        hoverlabel={"align": "left", "bgcolor": "white", "font": {"size": FONT_SIZE}},
        hovermode="closest",
        legend={"orientation": "h", "x": 0, "y": -0.15, "yanchor": "top"},
    )


def _axes(panel: Panel, frame: Frame, axis: str) -> dict[str, object]:
    across = PUBLISHED.right - RUN.left
    line = {"gridcolor": GRID, "linecolor": FAINT, "zeroline": False, "ticks": "outside", "tickcolor": FAINT}
    x, y = panel.x_axis, panel.y_axis
    return {
        f"xaxis{axis}": {
            **line,
            "domain": [(frame.left - RUN.left) / across, (frame.right - RUN.left) / across],
            "anchor": f"y{axis}",
            "title": {"text": escape(x.title), "font": {"size": AXIS_SIZE}, "standoff": 10},
            "type": "log",
            "range": [math.log10(x.low), math.log10(x.high)],
            "tickvals": x.ticks,
            "ticktext": [tick(value) for value in x.ticks],
        },
        f"yaxis{axis}": {
            **line,
            "anchor": f"x{axis}",
            "title": {"text": escape(y.title), "font": {"size": AXIS_SIZE}, "standoff": 10},
            "range": [y.low, y.high],
        },
    }


def _trace(series: Series, axis: str) -> go.Scatter:
    style = series.style
    symbol = _MARKERS.get(style.marker, style.marker)
    return go.Scatter(
        x=series.x,
        y=series.y,
        xaxis=f"x{axis}",
        yaxis=f"y{axis}",
        name=series.name,
        mode="+".join(part for part, used in (("lines", style.line), ("markers", style.marker)) if used),
        line={"color": style.color, "width": style.line or None},
        marker={
            "color": "white" if style.hollow else style.color,
            "symbol": symbol or None,
            "size": style.size,
            "line": {
                "color": style.color if style.hollow else "white",
                "width": 1.3 if style.hollow else 0.8,
            },
        },
        opacity=style.opacity,
        hovertext=series.hover,
        hoverinfo="text" if series.hover else "skip",
        showlegend=series.in_legend,
    )


def _budget_line(panel: Panel, axis: str) -> go.Scatter:
    # A trace and not a shape: shapes below the points are below the grid too, which then covers the line.
    x = panel.budget[0] if panel.budget else math.nan
    return go.Scatter(
        x=[x, x],
        y=[panel.y_axis.low, panel.y_axis.high],
        xaxis=f"x{axis}",
        yaxis=f"y{axis}",
        mode="lines",
        line={"color": FAINT, "width": 1.3, "dash": "4px,3px"},
        hoverinfo="skip",
        showlegend=False,
    )


def _annotate(figure: go.Figure, panel: Panel, frame: Frame, axis: str) -> None:
    """What is written into the panel: its title, its labels, the budget, or why it is empty."""
    here = {"xref": f"x{axis}", "yref": f"y{axis}"}
    corner = {"xref": f"x{axis} domain", "yref": f"y{axis} domain", "showarrow": False}
    figure.add_annotation(
        text=f"<b>{escape(panel.title)}</b>",
        x=0,
        y=1,
        yshift=16,
        yanchor="bottom",
        xanchor="left",
        font={"size": PANEL_SIZE},
        **corner,
    )
    if panel.notice:
        figure.add_annotation(text=escape(panel.notice), x=0.5, y=0.5, font={"color": FAINT}, **corner)
    if panel.budget:
        x, text = panel.budget
        figure.add_annotation(
            text=escape(text),
            x=math.log10(x),
            y=1,
            yanchor="bottom",
            xref=f"x{axis}",
            yref=f"y{axis} domain",
            showarrow=False,
            font={"color": FAINT},
        )
    for label, spot in zip(panel.labels, label_spots(panel, frame), strict=True):
        figure.add_annotation(
            text=escape(label.text),
            x=math.log10(label.x),
            y=label.y,
            ax=spot.dx,
            ay=-spot.dy,
            standoff=5,
            startstandoff=2,
            xanchor=spot.side if spot.side in ("left", "right") else "center",
            yanchor=spot.side if spot.side in ("top", "bottom") else "middle",
            bgcolor="rgba(255, 255, 255, 0.6)",
            borderpad=0,
            arrowhead=0,
            arrowwidth=0.8,
            arrowcolor=label.color,
            font={"color": label.color, "size": FONT_SIZE},
            **here,
        )


def _table(info: FrontInfo) -> str:
    """The front's points by falling accuracy."""
    if info.front.empty:
        return "<p>No trial is on the front yet.</p>"
    rows = info.front.sort_values("accuracy", ascending=False)
    costs = [o for o in costs_beside(info.objective) if o.column in rows and rows[o.column].notna().any()]
    head = ["trial", "validation accuracy (%)", *(f"{o.name} ({o.unit})" for o in costs), "arch"]
    lines = [_row("th", head)]
    for _, row in rows.iterrows():
        shown = [
            o.show(float(row[o.column])).removesuffix(f" {o.unit}") if pd.notna(row[o.column]) else ""
            for o in costs
        ]
        cells = [str(row["trial"]), f"{100 * row['accuracy']:.2f}", *shown]
        lines.append(_row("td", [*map(escape, cells), f"<code>{escape(str(row['arch']))}</code>"]))
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def _row(tag: str, cells: list[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"
