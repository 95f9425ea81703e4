"""The picture of a training: validation accuracy and training loss by epoch."""

from collections.abc import Sequence

import numpy as np

from nas.figures.axes import Axis
from nas.figures.drawing import Label, Panel, Style, scatter, shorten
from nas.figures.layout import LEFT, RIGHT, Sheet
from nas.train.outcome import Progress

_LINE = Style("#0072b2", "circle", 4, line=1.6)
_KEPT = Style("#d55e00", "star", 12)


def curve_sheet(
    curve: Sequence[Progress], metric: str, *, network: str, data: str, epochs: float, best: bool
) -> Sheet:
    """The reports of a training; the weights that it ended with are marked. best: whether these are the best."""
    at = [epochs * one.share for one in curve]
    accuracy = [100 * one.accuracy for one in curve]
    kept = max(range(len(curve)), key=lambda n: (accuracy[n], n)) if best else len(curve) - 1
    across = Axis("epochs", 0.0, 1.04 * at[-1])
    low = max(0.0, float(np.min(accuracy)) - 5)
    left = Panel(
        title=f"Validation {metric}",
        x_axis=across,
        y_axis=Axis("%", low, min(104.0, 1.04 * max(accuracy) + 2)),
        series=(
            scatter("a report", _LINE, at, accuracy, in_legend=False),
            scatter("the weights that are kept", _KEPT, [at[kept]], [accuracy[kept]]),
        ),
        labels=(Label(f"{accuracy[kept]:.2f} %", at[kept], accuracy[kept], _KEPT.color),),
    )
    right = Panel(
        title="Training loss",
        x_axis=across,
        y_axis=Axis("cross-entropy, label smoothing included", 0.0, 1.1 * max(one.loss for one in curve)),
        series=(scatter("a report", _LINE, at, [one.loss for one in curve], in_legend=False),),
        labels=(),
    )
    return Sheet(
        title=f"{curve[-1].seconds / 60:.0f} minutes of training on {shorten(data)}",
        subtitle=(shorten(network, 150), "Loss is the mean over the last tenth of the schedule's steps."),
        panels=((left, LEFT), (right, RIGHT)),
    )
