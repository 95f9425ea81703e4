"""Where things stand, in pixels of a figure 1200 wide, for both ways of drawing."""

from dataclasses import dataclass
from itertools import pairwise

from nas.figures.drawing import Panel
from nas.figures.labels import Point, Spot, place
from nas.figures.palette import FAINT, GRID, INK

__all__ = ["FAINT", "GRID", "INK", "Frame", "Sheet", "label_spots"]

WIDTH, HEIGHT = 1200, 650
TITLE_SIZE, SUBTITLE_SIZE, PANEL_SIZE, AXIS_SIZE, TICK_SIZE = 20, 13, 15, 13, 12
FONT = "Verdana, DejaVu Sans, sans-serif"
MARGIN = 28  # of the title, from the left and top edges


@dataclass(frozen=True)
class Frame:
    """A panel's plotting area; y from the top."""

    left: int
    right: int
    top: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.right - self.left, self.bottom - self.top


@dataclass(frozen=True)
class Sheet:
    """A whole figure: its panels and where each stands."""

    title: str
    subtitle: tuple[str, ...]
    panels: tuple[tuple[Panel, Frame], ...]
    height: int = HEIGHT


LEFT = Frame(left=72, right=612, top=150, bottom=560)
RIGHT = Frame(left=684, right=1176, top=150, bottom=560)
"""Where two panels stand side by side."""


def label_spots(panel: Panel, frame: Frame) -> list[Spot]:
    """Where each of the panel's labels stands."""
    width, height = frame.size

    def pixels(x: float, y: float) -> Point:
        return panel.x_axis.place(x) * width, panel.y_axis.place(y) * height

    obstacles = []
    for series in panel.series:
        points = [pixels(x, y) for x, y in zip(series.x, series.y, strict=True)]
        obstacles += points
        if series.style.line:
            for start, end in pairwise(points):
                obstacles += _between(start, end)
    for arrow in panel.arrows:
        obstacles += _between(pixels(*arrow.start), pixels(*arrow.end))
    if panel.mark:
        x, _ = pixels(panel.mark[0], panel.y_axis.low)
        obstacles += _between((x, 0.0), (x, height), step=20.0)
    anchors = [pixels(label.x, label.y) for label in panel.labels]
    return place([label.text for label in panel.labels], anchors, (width, height), obstacles)


def _between(start: Point, end: Point, step: float = 12.0) -> list[Point]:
    """Points on the segment, about `step` pixels apart, its ends left out."""
    (x0, y0), (x1, y1) = start, end
    count = int(max(abs(x1 - x0), abs(y1 - y0)) / step)
    return [(x0 + (x1 - x0) * i / (count + 1), y0 + (y1 - y0) * i / (count + 1)) for i in range(1, count + 1)]
