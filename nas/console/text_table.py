"""Plain text: tables with columns as wide as they need to be, numbers to the right, nothing cut off; differences."""

import math
from collections.abc import Sequence


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[str] = ()) -> str:
    """The table, a line a row under its header. Columns that `left` names are aligned to the left."""
    table = [list(header), *map(list, rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    lines = []
    for row in table:
        cells = [
            cell.ljust(width) if name in left else cell.rjust(width)
            for cell, width, name in zip(row, widths, header, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def in_points(mean: float, low: float, high: float) -> str:
    """A difference of shares with its interval, as percentage points: `+0.41 [-0.20, +1.02]`; "" for NaN."""
    if math.isnan(mean):
        return ""
    told, *ends = (f"{round(100 * value, 2) + 0.0:+.2f}" for value in (mean, low, high))  # + 0.0: no -0.00
    return told if math.isnan(low) else f"{told} [{', '.join(ends)}]"
