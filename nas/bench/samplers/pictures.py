"""Regret curves as a static picture and as an interactive page: a panel for each table and scenario.

What is drawn is a value first (`panels`), the same for both.
"""

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from nas.bench.samplers.scores import Score
from nas.bench.samplers.tables import Floats
from nas.common.files import write_text, write_whole
from nas.figures.layout import FAINT, GRID, INK

COLOURS = {
    "front": "#0072b2",
    "front+features": "#56b4e9",
    "nsga2-20": "#d55e00",
    "nsga2": "#e69f00",
    "tpe": "#009e73",
    "gp": "#cc79a7",
    "random": "#7a7a7a",
}
ACROSS = 3
LEAST = 0.002
"""Regrets are drawn on a logarithmic axis, those below this share of the largest at the bottom."""
_FONT = "DejaVu Sans"


@dataclass(frozen=True)
class Curve:
    """Quartiles of one sampler's regret after 1, 2, ... evaluations [n], none below the panel's least."""

    sampler: str
    colour: str
    low: Floats
    middle: Floats
    high: Floats

    @property
    def evaluations(self) -> Floats:
        """1 ... n."""
        return np.arange(1.0, len(self.middle) + 1)


@dataclass(frozen=True)
class CurvePanel:
    """One table in one scenario."""

    title: str
    unit: str
    least: float
    curves: tuple[Curve, ...]


def panels(found: list[Score]) -> list[CurvePanel]:
    """What is drawn, in the order of the tables and scenarios."""
    drawn = []
    for (title, unit), group in groupby(found, lambda s: (f"{s.table.name}, {s.scenario.name}", s.unit)):
        quartiles = [(s.sampler, s.quartiles()) for s in group]
        least = max(LEAST * max(float(q.max()) for _, q in quartiles), 1e-9)
        curves = tuple(
            Curve(name, COLOURS[name], *np.maximum(q, least)) for name, q in reversed(quartiles)
        )  # the first is drawn last, on top
        drawn.append(CurvePanel(title, unit, least, curves))
    return drawn


def write_png(found: list[Score], path: Path) -> None:
    """A picture, whole or not at all. Raises OSError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = panels(found)
    down = -(-len(drawn) // ACROSS)
    width = max(4.4 * min(ACROSS, len(drawn)), 8.0)  # the key needs as much
    figure = Figure(figsize=(width, 3.1 * down + 0.7), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    grid = list(figure.subplots(down, min(ACROSS, len(drawn)), squeeze=False).flat)
    lines = {}
    text = {"fontsize": 8, "family": _FONT, "color": INK}
    for axes, panel in zip(grid, drawn, strict=False):
        for order, curve in enumerate(panel.curves, start=2):
            x, color = curve.evaluations, curve.colour
            axes.fill_between(x, curve.low, curve.high, color=color, alpha=0.18, lw=0, zorder=order)
            (lines[curve.sampler],) = axes.plot(x, curve.middle, color=color, lw=1.6, zorder=order)
        axes.set_yscale("log")
        axes.set_ylim(bottom=panel.least)
        axes.set_title(panel.title, **text | {"fontsize": 9})
        axes.set_ylabel(f"regret, {panel.unit}", **text)
        axes.set_xlabel("evaluations", **text)
        axes.tick_params(labelsize=8, colors=FAINT)
        axes.grid(color=GRID, lw=0.7)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[len(drawn) :]:
        axes.remove()
    names = [name for name in COLOURS if name in lines]
    figure.legend(
        [lines[name] for name in names], names, loc="outside upper center", ncols=len(names), frameon=False
    )
    write_whole(path, lambda temporary: figure.savefig(temporary, format="png"))


def write_html(found: list[Score], path: Path) -> None:
    """A page that fetches nothing, whole or not at all. Raises OSError."""
    from plotly.graph_objects import Figure
    from plotly.subplots import make_subplots

    drawn = panels(found)
    down = -(-len(drawn) // ACROSS)
    figure: Figure = make_subplots(
        down, ACROSS, subplot_titles=[p.title for p in drawn], vertical_spacing=0.35 / max(down, 2)
    )
    named: set[str] = set()
    for number, panel in enumerate(drawn):
        cell = {"row": number // ACROSS + 1, "col": number % ACROSS + 1}
        for curve in panel.curves:
            x, common = (
                curve.evaluations,
                {"legendgroup": curve.sampler, "name": curve.sampler, "mode": "lines"},
            )
            band = {"fill": "toself", "fillcolor": curve.colour, "opacity": 0.18, "hoverinfo": "skip"}
            around = {"x": np.concatenate([x, x[::-1]]), "y": np.concatenate([curve.high, curve.low[::-1]])}
            figure.add_scatter(**around, **band, **common, line={"width": 0}, showlegend=False, **cell)
            line = {"x": x, "y": curve.middle, "line": {"color": curve.colour, "width": 2}}
            figure.add_scatter(**line, **common, showlegend=curve.sampler not in named, **cell)
            named.add(curve.sampler)
        figure.update_yaxes(type="log", title=f"regret, {panel.unit}", exponentformat="power", **cell)
        figure.update_xaxes(title="evaluations", **cell)
    figure.update_layout(
        height=330 * down + 120,
        template="plotly_white",
        title="Regret: median over seeds, and quartiles",
        legend={"orientation": "h", "y": 1.0 + 40.0 / (330 * down), "yanchor": "bottom"},
        margin={"t": 130},
    )
    write_text(path, figure.to_html(include_plotlyjs=True, config={"displaylogo": False}))
