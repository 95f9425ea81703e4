"""What happened in a run, as the figures are told it."""

from dataclasses import dataclass, field
from textwrap import shorten as shorten_words

import pandas as pd

from nas.common.quantities import LATENCY, MACS, PARAMS, Quantity


def costs_beside(objective: Quantity) -> tuple[Quantity, ...]:
    """The costs that are told of a network: `objective`, and those that are always told."""
    return tuple({o.column: o for o in (MACS, PARAMS, LATENCY, objective)}.values())


def times(row: pd.Series) -> tuple[str, str]:
    """Milliseconds of a row, measured and predicted, each with its interval; empty where they are not known."""
    found = []
    for how in ("measured", "predicted"):
        ms, low, high = (row.get(f"{how}_{part}") for part in ("ms", "low", "high"))
        found.append("" if pd.isna(ms) else f"{ms:.2f} ({low:.2f}-{high:.2f})")
    return found[0], found[1]


@dataclass(frozen=True)
class FrontInfo:
    """A search run, ready to be drawn.

    `trials`, `front` and `baselines` have the columns of a run's `trials.csv` (trial, state, arch, accuracy
    in [0, 1], macs, params, latency_ms, seconds, epochs, and what is known of it: measured_ms, predicted_ms
    with their intervals); `baselines` has `name` besides. `published`
    has the columns of `nas.zoo.published.imagenet()`. Any of the four may be empty.
    """

    data: str  # the data set's name
    fidelity: str  # how a trial was trained: "3 epochs at 32x32"
    target: str  # what costs are counted for: "224x224, 1000 classes, batch 1"
    budgets: tuple[tuple[str, float], ...]  # (column, upper bound in the column's units)
    trials: pd.DataFrame
    front: pd.DataFrame
    baselines: pd.DataFrame
    published: pd.DataFrame
    objective: Quantity = MACS
    control: pd.DataFrame = field(
        default_factory=pd.DataFrame
    )  # trials drawn at random beside, like `trials`


def tick(value: float) -> str:
    """A round number as it stands beside an axis: 0.5, 15, 300, 1000."""
    return f"{value:.6g}"


def shorten(text: str, width: int = 48) -> str:
    """`text` on one line of at most `width` characters."""
    line = shorten_words(text, width, placeholder=" …")
    return line if len(line) > 2 or line == text else f"{' '.join(text.split())[: width - 1]}…"
