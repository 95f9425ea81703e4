"""Tables as files: `python -m nas.latency export | import | tables`."""

from pathlib import Path
from typing import Annotated

import typer

from nas.common.errors import UserError
from nas.console.commands import is_disk_full
from nas.latency.commands import options


def export(
    file: Annotated[Path, typer.Argument(help="Where to write the table.", metavar="FILE")],
    space: options.Space = "mobile",
    granularity: options.Granularity = "stage",
    backend: options.Backend = "onnxruntime",
    precision: options.Precision = "float32",
    threads: options.Threads = 1,
    resolution: options.Resolution = 224,
    batch: options.Batch = 1,
    classes: options.Classes = 1000,
) -> None:
    """Write this machine's table to a file, to be used on another: see import."""
    from nas.latency.conditions import Conditions
    from nas.latency.table.file import find, save
    from search_spaces import spaces

    conditions = Conditions(backend, precision, threads, resolution, batch, classes)
    table = find(conditions, spaces.get(space, granularity))
    try:
        save(table, file)
    except OSError as error:
        if is_disk_full(error):
            raise
        raise UserError(f"{file} cannot be written ({error.strerror}); give another FILE") from error
    typer.echo(f"written to {file}")


def import_(
    file: Annotated[Path, typer.Argument(help="A table that another device has made.", metavar="FILE")],
    name: Annotated[str, typer.Option(help="What to call it here, as in --latency-table NAME.")],
    space: options.Space = "mobile",
    granularity: options.Granularity = "stage",
) -> None:
    """Keep another device's table under a name; one that is only timed is fitted (to the space) and calibrated."""
    from nas.latency.table.completing import completed
    from nas.latency.table.entries import parts_of
    from nas.latency.table.file import load, named_path, save, space_id
    from nas.latency.table.table import described
    from nas.networks.cost import key_name
    from search_spaces import spaces

    path, of = named_path(name), spaces.get(space, granularity)
    table = load(file)
    if space_id(of) == table.timings.space:
        parts = parts_of(of, table.fingerprint.conditions)
        if not {key_name(key) for key in parts} <= {*table.timings.parts, *table.fitted}:
            table = completed(table.timings, list(parts))
    save(table, path)
    typer.echo(described(table))
    typer.echo(f"search with it: python -m nas.search --latency-table {name} --budget 10ms")


def tables() -> None:
    """List the tables that are kept here: this machine's own, and those imported."""
    from nas.latency.table.file import folder

    own = sorted(folder().glob("*.json"))
    imported = sorted((folder() / "imported").glob("*.json"))
    for path in own:
        typer.echo(str(path))
    for path in imported:
        typer.echo(f"{path.stem}: {path}")
    if not own and not imported:
        typer.echo("none yet; make one with: python -m nas.latency table")
