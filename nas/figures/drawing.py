"""What a diagram shows, as plain values that know nothing of a drawing library, and the texts in it.

Coordinates are in the figures that the axes show.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from textwrap import shorten as shorten_words

import pandas as pd

from nas.common.quantities import LATENCY, MACS, PARAMS, Quantity
from nas.figures.axes import Axis


@dataclass(frozen=True)
class Style:
    """How a series looks."""

    color: str
    marker: str = ""  # circle, square, diamond, triangle-up, triangle-down, cross or star; "" for no marker
    size: float = 0.0  # of the marker, in pixels
    line: float = 0.0  # width in pixels; 0 for no line
    hollow: bool = False
    opacity: float = 1.0
    filled: bool = False  # the area that the points enclose


@dataclass(frozen=True)
class Series:
    """Points that look alike. `hover` is HTML with what a user named escaped, and empty for a bare line.

    keys: names of what the points stand for, by which a page tells more of them. shades: a number a point, by which
    they are coloured, and `shaded` what these numbers are.
    """

    name: str
    style: Style
    x: tuple[float, ...]
    y: tuple[float, ...]
    hover: tuple[str, ...] = ()
    in_legend: bool = False
    keys: tuple[str, ...] = ()
    shades: tuple[float, ...] = ()
    shaded: str = ""


@dataclass(frozen=True)
class Label:
    """A text for the point (x, y). Plain text, not HTML."""

    text: str
    x: float
    y: float
    color: str


@dataclass(frozen=True)
class Arrow:
    """From one point to another."""

    start: tuple[float, float]
    end: tuple[float, float]
    color: str


@dataclass(frozen=True)
class Panel:
    """One of the diagrams of a figure."""

    title: str
    x_axis: Axis
    y_axis: Axis
    series: tuple[Series, ...]
    labels: tuple[Label, ...]
    mark: tuple[float, str] | None = None  # where a vertical line stands, and its text
    notice: str = ""  # what a panel without points says
    arrows: tuple[Arrow, ...] = ()
    names_beside: bool = False  # the panel at its left in a sheet says the names of its rows


def in_sheet(panel: Panel) -> Panel:
    """As it stands in a sheet, where the panel at its left may say the names of its rows."""
    return replace(panel, y_axis=panel.y_axis.unnamed()) if panel.names_beside else panel


def scatter(
    name: str,
    style: Style,
    x: Iterable[float],
    y: Iterable[float],
    hover: Iterable[str] = (),
    in_legend: bool = True,
    keys: Iterable[str] = (),
) -> Series:
    """A series of any two columns of numbers."""
    return Series(
        name, style, tuple(map(float, x)), tuple(map(float, y)), tuple(hover), in_legend, tuple(keys)
    )


def costs_beside(objective: Quantity) -> tuple[Quantity, ...]:
    """The costs that are told of a network: `objective`, and those that are always told."""
    return tuple({cost.column: cost for cost in (MACS, PARAMS, LATENCY, objective)}.values())


def cost_lines(row: pd.Series, objective: Quantity = MACS) -> list[str]:
    """The costs that are known of a row, a line each: `multiply-adds 56.5 M`."""
    known = [cost for cost in costs_beside(objective) if pd.notna(row.get(cost.column))]
    return [f"{cost.phrase} {cost.show(float(row[cost.column]))}" for cost in known]


def shorten(text: str, width: int = 48) -> str:
    """`text` on one line of at most `width` characters."""
    line = shorten_words(text, width, placeholder=" …")
    return line if len(line) > 2 or line == text else f"{' '.join(text.split())[: width - 1]}…"
