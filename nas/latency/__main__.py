"""Latency in milliseconds: `python -m nas.latency COMMAND`, see `nas.latency.commands`."""

import typer

from nas.console import commands as console
from nas.latency.commands import measure, tables

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True
)
app.command("measure")(console.of_options(measure.show, measure.PrintRequest))
app.command("table")(console.of_options(tables.table, tables.TableRequest))
app.command("check")(console.of_options(tables.check, tables.CheckRequest))
app.command("explain")(console.of_options(tables.explain, tables.ExplainRequest))
app.command("export")(console.of_options(tables.export, tables.ExportRequest))
app.command("import")(console.of_options(tables.import_, tables.ImportRequest))
app.command("tables")(tables.tables)
app.command("remote-table")(console.of_options(tables.remote_table, tables.RemoteRequest))
app.command("repeat")(console.of_options(measure.repeat, measure.RepeatRequest))


@app.callback()
def main() -> None:
    """Latency in milliseconds: measured here or on another device, and predicted for every candidate."""


if __name__ == "__main__":
    console.run_app(app)
