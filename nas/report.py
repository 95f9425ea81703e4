"""The results of a run, made from its study alone: tables, pictures, and the summary in the terminal.

python -m nas.report results/my-run
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from numpy.typing import ArrayLike
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nas.common.files import write_text
from nas.common.fronts import dominates, front_mask, hypervolume
from nas.common.quantities import COLUMNS as QUANTITIES
from nas.common.quantities import LATENCY, Quantity
from nas.figures import FrontInfo, write_html, write_png
from nas.figures.info import times
from nas.search.budget import within
from nas.search.record import COLUMNS, INTERRUPTED, KINDS, Record
from nas.search.settings import Settings
from nas.zoo import published


@dataclass(frozen=True)
class Results:
    """The tables of a run: COLUMNS with `name` and `reason`; accuracy in [0, 1] on the validation split."""

    settings: Settings
    trials: pd.DataFrame
    front: pd.DataFrame
    baselines: pd.DataFrame
    control: pd.DataFrame

    @property
    def control_front(self) -> pd.DataFrame:
        """The front of the control's trials."""
        return front_of(self.control, self.settings)


def results(record: Record) -> Results:
    """The tables as the storage has them now."""
    trials, baselines, control = (record.frame(record.trials(kind), kind) for kind in KINDS)
    front = front_of(trials, record.settings)
    return Results(record.settings, trials, front, baselines, control)


def front_of(trials: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The non-dominated finished trials of the highest fidelity within every budget, cheapest first."""
    done = trials[(trials["state"] == "COMPLETE") & (trials["epochs"] == settings.fidelity.epochs)]
    done = done[within(done, [(budget.quantity, budget.limit) for budget in settings.limits])]
    objective = settings.objective
    front = done[front_mask(done["accuracy"], done[objective])]
    return front.sort_values(objective)


def reference(settings: Settings, classes: int) -> tuple[float, float] | None:
    """The fixed point of the run's hypervolume: chance accuracy, and the budget on the cost objective.

    None where the objective has no budget: then nothing fixed bounds the area.
    """
    for budget in settings.limits:
        if budget.quantity == settings.objective:
            return 1.0 / classes, budget.limit
    return None


def relative_hypervolume(accuracies: ArrayLike, costs: ArrayLike, reference: tuple[float, float]) -> float:
    """What a front dominates, as a share in [0, 1] of the rectangle from the reference to (accuracy 1, cost 0)."""
    return hypervolume(accuracies, costs, reference) / ((1.0 - reference[0]) * reference[1])


def write_results(found: Results, folder: Path) -> None:
    """Write trials.csv, front.csv, baselines.csv, front.html and front.png, each whole or not at all.

    And control.csv where the run has a control.
    """
    for name, table in (
        ("trials", found.trials),
        ("front", found.front[list(COLUMNS)]),
        ("baselines", found.baselines),
        ("control", found.control),
    ):
        if name == "control" and table.empty:
            continue
        write_text(folder / f"{name}.csv", table.to_csv(index=False))
    info = front_info(found)
    write_html(info, folder / "front.html")
    write_png(info, folder / "front.png")


def front_info(found: Results) -> FrontInfo:
    """What the figures are told."""
    settings = found.settings
    fidelity = settings.fidelity
    subset = "" if fidelity.subset == 1 else f" of {fidelity.subset:.0%} of the images"
    return FrontInfo(
        data=settings.data_name,
        fidelity=f"{fidelity.epochs:g} epochs{subset} at {fidelity.resolution}x{fidelity.resolution}",
        target=settings.target,
        budgets=tuple((budget.quantity, budget.limit) for budget in settings.limits),
        trials=found.trials,
        front=found.front,
        baselines=found.baselines[found.baselines["state"] == "COMPLETE"],
        published=published.imagenet(),
        control=found.control,
        objective=_objective(settings),
    )


def _objective(settings: Settings) -> Quantity:
    """What is minimised, as the figures show it; a latency names its device."""
    if settings.objective != "latency_ms" or settings.latency is None:
        return QUANTITIES[settings.objective]
    return replace(LATENCY, label=f"Latency on {settings.latency.device}")


def print_summary(found: Results, console: Console) -> None:
    """The front as a table with the baselines that each point dominates, the baselines, and the archs."""
    settings, objective = found.settings, found.settings.objective
    done = found.baselines[found.baselines["state"] == "COMPLETE"]
    title = Text(  # not a str: a folder's name is no markup
        f"{settings.data_name}: validation accuracy after {settings.fidelity.epochs:g} epochs\n"
        f"costs at {settings.target}; multiply-adds of convolutions and fully connected layers"
        + (f"\nms on {settings.latency.fingerprint}" if settings.latency else "")
    )
    table = Table(title=title, title_justify="left")
    table.add_column("trial", justify="right", overflow="fold")
    headings = ["accuracy", "M multiply-adds", "M parameters"]
    if settings.latency:  # all must fit 80 characters; the parameters are in the files
        headings = ["accuracy", "M multiply-\nadds", "ms\nmeasured", "ms\npredicted"]
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("dominates", overflow="fold")
    for _, row in found.front.iterrows():
        beaten = _dominated(row, done, objective)
        table.add_row(str(row["trial"]), *_figures(row, settings), "\n".join(beaten) or "none")
    table.add_section()
    for _, row in done.sort_values(objective).iterrows():
        table.add_row(str(row["name"]), *_figures(row, settings), "", style="dim")
    console.print(table)
    for _, row in found.front.iterrows():
        console.print(f"trial {row['trial']}: {row['arch']}", highlight=False, soft_wrap=True)
    counts = found.trials["state"].value_counts()
    said = ", ".join(f"{count} {state}" for state, count in counts.items())
    console.print(f"trials: {said or 'none'}; front: {len(found.front)} points", highlight=False)
    _print_slow(found, console)
    _print_control(found, console)


def _print_slow(found: Results, console: Console) -> None:
    """The trials that turned out to be over a budget of milliseconds when they were timed."""
    bounds = [(b.quantity, b.limit) for b in found.settings.limits if b.quantity == "latency_ms"]
    timed = found.trials[found.trials["measured_ms"].notna()]
    for _, row in timed[~within(timed, bounds)].iterrows():
        measured, predicted = times(row)
        console.print(
            f"trial {row['trial']} is over the budget of {bounds[0][1]:g} ms: measured {measured}, predicted "
            f"{predicted}; taken off the front",
            highlight=False,
        )


def _print_control(found: Results, console: Console) -> None:
    """The search against its control after as many trials, by the area that their fronts dominate."""
    if found.control.empty:
        return
    done = found.control["state"].isin(["COMPLETE", "PRUNED", "FAIL"]) & (
        found.control["reason"] != INTERRUPTED
    )
    front, objective = found.control_front, found.settings.objective
    said = f"control ({found.settings.control}): {done.sum()} trials, front: {len(front)} points"
    worst = pd.concat([found.trials, found.control])[objective].max()
    limits = [b.limit for b in found.settings.limits if b.quantity == objective]
    point = (0.0, float(limits[0] if limits else worst))
    mine, theirs = (hypervolume(f["accuracy"], f[objective], point) for f in (found.front, front))
    if theirs > 0:
        said += f"; the search's front dominates {mine / theirs:.3f} times its area (from accuracy 0)"
    console.print(said, highlight=False)


def _figures(row: pd.Series, settings: Settings) -> list[str]:
    accuracy, macs = f"{row['accuracy']:.2%}", f"{row['macs'] / 1e6:.2f}"
    if settings.latency:
        return [accuracy, macs, *(text.replace(" (", "\n").rstrip(")") for text in times(row))]
    return [accuracy, macs, f"{row['params'] / 1e6:.3f}"]


def _dominated(row: pd.Series, baselines: pd.DataFrame, objective: str) -> list[str]:
    mine = (row["accuracy"], row[objective])
    theirs = baselines[["accuracy", objective]].to_numpy(dtype=float)
    beaten: Any = dominates(mine, theirs) if len(theirs) else []
    return [str(name) for name, is_beaten in zip(baselines["name"], beaten, strict=True) if is_beaten]


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a run.", metavar="RUN")],
    storage: Annotated[str | None, typer.Option(help="Storage URL, where it is not in the folder.")] = None,
) -> None:
    """Write the tables and pictures of a run anew and print its front."""
    from nas.runs.folders import open_run

    record = open_run(run, storage)
    found = results(record)
    write_results(found, run)
    print_summary(found, Console())


if __name__ == "__main__":
    from nas.console.commands import run as run_command

    run_command(main)
