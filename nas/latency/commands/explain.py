"""Where multiply-adds mislead, as a picture: `python -m nas.latency explain`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typer import Option, echo

from nas.console.options import AnyPath
from nas.latency.commands.options import ConditionOptions, SpaceOptions


@dataclass(frozen=True, kw_only=True)
class ExplainRequest(SpaceOptions, ConditionOptions):
    """A picture as asked for."""

    latency_table: Annotated[
        str | None,
        Option(
            "--latency-table",
            "--table",
            help="A table's file or imported name. [this machine's]",
            metavar="TABLE",
        ),
    ] = None
    out: Annotated[AnyPath, Option(help="Names the two files: OUT.png, OUT.html.")] = "latency"


def main(request: ExplainRequest) -> None:
    """Draw multiply-adds against milliseconds over a space, and what each component does to either."""
    from nas.common.files import write_text, write_whole
    from nas.console.text_table import aligned
    from nas.figures.page import document
    from nas.figures.picture import save_png
    from nas.latency.explaining import effects, explained
    from nas.latency.table.file import find

    space, out = request.get_space(), Path(request.out)
    table = find(request.latency_table or request.conditions, space)
    changes = effects(table, space)
    drawn = explained(table, space, changes)
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
    echo(listed)
    echo(f"\nmedians over networks of {space.name}, all else equal, by the table of {table.fingerprint}")
    echo(f"written to {png} and {page}")
