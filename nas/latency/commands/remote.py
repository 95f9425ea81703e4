"""A file that makes another device's table there: `python -m nas.latency remote-table board.pyz`."""

from pathlib import Path
from typing import Annotated

import typer

from nas.latency.commands import options


def main(
    file: Annotated[Path, typer.Argument(help="The program to write, such as board.pyz.", metavar="FILE")],
    space: options.Space = "mobile",
    granularity: options.Granularity = "stage",
    backend: options.Backend = "onnxruntime",
    precision: options.Precision = "float32",
    threads: options.Threads = 1,
    resolution: options.Resolution = 224,
    batch: options.Batch = 1,
    classes: options.Classes = 1000,
    most: Annotated[int, typer.Option(min=50, help="At most so many parts; the rest is fitted.")] = 1500,
) -> None:
    """Write a program of one file that times a space's parts and some networks on another device.

    Copy it there and run it: python3 FILE. It needs Python, numpy and the backend, nothing else, goes on where
    it was stopped, and leaves a table (JSON) beside itself, which python -m nas.latency import takes. The
    formats stand at the top of its __main__.py, which python3 -m zipfile -e FILE FOLDER unpacks.
    """
    from nas.latency.conditions import Conditions
    from nas.latency.remote import write
    from nas.latency.table.building import plan
    from search_spaces import spaces

    conditions = Conditions(backend, precision, threads, resolution, batch, classes)
    of = spaces.get(space, granularity)
    planned = plan(of, conditions, most=most)
    typer.echo(f"writing {len(planned.parts)} parts and {len(planned.wholes)} networks ...", err=True)
    write(file, of, planned, conditions)
    typer.echo(f"wrote {file} ({file.stat().st_size / 1e6:.1f} MB); on the device: python3 {file.name}")
