"""Latency in milliseconds: `python -m nas.latency COMMAND`, each in a file of `nas.latency.commands`."""

import typer

from nas.console import commands as console
from nas.latency.commands import check, explain, files, measure, remote, repeat, table

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True
)
app.command("measure")(measure.main)
app.command("table")(table.main)
app.command("check")(check.main)
app.command("explain")(explain.main)
app.command("export")(files.export)
app.command("import")(files.import_)
app.command("tables")(files.tables)
app.command("remote-table")(remote.main)
app.command("repeat")(repeat.main)


@app.callback()
def main() -> None:
    """Latency in milliseconds: measured here or on another device, and predicted for every candidate."""


if __name__ == "__main__":
    console.run_app(app)
