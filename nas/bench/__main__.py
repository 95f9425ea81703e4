"""python -m nas.bench train --data cifar10; see `python -m nas.bench --help`."""

import typer

from nas.bench import accuracy, kernel, train
from nas.console import run_app

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
app.command("train")(train.main)
app.command("accuracy")(accuracy.main)
app.command("kernel")(kernel.main)


@app.callback()
def _commands() -> None:
    """Benchmarks of the parts that decide how good a search is."""


if __name__ == "__main__":
    run_app(app)
