"""Tables as files: `python -m nas.latency export | import | tables`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typer import Argument, Option, echo

from nas.common.errors import UserError
from nas.console.commands import is_disk_full
from nas.latency.commands.options import ConditionOptions, SpaceOptions


@dataclass(frozen=True)
class ExportRequest(SpaceOptions, ConditionOptions):
    """A file as asked for."""

    file: Annotated[Path, Argument(help="Where to write the table.", metavar="FILE")]


@dataclass(frozen=True)
class ImportRequest(SpaceOptions):
    """An import as asked for."""

    file: Annotated[Path, Argument(help="A table that another device has made.", metavar="FILE")]
    name: Annotated[str, Option(help="What to call it here, as in --latency-table NAME.")]


def export(request: ExportRequest) -> None:
    """Write this machine's table to a file, to be used on another: see import."""
    from nas.latency.table.file import find, save

    table = find(request.conditions, request.get_space())
    try:
        save(table, request.file)
    except OSError as error:
        if is_disk_full(error):
            raise
        raise UserError(f"{request.file} cannot be written ({error.strerror}); give another FILE") from error
    echo(f"written to {request.file}")


def import_(request: ImportRequest) -> None:
    """Keep another device's table under a name; one that is only timed is fitted (to the space) and calibrated."""
    from nas.latency.table.completing import completed
    from nas.latency.table.entries import parts_of
    from nas.latency.table.file import load, named_path, save, space_id
    from nas.latency.table.table import described
    from nas.networks.cost import key_name

    path, space = named_path(request.name), request.get_space()
    table = load(request.file)
    if space_id(space) == table.timings.space:
        parts = parts_of(space, table.fingerprint.conditions)
        if not {key_name(key) for key in parts} <= {*table.timings.parts, *table.fitted}:
            table = completed(table.timings, list(parts))
    save(table, path)
    echo(described(table))
    echo(f"search with it: python -m nas.search --latency-table {request.name} --budget 10ms")


def tables() -> None:
    """List the tables that are kept here: this machine's own, and those imported."""
    from nas.latency.table.file import folder

    own = [str(path) for path in sorted(folder().glob("*.json"))]
    imported = [f"{path.stem}: {path}" for path in sorted((folder() / "imported").glob("*.json"))]
    echo("\n".join(own + imported) or "none yet; make one with: python -m nas.latency table")
