"""What a table says of a network."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Prediction:
    """Milliseconds of one inference, and the interval that holds nine networks in ten of its like."""

    ms: float
    low: float
    high: float
