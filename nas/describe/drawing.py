"""A network as a drawing: SVG of our own, and a page with the drawing and the table.

Each layer is a shape from its input's width over its inner width to its output's, so that an inverted
residual bulges and a SandGlass has a waist, with the kernel written on it; below stand the widths, the
activation, the groups and a bar for its multiply-adds. Stages, the runs of layers at one resolution, are
bands. Heights go by the root of the channels.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from nas.common.quantities import MACS, PARAMS
from nas.common.sizes import area, told
from nas.describe.layers import Description, Layer
from nas.figures.markup import escape, whole

COLORS = {
    "conv": "#4a6fa5",
    "ir": "#0072b2",
    "sg": "#b35900",
    "gs": "#2e7d32",
    "ss": "#8e4585",
    "ds": "#7d5a3c",
    "rb": "#b03a48",
    "inc": "#2b7a78",
    "xc": "#7a6a00",
    "bz": "#5f5f5f",
    "fully connected": "#3b4f8f",
}
"""Of what a layer is: a block by its token, another by its operator. Dark enough for white figures on them."""
_OTHERS = ("#8a4f00", "#00695c", "#6a3d9a", "#a0295f", "#3e6b1f")
_GREY = "#b9b9b9"  # for what has no parameters
_BANDS = ("#f3f5f8", "#e6eaf0")
_LEFT, _RIGHT = 74, 20  # margins; the left one holds the names of the rows
_TALLEST = 84  # half the height of the widest map
_TOP = 96  # where the shapes begin: below title, legend and the stages' names
_LINE = 15  # between rows of text
_BARS = 60
_FONT = "font-family='Helvetica, Arial, sans-serif'"


@dataclass(frozen=True)
class Column:
    """Where a layer stands: its left edge and width in pixels, and half heights of its three widths."""

    layer: Layer
    x: float
    width: float
    heights: tuple[float, float, float]

    @property
    def middle(self) -> float:
        """Of the column."""
        return self.x + self.width / 2


def columns(layers: Sequence[Layer]) -> list[Column]:
    """The layout. Columns are narrower where there are many layers, but never too narrow for a number."""
    width = max(30.0, min(46.0, 1150 / len(layers)))
    widest = max(max(layer.channels, layer.expansion or 0, layer.out) for layer in layers)

    def half(channels: int) -> float:
        return max(2.0, _TALLEST * math.sqrt(channels / widest))

    placed = []
    for index, layer in enumerate(layers):
        before, after = half(layer.channels), half(layer.out)
        inner = half(layer.expansion) if layer.expansion else (before + after) / 2
        placed.append(Column(layer, _LEFT + index * width, width, (before, inner, after)))
    return placed


def svg(description: Description, name: str | None = None) -> str:
    """The drawing of a described network, with the name given to it, as an SVG document."""
    placed, total, size = columns(description.layers), description.total, told(description.resolution)
    kinds = {_kind(layer): _named(layer) for layer in description.layers if layer.params}
    unnamed = [kind for kind, name in kinds.items() if name not in COLORS]
    colors = {
        kind: COLORS[name] if name in COLORS else _OTHERS[unnamed.index(kind) % len(_OTHERS)]
        for kind, name in kinds.items()
    }
    legend, legend_width = _legend(colors, any(layer.squeeze_excite for layer in description.layers))
    title = (
        f"{name or 'arch'} at {size}: {total.macs / MACS.scale:.1f} {MACS.heading}, "
        f"{total.params / PARAMS.scale:.2f} {PARAMS.heading}, {description.classes} classes"
    )
    right = placed[-1].x + placed[-1].width + _RIGHT
    wide = max(right, legend_width, _LEFT + 7.2 * len(title))
    axis = _TOP + _TALLEST
    text_top = axis + _TALLEST + 20
    rows = {name: texts for name, texts in _rows(description.layers).items() if any(texts)}
    bottom = text_top + _LINE * len(rows) + 4 + _BARS
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{wide:.0f}' height='{bottom + 34:.0f}' "
        f"viewBox='0 0 {wide:.0f} {bottom + 34:.0f}' {_FONT} font-size='11'>",
        f"<title>{escape(description.model)}</title>",
        "<rect width='100%' height='100%' fill='white'/>",
        _text(14, 24, title, size=14, anchor="start", weight="bold"),
        *legend,
        *_stages(placed, bottom),
        *(_text(_LEFT - 8, text_top + i * _LINE, row, anchor="end") for i, row in enumerate(rows)),
        _text(_LEFT - 8, bottom - _BARS / 2 + 4, "M mult-adds", anchor="end", size=10),
    ]
    most = max(layer.macs for layer in description.layers) or 1
    for column in placed:
        parts += _shape(column, axis, colors.get(_kind(column.layer), _GREY))
        parts += _bar(column, bottom, most)
    for number, texts in enumerate(rows.values()):
        y = text_top + number * _LINE
        parts += [_text(c.middle, y, text, size=10) for c, text in zip(placed, texts, strict=True) if text]
    return "\n".join([*parts, "</svg>\n"])


def _kind(layer: Layer) -> str:
    """An operator without its kernel: what has one colour."""
    return " ".join(word for word in layer.operator.split() if "x" not in word or not word[0].isdigit())


def _named(layer: Layer) -> str:
    """What it has its colour by."""
    token = re.match(r"[a-z]+", layer.text)
    return token[0] if token and token[0] in COLORS else _kind(layer)


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 11,
    anchor: str = "middle",
    weight: str = "normal",
    color: str = "#222",
) -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-size='{size}' font-weight='{weight}' "
        f"fill='{color}'>{escape(text)}</text>"
    )


def _legend(colors: dict[str, str], squeeze: bool) -> tuple[list[str], float]:
    """The legend's elements and where they end."""
    parts, x = [], 14.0
    for kind, color in colors.items():
        parts.append(f"<rect x='{x:.1f}' y='39' width='12' height='12' rx='2' fill='{color}'/>")
        parts.append(_text(x + 17, 49, kind, anchor="start"))
        x += 34 + 6.2 * len(kind)
    parts.append(_text(x + 2, 49, "5", anchor="start", weight="bold"))
    parts.append(_text(x + 13, 49, "kernel", anchor="start"))
    x += 66
    if squeeze:
        parts.append(f"<circle cx='{x + 6:.1f}' cy='45' r='4' fill='#222'/>")
        parts.append(_text(x + 17, 49, "squeeze-excite", anchor="start"))
        x += 34 + 6.2 * len("squeeze-excite")
    return parts, x


def _stages(placed: Sequence[Column], bottom: float) -> list[str]:
    """A band behind each run of layers of one output resolution, with that resolution above it."""
    parts = []
    for index, (stage, run) in enumerate(groupby(placed, lambda column: column.layer.stage)):
        members = list(run)
        start, end = members[0].x, members[-1].x + members[-1].width
        size = max((column.layer.out_size for column in members), key=area)
        parts.append(
            f"<rect x='{start:.1f}' y='62' width='{end - start:.1f}' height='{bottom - 62:.1f}' "
            f"fill='{_BANDS[index % 2]}' data-stage='{stage}'/>"
        )
        label = told(size)
        if isinstance(size, int) and size >= 10 and end - start <= 52:
            label = f"{size}²"
        parts.append(_text((start + end) / 2, 77, label, weight="bold"))
    return parts


def _shape(column: Column, axis: float, color: str) -> list[str]:
    """The layer's outline with its tooltip, and a dot above it for squeeze-excite."""
    left, middle, right = column.heights
    x, centre, end = column.x + 3, column.middle, column.x + column.width - 3
    upper = [(x, axis - left), (centre, axis - middle), (end, axis - right)]
    lower = [(end, axis + right), (centre, axis + middle), (x, axis + left)]
    points = " ".join(f"{px:.1f},{py:.1f}" for px, py in upper + lower)
    layer = column.layer
    before, after = layer.size, layer.out_size
    hint = (
        f"{layer.operator}, {told(before)}x{layer.channels} to {told(after)}x{layer.out}; "
        f"{MACS.cell(layer.macs)} {MACS.heading}, {layer.params:,} {PARAMS.phrase}"
    )
    hint += f"; {layer.text}" if layer.text else ""
    parts = [
        f"<polygon points='{points}' fill='{color}' stroke='white' stroke-width='0.8'>"
        f"<title>{escape(hint)}</title></polygon>"
    ]
    if layer.kernel and layer.kernel > 1:
        parts.append(_text(centre, axis + 4.5, str(layer.kernel), size=13, weight="bold", color="white"))
    if layer.squeeze_excite:
        above = axis - max(column.heights) - 8
        parts.append(f"<circle cx='{centre:.1f}' cy='{above:.1f}' r='4' fill='#222'/>")
    return parts


def _rows(layers: Sequence[Layer]) -> dict[str, list[str]]:
    """What is written below each layer, by the name of the row."""
    return {
        "inner": [str(layer.expansion or "") for layer in layers],
        "out": [str(layer.out) for layer in layers],
        "act": [layer.activation for layer in layers],
        "groups": [str(layer.groups) if layer.groups > 1 else "" for layer in layers],
    }


def _bar(column: Column, bottom: float, most: int) -> list[str]:
    """The multiply-adds as a bar with its number below."""
    layer = column.layer
    if not layer.macs:
        return []
    high = max(1.0, (_BARS - 4) * layer.macs / most)
    millions = layer.macs / MACS.scale
    number = f"{millions:.0f}" if millions >= 100 else f"{millions:.2g}" if millions >= 0.01 else ""
    return [
        f"<rect x='{column.x + 6:.1f}' y='{bottom - high:.1f}' width='{column.width - 12:.1f}' "
        f"height='{high:.1f}' fill='#666'/>",
        _text(column.middle, bottom + 13, number, size=9),
    ]


def page(description: Description, name: str | None, tables: str) -> str:
    """A document with the drawing and, below it, `tables`, which are HTML."""
    title = name or description.model
    parts = [
        f"<h1>{escape(title)}</h1>\n<p><code>{escape(description.model)}</code></p>",
        *([f"<p>{escape(description.note)}</p>"] if description.note else []),
        f'<div style="overflow-x: auto">{svg(description, name)}</div>',
        tables,
    ]
    return whole(title, "<section>\n" + "\n".join(parts) + "\n</section>")
