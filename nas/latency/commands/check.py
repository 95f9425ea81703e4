"""Compare a table with networks timed now: `python -m nas.latency check`."""

from dataclasses import dataclass
from typing import Annotated

from typer import Option, echo

from nas.latency.commands.options import SpaceOptions, TimingOptions


@dataclass(frozen=True, kw_only=True)
class CheckRequest(SpaceOptions, TimingOptions):
    """A check as asked for."""

    networks: Annotated[int, Option(min=3, help="Networks to time, drawn at random.")] = 40


def main(request: CheckRequest) -> None:
    """Time networks of the space that took no part in the table, and say how far its predictions are off."""
    from nas.console.text_table import aligned
    from nas.latency.table.building import Here
    from nas.latency.table.checking import check
    from nas.latency.table.file import find
    from nas.latency.table.table import described

    conditions, space = request.conditions, request.get_space()
    table = find(conditions, space)
    checked = check(table, space, Here(conditions, request.clock, request.force), request.networks)
    header = ["predicted ms", "interval", "measured ms", "error", "M multiply-adds", "clock", "arch"]
    rows = [
        [
            f"{row.predicted.ms:.3f}",
            f"{row.predicted.low:.2f}-{row.predicted.high:.2f}",
            f"{row.ms:.3f}",
            f"{row.predicted.ms / row.ms - 1:+.1%}",
            f"{row.macs / 1e6:.1f}",
            row.measured.clock,
            str(row.arch),
        ]
        for row in sorted(checked.rows, key=lambda row: row.ms)
    ]
    within = sum(row.within for row in checked.rows)
    echo(aligned(header, rows, left=("clock", "arch")))
    echo(f"\n{described(table)}\n")
    echo(f"checked on networks that took no part in it: {checked.errors}")
    echo(f"within the predicted interval: {within} of {len(checked.rows)} (9 in 10 are meant to be)")
    echo(f"the best multiple of their multiply-adds instead: {checked.by_macs}")
