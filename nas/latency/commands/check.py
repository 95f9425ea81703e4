"""Compare a table with networks timed now: `python -m nas.latency check`."""

from typing import Annotated

import typer

from nas.latency.commands import options


def main(
    space: options.Space = "mobile",
    granularity: options.Granularity = "stage",
    backend: options.Backend = "onnxruntime",
    precision: options.Precision = "float32",
    threads: options.Threads = 1,
    resolution: options.Resolution = 224,
    batch: options.Batch = 1,
    classes: options.Classes = 1000,
    clock: options.Clock = "auto",
    force: options.Force = False,
    networks: Annotated[int, typer.Option(min=3, help="Networks to time, drawn at random.")] = 40,
) -> None:
    """Time networks of the space that took no part in the table, and say how far its predictions are off."""
    from nas.console.text_table import aligned
    from nas.latency.conditions import Conditions
    from nas.latency.table.building import Here
    from nas.latency.table.checking import check
    from nas.latency.table.file import find
    from nas.latency.table.table import described
    from search_spaces import spaces

    conditions = Conditions(backend, precision, threads, resolution, batch, classes)
    of = spaces.get(space, granularity)
    table = find(conditions, of)
    found = check(table, of, Here(conditions, clock, force), networks)
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
        for row in sorted(found.rows, key=lambda row: row.ms)
    ]
    within = sum(row.within for row in found.rows)
    typer.echo(aligned(header, rows, left=("clock", "arch")))
    typer.echo(f"\n{described(table)}\n")
    typer.echo(f"checked on networks that took no part in it: {found.errors}")
    typer.echo(f"within the predicted interval: {within} of {len(found.rows)} (9 in 10 are meant to be)")
    typer.echo(f"the best multiple of their multiply-adds instead: {found.by_macs}")
