"""How well brief trainings rank networks: `python -m experiments.rank_fidelity --data cifar10 --out FOLDER`.

Networks of the default space, spread over cost, are trained at each fidelity; the order that a brief training
puts them in is compared with that of the long one (`thorough`, two seeds), and so is the order of their
multiply-adds, which cost nothing: a fidelity that does not beat them is not worth its time. Beside it, the rule
for small images: the last map held at 4x4 instead of 2x2.

Plain processes, one thread each. Every finished training is a row of trainings.csv; started again with the
same folder, the study goes on where it stopped. summary.csv is made from the rows alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from experiments import band as bands
from experiments.agreement import agreement
from experiments.rows import read, run, trained
from nas.common.csv_text import table_csv
from nas.common.errors import UserError
from nas.common.files import write_text
from nas.common.machine import cores
from nas.console.options import Data
from nas.data.dataset import Dataset, load
from nas.networks.cost import cost
from nas.search.budget import Budget
from nas.train.fidelity import epochs_of
from nas.train.trainer import Recipe
from search_spaces import Arch, Space, spaces

REFERENCE = "thorough"
SEEDS = (0, 1)
"""Of the reference; everything brief is trained once, with the first, as a search would."""
_DRAWN = 30  # archs drawn for each that is kept


@dataclass(frozen=True)
class Task:
    """One training of the study: an arch by its text, whose last map is at least `final` pixels high."""

    arch: str
    fidelity: str
    final: int
    seed: int


@dataclass(frozen=True)
class TrainingRow:
    """A training that was done.

    macs at 224x224 and 1000 classes; macs_trained as trained. epochs: of the schedule. accuracy: validation, in
    [0, 1]. loss: mean training loss of the last tenth. core_seconds: processor time of the training with its
    evaluation, one thread. data: fingerprint of the data set.
    """

    arch: str
    fidelity: str
    final: int
    seed: int
    macs: int
    macs_trained: int
    epochs: float
    images: int
    accuracy: float
    loss: float
    core_seconds: float
    data: str

    @property
    def task(self) -> Task:
        """What was asked for."""
        return Task(self.arch, self.fidelity, self.final, self.seed)


def draw(space: Space, count: int, seed: int, most: int) -> list[Arch]:
    """So many archs of a space, of at most so many multiply-adds, evenly spread over the logarithm of cost.

    Each is drawn with one overall size level, because uniform ones are all of middling cost; of those drawn,
    the nearest to each of `count` levels is kept. Raises UserError where there are too few.
    """
    chance = np.random.default_rng(seed)
    drawn = {bands.of_size(space, chance.random(), chance) for _ in range(_DRAWN * count)}
    priced = sorted((float(np.log(cost(arch).macs)), str(arch), arch) for arch in drawn)
    within = [one for one in priced if one[0] <= np.log(most)]
    if len(within) < count:
        raise UserError(f"{count} archs of at most {most / 1e6:g} MFLOPs: only {len(within)} were drawn")
    kept: list[Arch] = []
    for wanted in np.linspace(within[0][0], within[-1][0], count):
        nearest = min(within, key=lambda one: abs(one[0] - wanted))
        within.remove(nearest)
        kept.append(nearest[2])
    return kept


def plan(archs: Sequence[Arch], final_4: bool) -> list[Task]:
    """Every training of the study, what matters most first."""
    names = [str(arch) for arch in archs]
    stages = [("standard", 2, 0), (REFERENCE, 2, SEEDS[0]), ("quick", 2, 0), (REFERENCE, 2, SEEDS[1])]
    if final_4:
        stages += [("standard", 4, 0), (REFERENCE, 4, 0)]
    return [Task(name, *stage) for stage in stages for name in names]


def perform(task: Task, data: Dataset) -> TrainingRow:
    """Do one training, on one thread of this process."""
    arch = Arch.parse(task.arch)
    epochs, _ = epochs_of(task.fidelity, len(data.train()))
    outcome, core_seconds = trained(arch, data, epochs, Recipe(), task.seed, reports=1, final=task.final)
    return TrainingRow(
        **asdict(task),
        macs=cost(arch).macs,
        macs_trained=cost(arch, data.resolution, len(data.classes), final=task.final).macs,
        epochs=epochs,
        images=outcome.images,
        accuracy=outcome.accuracy,
        loss=round(outcome.loss, 5),
        core_seconds=core_seconds,
        data=data.fingerprint,
    )


# What the rows say -----------------------------------------------------------------------------------------


def orders(rows: Sequence[TrainingRow]) -> pd.DataFrame:
    """One line an arch: `reference` (mean over its seeds), and one column for each way to rank the archs.

    Archs whose reference is not complete are left out.
    """
    table = pd.DataFrame([asdict(row) for row in rows])
    by_arch: dict[str, pd.Series] = {"multiply-adds": table.groupby("arch").macs.first()}
    for (fidelity, final), group in table.groupby(["fidelity", "final"]):
        seeds = group.pivot_table(index="arch", columns="seed", values="accuracy")
        if fidelity == REFERENCE and final == 2:
            for index, seed in enumerate(seeds):
                by_arch[f"{REFERENCE}, seed {seed}"] = seeds.iloc[:, index]
            by_arch["reference"] = seeds.mean(axis=1, skipna=False)
        else:
            name = f"{fidelity}" if final == 2 else f"{fidelity}, last map 4x4"
            by_arch[name] = seeds.iloc[:, 0]
    found = pd.DataFrame(by_arch)
    for brief in (name for name in ("quick", "standard") if name in found):
        found[f"{brief} and multiply-adds, mean rank"] = found[[brief, "multiply-adds"]].rank().mean(axis=1)
    return found.dropna(subset=["reference"]) if "reference" in found else found.iloc[:0]


def summarise(rows: Sequence[TrainingRow]) -> pd.DataFrame:
    """For each way to rank: how well it agrees with the reference, its mean accuracy and what it takes."""
    table = pd.DataFrame([asdict(row) for row in rows])
    found = orders(rows)
    lines = []
    for name in found.columns.drop("reference", errors="ignore"):
        known = found.dropna(subset=[name])
        if len(known) < 3 or name.startswith(f"{REFERENCE}, seed"):
            continue
        line: dict[str, object] = {"ranked_by": name}
        line |= agreement(known[name].to_numpy(float), known["reference"].to_numpy(float))
        fidelity, _, held = name.partition(", last map ")
        used = table[(table.fidelity == fidelity) & (table.final == (4 if held else 2))]
        if len(used):
            line |= {"mean_accuracy": used.accuracy.mean(), "core_seconds": used.core_seconds.mean()}
        lines.append(line)
    pair = [f"{REFERENCE}, seed {seed}" for seed in SEEDS]
    if set(pair) <= set(found) and len(found.dropna(subset=pair)) >= 3:
        both = found.dropna(subset=pair)
        used = table[(table.fidelity == REFERENCE) & (table.final == 2)]
        line = {"ranked_by": "one seed of the reference by the other"}
        line |= agreement(both[pair[0]].to_numpy(float), both[pair[1]].to_numpy(float))
        line |= {"mean_accuracy": used.accuracy.mean(), "core_seconds": used.core_seconds.mean()}
        lines.append(line)
    return pd.DataFrame(lines)


def main(
    out: Annotated[
        Path, typer.Option(help="Folder of trainings.csv and summary.csv; gone on with if there.")
    ] = Path("results/rank-fidelity"),
    data: Data = None,
    archs: Annotated[int, typer.Option(min=3, help="Networks, spread over cost.")] = 14,
    most: Annotated[
        float, typer.Option(help="The dearest, in millions of multiply-adds at 224x224.")
    ] = 300.0,
    band: Annotated[
        str | None,
        typer.Option(help="Of about equal cost instead, as 90-110MFLOPs: what can tell them apart?"),
    ] = None,
    trials: Annotated[
        Path | None,
        typer.Option(help="A search's trials.csv: with --band, what its model believes is ranked too."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the drawing of networks.")] = 0,
    concurrency: Annotated[
        int, typer.Option("--concurrency", "--workers", min=1, help="Trainings at a time.")
    ] = cores(),
    final_4: Annotated[bool, typer.Option(help="Also with the last map at 4x4.")] = True,
) -> None:
    """Train networks at every fidelity and say how well the brief ones rank them."""
    bounds = Budget.parse(band) if band else None
    dataset, space = load(data or "auto"), spaces.get("mobile")
    out.mkdir(parents=True, exist_ok=True)
    path = out / "trainings.csv"
    if bounds:
        bands.study(bands.draw(space, bounds, archs, seed), space, dataset, path, concurrency, trials)
        return
    tasks = plan(draw(space, archs, seed, round(most * 1e6)), final_4)
    left = len(set(tasks) - {row.task for row in read(path, TrainingRow)})
    typer.echo(f"{left} of {len(tasks)} trainings to do on {dataset.name}, {concurrency} at a time")
    for row in run(tasks, dataset, path, concurrency, TrainingRow, perform):
        typer.echo(
            f"{row.fidelity}, last map {row.final}x{row.final}, seed {row.seed}: {row.accuracy:.4f} in "
            f"{row.core_seconds:.0f} core-seconds  {row.arch}"
        )
    found = summarise(read(path, TrainingRow))
    write_text(out / "summary.csv", table_csv(found, "%.4g"))
    typer.echo(found.to_string(index=False, float_format="%.3f"))


if __name__ == "__main__":
    from nas.console import commands as console

    console.run(main)
