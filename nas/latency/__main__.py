"""Latency in milliseconds: `python -m nas.latency COMMAND`, each in a file of `nas.latency.commands`."""

import typer

from nas.console import commands as console
from nas.latency.commands import check, explain, files, measure, remote, repeat, table

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True
)
app.command("measure")(console.of_options(measure.main, measure.PrintRequest))
app.command("table")(console.of_options(table.main, table.TableRequest))
app.command("check")(console.of_options(check.main, check.CheckRequest))
app.command("explain")(console.of_options(explain.main, explain.ExplainRequest))
app.command("export")(console.of_options(files.export, files.ExportRequest))
app.command("import")(console.of_options(files.import_, files.ImportRequest))
app.command("tables")(files.tables)
app.command("remote-table")(console.of_options(remote.main, remote.RemoteRequest))
app.command("repeat")(console.of_options(repeat.main, repeat.RepeatRequest))


@app.callback()
def main() -> None:
    """Latency in milliseconds: measured here or on another device, and predicted for every candidate."""


if __name__ == "__main__":
    console.run_app(app)
