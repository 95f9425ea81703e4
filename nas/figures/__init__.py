"""The picture of a search run: what happened, what is drawn, and two ways to draw it.

    info = FrontInfo(data="CIFAR-10", fidelity="3 epochs at 32x32", ...)
    write_html(info, path)      an interactive page that needs no network (plotly)
    write_png(info, path)       a static picture, made without a browser (matplotlib)

Both draw the same `Drawing`, a plain value computed from the `FrontInfo` alone.
"""

from nas.figures.drawing import Drawing, drawing
from nas.figures.info import FrontInfo
from nas.figures.write import write_html, write_png

__all__ = [
    "Drawing",
    "FrontInfo",
    "drawing",
    "write_html",
    "write_png",
]
