"""Tables as text of comma-separated values that a spreadsheet takes for values, and for nothing else."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def cell(value: Any) -> Any:
    """A value as it stands in a cell: of a text that a spreadsheet would compute, an apostrophe comes first.

    So spreadsheets are told that it is a text; all else stays as it is, numbers too.
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value


def table_csv(table: pd.DataFrame, float_format: str | None = None) -> str:
    """The CSV of a table, without its index."""
    texts = table.select_dtypes(exclude="number")
    guarded = table.assign(**{str(name): texts[name].map(cell) for name in texts}) if len(table) else table
    text: str = guarded.rename(columns=cell).to_csv(index=False, float_format=float_format)
    return text


def rows_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """The CSV of rows under a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([cell(one) for one in row] for row in (header, *rows))
    return text.getvalue()
