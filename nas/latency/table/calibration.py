"""From the parts of a network to the network: the sum of their times is biased, and is corrected on whole ones.

A part that is timed alone finds its weights in the cache, and has its map brought into the runtime's own
layout and back; within a network it is otherwise. So a network's time is a combination of the sum of its
parts' times, of their number, and of the elements that they hand to each other, found on networks timed whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit
from scipy.stats import spearmanr

from nas.common.decode import Finite, NotNegative

Floats = NDArray[np.float64]
COEFFICIENTS = ("sum of the parts", "number of parts", "millions of elements between parts")
TOWARDS_SUM = 0.1  # how strongly, with few networks, the combination is held to the plain sum
BETWEEN_SESSIONS = 0.023  # relative standard deviation of what sessions on one machine measure
WITHIN = 0.9  # the share of networks that a predicted interval is to hold


@dataclass(frozen=True)
class Errors:
    """Of predictions: mean absolute relative error, Spearman's rank correlation, largest relative error."""

    mape: NotNegative
    spearman: float
    largest: NotNegative
    networks: Annotated[int, msgspec.Meta(ge=1)]

    def __str__(self) -> str:
        return (
            f"MAPE {self.mape:.2%}, Spearman {self.spearman:.3f}, largest error {self.largest:.1%} "
            f"on {self.networks} networks"
        )


@dataclass(frozen=True)
class Calibration:
    """The coefficients of COEFFICIENTS, and the standard deviation of what they leave, relative."""

    coefficients: Annotated[
        tuple[Finite, ...], msgspec.Meta(min_length=len(COEFFICIENTS), max_length=len(COEFFICIENTS))
    ]
    deviation: NotNegative

    def __call__(self, totals: Sequence[float]) -> float:
        """The time of a network from its totals, in their order."""
        return sum(weight * total for weight, total in zip(self.coefficients, totals, strict=True))


def calibrated(totals: Floats, measured: Floats) -> Calibration:
    """The combination of n networks' totals [n, 3] that comes nearest to what they were measured [n] at.

    Relative errors count. The deviation is that of each network predicted from the others, of fewer than three
    networks a guess of 10 %.
    """
    coefficients = _solved(totals, measured)
    count = len(measured)
    if count < 3:
        return Calibration(coefficients, 0.1)
    left_out = [
        totals[one] @ _solved(np.delete(totals, one, axis=0), np.delete(measured, one))
        for one in range(count)
    ]
    return Calibration(coefficients, float(np.sqrt(np.mean((left_out / measured - 1) ** 2))))


def _solved(totals: Floats, measured: Floats) -> tuple[float, ...]:
    """Ridge regression towards the plain sum, each column in the scale of the first."""
    unit = totals.mean(axis=0) / totals[:, 0].mean()
    x = totals / unit / measured[:, None]
    plain = np.eye(x.shape[1])[0]
    step = np.linalg.solve(x.T @ x + TOWARDS_SUM * np.eye(len(plain)), x.T @ (1 - x @ plain))
    return tuple(((plain + step) / unit).tolist())


def reach(deviation: float, networks: int) -> float:
    """Half the width, relative, of what holds the share WITHIN of times on another day: Student's t by the networks."""
    return float(stdtrit(max(networks - 1, 1), 0.5 + WITHIN / 2)) * hypot(deviation, BETWEEN_SESSIONS)


def errors(predicted: Floats, measured: Floats) -> Errors:
    """How predictions [n] compare with measurements [n]; the correlation is NaN for fewer than three."""
    relative = np.abs(predicted / measured - 1)
    rank = float(spearmanr(predicted, measured).statistic) if len(predicted) > 2 else float("nan")
    return Errors(float(relative.mean()), rank, float(relative.max()), len(predicted))
