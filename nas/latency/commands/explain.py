"""Where multiply-adds mislead, as a picture: `python -m nas.latency explain`."""

from pathlib import Path
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
    table: options.Table = None,
    out: Annotated[Path, typer.Option(help="Names the two files: OUT.png, OUT.html.")] = Path("latency"),
) -> None:
    """Draw multiply-adds against milliseconds over a space, and what each component does to either."""
    from nas.common.files import write_text, write_whole
    from nas.console.text_table import aligned
    from nas.figures.page import document
    from nas.figures.picture import save_png
    from nas.latency.conditions import Conditions
    from nas.latency.explaining import effects, explained
    from nas.latency.table.file import find
    from search_spaces import spaces

    of = spaces.get(space, granularity)
    conditions = Conditions(backend, precision, threads, resolution, batch, classes)
    found = find(table or conditions, of)
    changes = effects(found, of)
    drawn = explained(found, of, changes)
    out.parent.mkdir(parents=True, exist_ok=True)
    png, page = out.with_suffix(".png"), out.with_suffix(".html")
    write_whole(png, lambda file: save_png(drawn, file))
    rows = [
        [
            change.change,
            f"x{change.macs:.2f}",
            f"x{change.time:.2f}",
            f"{change.low:.2f}-{change.high:.2f}",
            f"x{change.misleading:.2f}",
        ]
        for change in changes
    ]
    header = ["change", "multiply-adds", "time", "quartiles", "time a multiply-add"]
    listed = aligned(header, rows, left=("change",))
    write_text(page, document([drawn], "What one component changes", f"<pre>{listed}</pre>"))
    typer.echo(listed)
    typer.echo(f"\nmedians over networks of {of.name}, all else equal, by the table of {found.fingerprint}")
    typer.echo(f"written to {png} and {page}")
