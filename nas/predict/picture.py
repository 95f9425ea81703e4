"""The picture of a confusion matrix: what images of each class were taken for."""

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from nas.common.files import write_whole
from nas.figures.drawing import shorten
from nas.predict.scores import Scores

NAMED = 40
"""Classes up to which each is named, and each cell has its number."""
_CELL, _LEAST, _MANY, _EDGE = 0.42, 3.2, 8.0, 2.2  # inches
_STYLE = {"font.family": "DejaVu Sans", "text.parse_math": False, "font.size": 8}


def draw_confusion(scores: Scores, data: str, path: Path) -> None:
    """Draw the matrix into a PNG, whole or not at all: a row a class, coloured by share of the row. Raises OSError."""
    table, names = scores.confusion, [shorten(one.name, 18) for one in scores.classes]
    count = len(names)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    side = max(_LEAST, _CELL * count) if count <= NAMED else _MANY
    with rc_context(_STYLE):  # type: ignore[arg-type]  # of matplotlib's own names
        figure = Figure(figsize=(side + _EDGE, side + _EDGE), dpi=200, layout="constrained")
        axes = figure.add_subplot()
        drawn = axes.imshow(100 * shares, cmap="Blues", norm=PowerNorm(0.5, 0, 100))  # few confusions show
        axes.set_xlabel("taken for")
        axes.set_ylabel("is")
        told = f"{scores.accuracy:.2%} of {table.sum():,} images named rightly"
        axes.set_title(f"{shorten(data, 40)}\n{told}", fontsize=10)
        if count <= NAMED:
            axes.set_xticks(range(count), names, rotation=60, ha="right", rotation_mode="anchor")
            axes.set_yticks(range(count), names)
            for row, column in zip(*np.nonzero(table), strict=True):
                color = "white" if shares[row, column] > 0.3 else "black"
                axes.text(
                    column, row, f"{table[row, column]:,}", ha="center", va="center", color=color, fontsize=7
                )
        axes.tick_params(length=0)
        figure.colorbar(drawn, ax=axes, shrink=0.8, label="share of the class's images (%)")
        write_whole(path, lambda temporary: figure.savefig(temporary, format="png"))
