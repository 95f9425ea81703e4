"""Latency in milliseconds: `python -m nas.latency COMMAND`.

measure       networks, on this machine
repeat        the same in several sessions, and whether they agree
"""

import typer

from nas import console
from nas.latency.commands import measure, repeat

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True
)
app.command("measure")(measure.main)
app.command("repeat")(repeat.main)


@app.callback()
def main() -> None:
    """Measure latency in milliseconds, here or on another device."""


if __name__ == "__main__":
    console.run_app(app)
