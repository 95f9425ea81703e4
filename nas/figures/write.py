"""Writes a figure to a file, whole or not at all."""

from pathlib import Path

from nas.common.files import write_whole
from nas.figures.drawing import drawing
from nas.figures.info import FrontInfo
from nas.figures.layout import sheet


def write_html(info: FrontInfo, path: str | Path) -> None:
    """A standalone page: the interactive figure, with plotly.js inside, and the front as a table.

    Replaces `path` only when the whole page is written; its folder must exist. Raises OSError.
    """
    from nas.figures.page import page  # plotly takes half a second to import: only who draws pays

    text = page(info, drawing(info))
    write_whole(Path(path), lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_png(info: FrontInfo, path: str | Path) -> None:
    """A static picture of 2400 x 1300 pixels, to be shown at half of that. Written as by `write_html`."""
    from nas.figures.picture import save_png

    write_whole(Path(path), lambda temporary: save_png(sheet(drawing(info)), temporary))
