"""What a mark looks like, as a small SVG beside its name."""

from dataclasses import dataclass

from nas.figures.drawing import Panel, Style
from nas.figures.palette import PAPER, variable

_SHAPES = {
    "circle": "<circle r='{r}'/>",
    "square": "<rect x='-{r}' y='-{r}' width='{d}' height='{d}'/>",
    "diamond": "<path d='M0 -{r} L{r} 0 L0 {r} L-{r} 0 Z'/>",
    "triangle-up": "<path d='M0 -{r} L{r} {r} L-{r} {r} Z'/>",
    "triangle-down": "<path d='M0 {r} L{r} -{r} L-{r} -{r} Z'/>",
    "star": "<path d='M0 -6 L1.5 -2 L6 -2 L2.4 .8 L3.7 5 L0 2.5 L-3.7 5 L-2.4 .8 L-6 -2 L-1.5 -2 Z'/>",
}
_CROSS = "<path d='M-4 -4 L4 4 M-4 4 L4 -4' stroke='{color}' stroke-width='2.4'/>"


def mark(style: Style) -> str:
    """The mark of a series: its line, its marker or both."""
    color = variable(style.color)
    line = f"<path d='M-12 0 H12' stroke='{color}' stroke-width='{style.line}'/>" if style.line else ""
    if style.filled:
        return f"<rect x='-12' y='-5' width='24' height='10' fill='{color}' opacity='{style.opacity}'/>"
    if not style.marker:
        return line
    if style.marker == "cross":
        return line + _CROSS.format(color=color)
    fill = variable(PAPER) if style.hollow else color
    radius = min(style.size / 2, 6)
    shape = _SHAPES[style.marker].format(r=radius, d=2 * radius)
    return f"{line}<g fill='{fill}' stroke='{color}' stroke-width='1.3'>{shape}</g>"


@dataclass(frozen=True)
class Entry:
    """A name and its mark. always: else only where the diagram is too narrow for labels that say the names."""

    name: str
    mark: str
    always: bool


def legend(panel: Panel) -> list[Entry]:
    """The series of a panel, once each: those of the legend, and those that labels name."""
    labelled = {label.text for label in panel.labels}
    styles: dict[str, tuple[Style, bool]] = {}
    for series in panel.series:
        if series.in_legend or series.name in labelled:
            styles.setdefault(series.name, (series.style, series.in_legend))
    return [Entry(name, mark(style), always) for name, (style, always) in styles.items()]
