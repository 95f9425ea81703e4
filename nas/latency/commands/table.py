"""Make the latency table of this machine: `python -m nas.latency table`."""

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
    anew: Annotated[
        bool, typer.Option("--anew", help="Also where there is a table: time it all again.")
    ] = False,
) -> None:
    """Time the parts of a space and some networks on this machine, and keep what they say of any network.

    Takes minutes; where it is stopped, the same command goes on.
    """
    from nas.console.progress import progress_line
    from nas.latency.conditions import Conditions
    from nas.latency.fingerprints import fingerprint
    from nas.latency.table.building import obtain
    from nas.latency.table.file import own_path
    from nas.latency.table.table import described
    from search_spaces import spaces

    conditions = Conditions(backend, precision, threads, resolution, batch, classes)
    of = spaces.get(space, granularity)
    path = own_path(fingerprint(conditions), of)
    if path.is_file() and not anew:
        typer.echo("the table is there already; --anew times it all again", err=True)
    with progress_line() as progress:
        table = obtain(conditions, of, progress, clock=clock, force=force, anew=anew)
    typer.echo(described(table))
    typer.echo(f"kept in {path}")
