"""python -m nas.bench sampler [--table FILE] ...; see `python -m nas.bench --help`."""

import typer

from nas.bench import sampler
from nas.console import run_app

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
app.command("sampler")(sampler.main)


@app.callback()
def _commands() -> None:
    """Benchmarks of the parts that decide how good a search is."""


if __name__ == "__main__":
    run_app(app)
