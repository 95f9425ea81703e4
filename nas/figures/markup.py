"""HTML by hand: escaped text, tables, and whole documents that fetch nothing."""

import html
from collections.abc import Collection, Sequence
from functools import partial
from textwrap import wrap

from nas.figures.layout import FONT, GRID, INK, MARGIN, PANEL_SIZE, WIDTH

# Plotly shows a few HTML entities as they are written, `&quot;` among them.
escape = partial(html.escape, quote=False)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ margin: 0 auto; max-width: 1400px; min-width: {width}px; font: 14px {font}; color: {ink}; }}
section {{ margin: 0 {margin}px 40px; }}
h2 {{ font-size: {heading_size}px; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: 5px 18px 5px 0; border-bottom: 1px solid {grid}; text-align: right; vertical-align: top; }}
th:last-child, td:last-child {{ text-align: left; padding-right: 0; }}
code {{ font-size: 12px; overflow-wrap: anywhere; }}
</style>
{script}</head>
<body>
{body}
</body>
</html>
"""


def whole(title: str, body: str, script: str = "") -> str:
    """A document; its title is plain text, its body HTML, the script what the body needs."""
    return _PAGE.format(
        title=escape(title),
        script=f"<script>{script}</script>\n" if script else "",
        body=body,
        width=WIDTH,
        font=FONT,
        ink=INK,
        grid=GRID,
        margin=MARGIN,
        heading_size=PANEL_SIZE,
    )


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    left: Collection[str] = (),
    code: Collection[str] = (),
) -> str:
    """A table of plain texts.

    The columns that `left` names, and the last one, are aligned to the left; those of `code` are set as code.
    """
    sides = [' style="text-align: left"' if name in left else "" for name in head]

    def line(tag: str, cells: Sequence[str]) -> str:
        marked = zip(cells, sides, strict=True)
        return "<tr>" + "".join(f"<{tag}{side}>{cell}</{tag}>" for cell, side in marked) + "</tr>"

    lines = [line("th", list(map(escape, head)))]
    for row in rows:
        named = zip(head, map(escape, row), strict=True)
        lines.append(line("td", [f"<code>{cell}</code>" if name in code else cell for name, cell in named]))
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def wrapped(text: str, width: int = 64, most: int = 24) -> list[str]:
    """A long text as lines of HTML."""
    lines = [escape(line) for line in wrap(text, width, break_on_hyphens=False)]
    return lines if len(lines) <= most else [*lines[:most], "…"]
