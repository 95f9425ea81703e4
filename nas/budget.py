"""Budgets: upper bounds on what a network may cost, read from text such as `300MFLOPs`."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from nas.costs import Cost
from nas.errors import UserError

EXAMPLES = "300MFLOPs, 0.3GFLOPs, 4MParams or 15ms"
_TEXT = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kMG])(FLOPs|MAdds|MACs|Params)|(ms))", re.IGNORECASE | re.ASCII)
_SCALES = {"k": 10**3, "m": 10**6, "g": 10**9}


@dataclass(frozen=True)
class Budget:
    """An upper bound: `quantity` is a column of the results ("macs", "params", "latency_ms").

    FLOPs means multiply-adds of convolutions and fully connected layers, as in the papers' tables.
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
            quantity, limit = "latency_ms", float(number)
        else:
            quantity = "params" if unit.lower() == "params" else "macs"
            limit = float(Decimal(number) * _SCALES[scale.lower()])  # exact: 2.026k is 2026
        if not 0 < limit < math.inf:
            raise UserError(f"budget {text!r} bounds nothing that can be; write {EXAMPLES}")
        return cls(quantity, limit, text.strip())

    def violation(self, cost: Cost) -> float:
        """By what share of the limit a cost exceeds it; at most 0 where it does not."""
        return float(getattr(cost, self.quantity)) / self.limit - 1.0

    def __str__(self) -> str:
        return self.text


def parse_budgets(texts: Sequence[str]) -> tuple[Budget, ...]:
    """Budgets on different quantities. Raises UserError for two on one, or a latency without a table."""
    budgets = tuple(Budget.parse(text) for text in texts)
    for index, budget in enumerate(budgets):
        if any(budget.quantity == other.quantity for other in budgets[:index]):
            raise UserError(
                f"budget {budget} bounds {budget.quantity} a second time; give one bound of a kind"
            )
        if budget.quantity == "latency_ms":
            raise UserError(
                f"budget {budget}: latency cannot be bounded yet: none was measured on this machine, "
                "and multiply-adds are no substitute; give a budget such as 300MFLOPs or 4MParams"
            )
    return budgets


def worst_violation(budgets: Sequence[Budget], cost: Cost) -> float:
    """The largest violation of several budgets; minus infinity for none."""
    return max((budget.violation(cost) for budget in budgets), default=float("-inf"))
