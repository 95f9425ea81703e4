"""A file that makes another device's table there: `python -m nas.latency remote-table board.pyz`."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated

from typer import Argument, Option, echo

from nas.latency.commands.options import ConditionOptions, SpaceOptions


@dataclass(frozen=True)
class RemoteRequest(SpaceOptions, ConditionOptions):
    """A program as asked for."""

    file: Annotated[Path, Argument(help="The program to write, such as board.pyz.", metavar="FILE")]
    _: KW_ONLY
    most: Annotated[int, Option(min=50, help="At most so many parts; the rest is fitted.")] = 1500


def main(request: RemoteRequest) -> None:
    """Write a program of one file that times a space's parts and some networks on another device.

    Copy it there and run it: python3 FILE. It needs Python, numpy and the backend, nothing else, goes on where
    it was stopped, and leaves a table (JSON) beside itself, which python -m nas.latency import takes. The
    formats stand at the top of its __main__.py, which python3 -m zipfile -e FILE FOLDER unpacks.
    """
    from nas.latency.remote import write
    from nas.latency.table.building import plan

    file, space, conditions = request.file, request.get_space(), request.conditions
    agenda = plan(space, conditions, most=request.most)
    echo(f"writing {len(agenda.parts)} parts and {len(agenda.wholes)} networks ...", err=True)
    write(file, space, agenda, conditions)
    echo(f"wrote {file} ({file.stat().st_size / 1e6:.1f} MB); on the device: python3 {file.name}")
