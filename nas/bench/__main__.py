"""Benchmarks: `python -m nas.bench COMMAND`.

sampler   samplers side by side on tables
confirm   fronts that were confirmed beside fronts that were not, where the truth is known
train     the trainer against a plain loop, and each of its means by itself
accuracy  the accuracy that both loops reach on the same images
kernel    depthwise gradients against torch's
"""

import typer

from nas.bench.confirming import command as confirming
from nas.bench.samplers import command as sampler
from nas.bench.trainer import command as train
from nas.bench.trainer import kernel
from nas.console.commands import run_app

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
app.command("sampler")(sampler.main)
app.command("confirm")(confirming.main)
app.command("train")(train.main)
app.command("accuracy")(train.accuracy)
app.command("kernel")(kernel.main)


@app.callback()
def _commands() -> None:
    """Benchmarks of the parts that decide how good a search is."""


if __name__ == "__main__":
    run_app(app)
