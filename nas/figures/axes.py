"""Axes: their limits and the ticks of a logarithmic one, the same for every way of drawing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

# Leading figures of ticks, from sparse to dense: the first that gives enough ticks is taken.
_LEADING = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))
_FEWEST_TICKS = 4


@dataclass(frozen=True)
class Axis:
    """Limits and ticks, in the figures that the axis shows. `ticks` is empty when the drawer may choose.

    `names` are texts that stand at the ticks instead of their figures.
    """

    title: str
    low: float
    high: float
    ticks: tuple[float, ...] = ()
    log: bool = False
    names: tuple[str, ...] = ()

    @property
    def tick_texts(self) -> tuple[str, ...]:
        """What stands at the ticks."""
        return self.names or tuple(map(tick, self.ticks))

    def unnamed(self) -> "Axis":
        """The same with nothing at its ticks."""
        return replace(self, names=("",) * len(self.ticks))

    def place(self, value: float) -> float:
        """Where `value` lies: 0 at the low end, 1 at the high end."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def tick(value: float) -> str:
    """A round number as it stands beside an axis: 0.5, 15, 300, 1000."""
    return f"{value:.6g}"


def cost_axis(title: str, values: NDArray[np.float64], room: float = 0.0) -> Axis:
    """A logarithmic axis around positive `values`, with a share `room` of it free at the right, for labels.

    Without values it goes from 10 to 1000.
    """
    low, high = (float(values.min()), float(values.max())) if len(values) else (10.0, 1000.0)
    margin = max((high / low) ** 0.06, 1.08)
    low, high = low / margin, high * margin
    high = low * (high / low) ** (1 / (1 - room))
    return Axis(title, low, high, log_ticks(low, high), log=True)


def value_axis(title: str, values: NDArray[np.float64], unusual: float = 0.0) -> Axis:
    """An axis in percent around `values`; 0 to 100 when there are none.

    A few networks that never learned would press all others against the upper edge: of the share `unusual` of
    lowest values, those that lie much lower than the rest are left below the axis.
    """
    if not len(values):
        return Axis(title, 0.0, 100.0)
    high, usual = float(values.max()), float(np.quantile(values, unusual))
    low = float(values[values >= usual - 0.5 * (high - usual)].min())
    margin = max(0.07 * (high - low), 1.0)
    while (lower := float(values[values >= low - margin].min())) < low:
        low = lower  # what the margin would show is not to be cut in half by the edge
    return Axis(title, low - margin, high + margin)


def difference_axis(title: str, values: NDArray[np.float64]) -> Axis:
    """An axis around `values` and 0; -1 to 1 when there are none."""
    reach = np.append(values, 0.0) if len(values) else np.array([-1.0, 1.0])
    low, high = float(reach.min()), float(reach.max())
    margin = max(0.08 * (high - low), 0.2)
    return Axis(title, low - margin, high + margin)


def named_axis(names: Sequence[str]) -> Axis:
    """A row a name, the first at the top, at the heights -1, -2, ..."""
    heights = tuple(-1.0 - i for i in range(len(names)))
    return Axis("", -len(names) - 0.5, -0.5, heights, names=tuple(names))


def log_ticks(low: float, high: float) -> tuple[float, ...]:
    """Round numbers in [low, high]: at least four, if the range holds as many."""
    decades = [10.0**d for d in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    ticks: tuple[float, ...] = ()
    for leading in _LEADING:
        every = (figure * decade for decade in decades for figure in leading)
        ticks = tuple(value for value in every if low <= value <= high)
        if len(ticks) >= _FEWEST_TICKS:
            return ticks
    # Less than a factor of about three: equal steps, as on a linear axis.
    step = 10.0 ** math.floor(math.log10((high - low) / _FEWEST_TICKS))
    while (high - low) / step > 2 * _FEWEST_TICKS:
        step *= 2
    first = math.ceil(low / step)
    return tuple(step * i for i in range(first, math.floor(high / step) + 1))
