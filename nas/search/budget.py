"""Budgets: bounds on what a network may cost, read from text such as `300MFLOPs`, and those of a board by its name."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches

import pandas as pd

from nas.common.errors import UserError, shown
from nas.common.quantities import COLUMNS, KB, LATENCY, MACS, MEMORY, PARAMS, WEIGHTS
from nas.zoo import published

EXAMPLES = (
    "300MFLOPs, 60-80MFLOPs, 4MParams, 15ms, 512KB (weights at int8), 2MBfp32 (weights at float32) or "
    "320KBRAM (peak memory of activations at int8)"
)
_NUMBER = r"(\d+(?:\.\d+)?)"
_TEXT = re.compile(
    rf"(?:{_NUMBER}\s*-\s*)?{_NUMBER}\s*(?:([kMG])(FLOPs|MAdds|MACs|Params)|(ms)|"
    r"([kMG])i?B(?:[-: ]?(weights|flash|int8|fp32|float32|ram|sram|memory))?)",
    re.IGNORECASE | re.ASCII,
)
_SCALES = {"k": 10**3, "m": 10**6, "g": 10**9}
_BYTES = {"k": KB, "m": KB**2, "g": KB**3}
_MEMORY = ("ram", "sram", "memory")
_FLOAT = ("fp32", "float32")
_FLOAT_BYTES = 4


@dataclass(frozen=True)
class Budget:
    """Bounds: `quantity` is a column of the results, of which a network has at most `limit` and at least `least`.

    FLOPs means multiply-adds of convolutions, fully connected layers and attention, as in the papers' tables. A
    kilobyte is 1024 bytes. Weights at float32 are bounded as parameters, of four bytes each.
    """

    quantity: str
    limit: float
    text: str
    least: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "Budget":
        """The budget that a text says. Raises UserError with examples for anything else."""
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            hint = "; a unit is missing" if re.fullmatch(rf"({_NUMBER}-)?{_NUMBER}", text.strip()) else ""
            raise UserError(f"budget {shown(text)} is not understood{hint}; write {EXAMPLES}")
        low, high, scale, unit, _, bytes_scale, kind = match.groups()
        quantity, factor = LATENCY.column, Decimal(1)
        if scale:
            quantity = PARAMS.column if unit.lower() == "params" else MACS.column
            factor = Decimal(_SCALES[scale.lower()])
        elif bytes_scale:
            factor = Decimal(_BYTES[bytes_scale.lower()])
            quantity, kind = WEIGHTS.column, (kind or "").lower()
            if kind in _MEMORY:
                quantity = MEMORY.column
            elif kind in _FLOAT:
                quantity, factor = PARAMS.column, factor / _FLOAT_BYTES
        least, limit = (
            float(Decimal(number or 0) * factor) for number in (low, high)
        )  # exact: 2.026k is 2026
        if not 0 < limit < math.inf or least > limit:
            raise UserError(f"budget {shown(text)} bounds nothing that can be; write {EXAMPLES}")
        return cls(quantity, limit, text.strip(), least)

    def violation(self, cost: object) -> float:
        """By what share of a bound a cost lies outside of it; at most 0 where it does not.

        `cost` has the quantity as an attribute: a `Cost`, or a `Price` for milliseconds.
        """
        value = float(getattr(cost, self.quantity))
        over = value / self.limit - 1.0
        return max(over, 1.0 - value / self.least) if self.least else over

    @property
    def said(self) -> str:
        """The text, and where it has bytes, of what: `512KB (weights at int8, KB of 1024 bytes)`."""
        match = _TEXT.fullmatch(self.text)
        if match is None or not match[6]:
            return self.text
        of = "weights at float32" if self.quantity == PARAMS.column else COLUMNS[self.quantity].phrase
        return f"{self.text} ({of}, KB of {KB} bytes)"

    def __str__(self) -> str:
        return self.text


def is_time(text: str) -> bool:
    """Whether a budget's text is of milliseconds."""
    match = _TEXT.fullmatch(text.strip())
    return match is not None and match[5] is not None


def parse_budgets(texts: Sequence[str]) -> tuple[Budget, ...]:
    """Budgets on different quantities. Raises UserError for two on one."""
    budgets = tuple(Budget.parse(text) for text in texts)
    for index, budget in enumerate(budgets):
        if any(budget.quantity == other.quantity for other in budgets[:index]):
            hint = "; memory is bounded as in 320KBRAM" if budget.quantity == WEIGHTS.column else ""
            raise UserError(
                f"budget {budget} bounds {COLUMNS[budget.quantity].phrase} a second time; give one bound of a "
                f"kind{hint}"
            )
    return budgets


def worst_violation(budgets: Sequence[Budget], cost: object) -> float:
    """The largest violation of several budgets; minus infinity for none."""
    return max((budget.violation(cost) for budget in budgets), default=float("-inf"))


def within(trials: pd.DataFrame, budgets: Sequence[Budget]) -> pd.Series:
    """Which rows of a run's tables keep to budgets; a cost that is not known is not outside.

    A network that was timed is outside of a bound of milliseconds where all of its measured interval is.
    """
    kept = pd.Series(True, index=trials.index)
    for budget in budgets:
        low = high = trials[budget.quantity]
        if budget.quantity == LATENCY.column:
            low, high = (trials[f"measured_{end}"].fillna(low) for end in ("low", "high"))
        kept &= ~(low > budget.limit) & ~(high < budget.least)
    return kept


@dataclass(frozen=True)
class Board:
    """A microcontroller: its bounds as texts of budgets, and where they were read."""

    name: str
    budgets: tuple[str, ...]
    source: str
    note: str

    def __str__(self) -> str:
        of = f"{self.source}{f'; {self.note}' if self.note else ''}"
        return (
            f"board {self.name}: at most {' and '.join(Budget.parse(text).said for text in self.budgets)} ({of}); "
            "the runtime, the code and the stack need some of it too: a --budget of the same kind leaves it free"
        )


def find_board(name: str) -> Board:
    """The board of a name: all its flash for weights, all its RAM for activations.

    Raises UserError, with the nearest names, for one that `results/published/boards.csv` does not have.
    """
    every = published.boards().set_index("board")
    key = published.plain(name)
    if key not in every.index:
        near = get_close_matches(key, every.index, n=3, cutoff=0.4) or list(every.index)
        raise UserError(
            f"no board is called {shown(name)}; the nearest are {', '.join(near)}; any other is told by its memories, "
            "as in --budget 1024KBflash --budget 320KBRAM"
        )
    row = every.loc[key]
    bounds = {"flash": row["flash_kb"], "RAM": row["ram_kb"]}
    texts = tuple(f"{size}KB{of}" for of, size in bounds.items() if not pd.isna(size))
    return Board(key, texts, str(row["source"]), "" if pd.isna(row["note"]) else str(row["note"]))


def with_board(texts: Sequence[str], board: Board) -> tuple[str, ...]:
    """Budgets as given and those of a board's that none of them replaces."""
    given = {budget.quantity for budget in parse_budgets(texts)}
    return (*texts, *(text for text in board.budgets if Budget.parse(text).quantity not in given))
