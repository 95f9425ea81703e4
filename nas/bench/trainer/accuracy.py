"""`python -m nas.bench accuracy`: what our loop and a plain one reach after the same number of images.

Speed must not be paid for in accuracy. Time does not matter here, so that it may run on a busy machine.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from typer import Option

from nas.bench.output import write_table
from nas.bench.trainer.command import NETWORKS, ways
from nas.bench.trainer.crew import Crew
from nas.bench.trainer.loops import PLAIN, Ground, Images, Reached, Way, reach
from nas.common.errors import UserError
from nas.console.text_table import aligned


def contestants() -> list[Way]:
    """Ours; ours with torch's own arithmetic, which tells recipe and arithmetic apart; and the plain loop."""
    ours, *_, plain = ways()
    bare = replace(ours, name="ours, torch's arithmetic in fp32", compute=PLAIN)
    return [ours, bare, replace(plain, threads=1)]  # more threads wait for each other on a busy machine


def main(
    data: Images = "cifar10",
    out: Annotated[Path | None, Option(help="Folder for equal_images.csv.")] = None,
    images: Annotated[int, Option(min=128, help="Images to train on, repeats counted.")] = 60_000,
    networks: Annotated[str, Option(help="Comma-separated. [all four]")] = ",".join(NETWORKS),
) -> None:
    """Train by both loops on the same number of images and print the accuracies."""
    names = [name.strip() for name in networks.split(",")]
    for name in names:
        if name not in NETWORKS:
            raise UserError(f"network {name!r}: expected some of {', '.join(NETWORKS)}")
    ground, lines = Ground.of(data), []
    with Crew() as crew:
        for network, way in ((network, way) for network in names for way in contestants()):
            work = partial(reach, way, NETWORKS[network], ground, images)
            done: Reached = crew.together([work], keep=way.keep)[0]
            lines.append({"network": network, "way": way.name, **asdict(done)})
            typer.echo(
                f"{network}, {way.name}: training accuracy {done.training_accuracy:.4f}, validation "
                f"{done.validation_accuracy:.4f}, loss {done.loss:.3f}",
                err=True,
            )
    found = pd.DataFrame(lines)
    mean = found.groupby("way", sort=False)[["training_accuracy", "validation_accuracy"]].mean()
    head = ["way", "training accuracy", "validation accuracy"]
    rows = [[str(way), *(f"{value:.4f}" for value in line)] for way, line in mean.iterrows()]
    typer.echo(f"mean of {len(names)} networks after {images:,} images")
    typer.echo(aligned(head, rows, left=head[:1]))
    write_table(found, out, "equal_images.csv")
