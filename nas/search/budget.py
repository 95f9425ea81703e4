"""Budgets: upper bounds on what a network may cost, read from text such as `300MFLOPs`."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

from nas.common.errors import UserError
from nas.common.quantities import LATENCY, MACS, PARAMS

EXAMPLES = "300MFLOPs, 0.3GFLOPs, 4MParams or 15ms"
_TEXT = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kMG])(FLOPs|MAdds|MACs|Params)|(ms))", re.IGNORECASE | re.ASCII)
_SCALES = {"k": 10**3, "m": 10**6, "g": 10**9}


@dataclass(frozen=True)
class Budget:
    """An upper bound: `quantity` is a column of the results ("macs", "params", "latency_ms").

    FLOPs means multiply-adds of convolutions, fully connected layers and attention, as in the papers' tables.
    """

    quantity: str
    limit: float
    text: str

    @classmethod
    def parse(cls, text: str) -> "Budget":
        """The budget that a text says. Raises UserError with examples for anything else."""
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            hint = "; a unit is missing" if re.fullmatch(r"\d+(\.\d+)?", text.strip()) else ""
            raise UserError(f"budget {text!r} is not understood{hint}; write {EXAMPLES}")
        number, scale, unit, milliseconds = match.groups()
        if milliseconds:
            quantity, limit = LATENCY.column, float(number)
        else:
            quantity = PARAMS.column if unit.lower() == "params" else MACS.column
            limit = float(Decimal(number) * _SCALES[scale.lower()])  # exact: 2.026k is 2026
        if not 0 < limit < math.inf:
            raise UserError(f"budget {text!r} bounds nothing that can be; write {EXAMPLES}")
        return cls(quantity, limit, text.strip())

    def violation(self, cost: object) -> float:
        """By what share of the limit a cost exceeds it; at most 0 where it does not.

        `cost` has the quantity as an attribute: a `Cost`, or a `Price` for milliseconds.
        """
        return float(getattr(cost, self.quantity)) / self.limit - 1.0

    def __str__(self) -> str:
        return self.text


def is_time(text: str) -> bool:
    """Whether a budget's text is of milliseconds."""
    match = _TEXT.fullmatch(text.strip())
    return match is not None and match[4] is not None


def parse_budgets(texts: Sequence[str]) -> tuple[Budget, ...]:
    """Budgets on different quantities. Raises UserError for two on one."""
    budgets = tuple(Budget.parse(text) for text in texts)
    for index, budget in enumerate(budgets):
        if any(budget.quantity == other.quantity for other in budgets[:index]):
            raise UserError(
                f"budget {budget} bounds {budget.quantity} a second time; give one bound of a kind"
            )
    return budgets


def worst_violation(budgets: Sequence[Budget], cost: object) -> float:
    """The largest violation of several budgets; minus infinity for none."""
    return max((budget.violation(cost) for budget in budgets), default=float("-inf"))


def within(trials: pd.DataFrame, budgets: Sequence[Budget]) -> pd.Series:
    """Which rows of a run's tables keep to budgets; a cost that is not known is not over.

    A network that was timed is over a bound of milliseconds where all of its measured interval is.
    """
    kept = pd.Series(True, index=trials.index)
    for budget in budgets:
        values = trials[budget.quantity]
        if budget.quantity == LATENCY.column:
            values = trials["measured_low"].fillna(values)
        kept &= ~(values > budget.limit)
    return kept
