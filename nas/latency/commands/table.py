"""Make the latency table of this machine: `python -m nas.latency table`."""

from dataclasses import dataclass
from typing import Annotated

from typer import Option, echo

from nas.latency.commands.options import SpaceOptions, TimingOptions


@dataclass(frozen=True, kw_only=True)
class TableRequest(SpaceOptions, TimingOptions):
    """A table as asked for."""

    anew: Annotated[bool, Option("--anew", help="Also where there is a table: time it all again.")] = False


def main(request: TableRequest) -> None:
    """Time the parts of a space and some networks on this machine, and keep what they say of any network.

    Takes minutes; where it is stopped, the same command goes on.
    """
    from nas.console.progress import progress_line
    from nas.latency.fingerprints import fingerprint
    from nas.latency.table.building import Here, obtain
    from nas.latency.table.file import own_path
    from nas.latency.table.table import described

    here, space = Here(request.conditions, request.clock, request.force), request.get_space()
    path = own_path(fingerprint(here.conditions), space)
    if path.is_file() and not request.anew:
        echo("the table is there already; --anew times it all again", err=True)
    with progress_line() as progress:
        table = obtain(here, space, progress, anew=request.anew)
    echo(described(table))
    echo(f"kept in {path}")
