"""The tables and pictures of a search: written into its folder, and its front printed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from nas.common.csv_text import table_csv
from nas.common.files import write_text
from nas.common.fronts import dominates, hypervolume
from nas.common.quantities import LATENCY, Quantity
from nas.console.text_table import aligned
from nas.engine.costs import elsewhere
from nas.search.budget import within
from nas.search.page import write_html
from nas.search.picture import times, write_png
from nas.search.record import COLUMNS
from nas.search.results import TOLD, Results, ended, front_of
from nas.search.verdict import sentences, verdict

FILES = "front.html, front.png, verdict.json, front.csv, trials.csv, baselines.csv"


def write_results(found: Results, folder: Path) -> None:
    """Write FILES, each whole or not at all; confirmed.csv and trainings.csv where anything was confirmed.

    And control.csv where the run has a control.
    """
    tables = {
        "trials": found.trials,
        "front": found.front[[*COLUMNS, *TOLD]],
        "baselines": found.baselines,
    }
    if len(found.control):
        tables["control"] = found.control
    if len(found.confirmed):
        tables |= {"confirmed": found.confirmed, "trainings": found.trainings}
    said = verdict(found)
    answer = {**said.plain(), "sentences": sentences(found, said, str(folder))}
    write_text(folder / "verdict.json", json.dumps(answer, indent=2) + "\n")
    for name, table in tables.items():
        write_text(folder / f"{name}.csv", table_csv(table))
    write_html(found, folder / "front.html")
    write_png(found, folder / "front.png")


def files(found: Results) -> str:
    """The names of what `write_results` wrote."""
    more = [("confirmed.csv, trainings.csv", found.confirmed), ("control.csv", found.control)]
    return ", ".join([FILES, *(names for names, table in more if len(table))])


def print_summary(found: Results, console: Console, folder: Path) -> None:
    """The front as a table with the baselines that each point dominates, the baselines, the archs, and the answer."""
    settings, objective = found.settings, found.settings.objective
    done = _designed(found)
    alone = found.baselines[
        (found.baselines["state"] == "COMPLETE") & ~found.baselines["name"].isin(done["name"])
    ]
    headings = [settings.judged_by, *(["95 %", "seeds", "place"] if found.is_confirmed else [])]
    headings += [cost.heading for cost in settings.costs]
    headings += ["ms measured", "ms predicted"] if settings.latency else []
    rows = [
        [str(row["trial"]), *_figures(row, found), ", ".join(_dominated(row, done, objective)) or "none"]
        for _, row in found.front.iterrows()
    ]
    rows += [
        [str(row["name"]), *_figures(row, found), ""]
        for table in (done, alone)
        for _, row in table.sort_values(objective).iterrows()
    ]
    counts = found.trials["state"].value_counts()
    said = ", ".join(f"{count} {state}" for state, count in counts.items())
    lines = [
        f"{settings.data_name}: validation {settings.judged_by} after {_epochs(found):g} epochs",
        f"costs at {settings.target}; multiply-adds of convolutions, fully connected layers and attention",
        *([f"ms on {settings.latency.fingerprint}"] if settings.latency else []),
        "",
        aligned(["trial", *headings, "dominates"], rows, left=("dominates",)),
        "",
        *elsewhere(settings, {str(row["trial"]): row["arch"] for _, row in found.front.iterrows()}),
        *(f"trial {row['trial']}: {row['arch']}" for _, row in found.front.iterrows()),
        f"trials: {said or 'none'}; front: {len(found.front)} point{'s' * (len(found.front) != 1)}",
        *_not_compared(alone, found),
        *_slow(found),
        *_control(found),
        *found.measuring,
        "",
        *sentences(found, verdict(found), str(folder)),
    ]
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def _not_compared(alone: pd.DataFrame, found: Results) -> Sequence[str]:
    """Why some baselines stand in the table and are compared with nothing."""
    over = alone[~within(alone, found.settings.limits)]["name"]
    rest = alone[~alone["name"].isin(over)]["name"]
    why = "not confirmed" if found.is_confirmed else "trained for another length than the front"
    said = (("over the budget", over), (why, rest))
    return [f"compared with nothing, because {why}: {', '.join(names)}" for why, names in said if len(names)]


def _slow(found: Results) -> Sequence[str]:
    """The trials that turned out to be over a budget of milliseconds when they were timed."""
    bounds = [budget for budget in found.settings.limits if budget.quantity == LATENCY.column]
    timed = found.trials[found.trials["measured_ms"].notna()]
    said = []
    for _, row in timed[~within(timed, bounds)].iterrows():
        measured, predicted = times(row)
        said.append(
            f"trial {row['trial']} is over the budget of {bounds[0].limit:g} ms: measured {measured}, predicted "
            f"{predicted}; taken off the front"
        )
    return said


def _control(found: Results) -> Sequence[str]:
    """The search against its control after as many trials, by the area that their fronts dominate."""
    if found.control.empty:
        return []
    front, objective = found.control_front, found.settings.objective
    said = (
        f"control ({found.settings.control}): {ended(found.control).sum()} trials, front: {len(front)} points"
    )
    worst = pd.concat([found.trials, found.control])[objective].max()
    limits = [b.limit for b in found.settings.limits if b.quantity == objective]
    point = (0.0, float(limits[0] if limits else worst))
    fronts = (
        front_of(found.trials, found.settings),
        front,
    )  # both as selected: the control's is not confirmed
    mine, theirs = (hypervolume(f["accuracy"], f[objective], point) for f in fronts)
    if theirs > 0:
        said += f"; the search's front dominates {mine / theirs:.3f} times its area (from {found.settings.judged_by} 0)"
    return [said]


def _epochs(found: Results) -> float:
    """Of the trainings that the front's accuracies come from."""
    return float(found.front["epochs"].iloc[0]) if len(found.front) else found.settings.fidelity.epochs


def _designed(found: Results) -> pd.DataFrame:
    """The baselines that the front can be compared with: confirmed as it is, or trained once and for as long."""
    if found.is_confirmed:
        return found.confirmed[found.confirmed["name"] != ""]
    alike = (found.baselines["state"] == "COMPLETE") & found.baselines["epochs"].eq(_epochs(found))
    return found.baselines[alike]


def _figures(row: pd.Series, found: Results) -> list[str]:
    figures = [f"{row['accuracy']:.2%}"]
    if found.is_confirmed:
        low, high = (row.get(name, float("nan")) for name in ("accuracy_low", "accuracy_high"))
        interval = "" if pd.isna(low) else f"{100 * low:.2f} to {100 * high:.2f}"
        seeds, place = row.get("seeds", 1), row.get("place", "")
        figures += [interval, str(seeds), "" if row["name"] else str(place)]
    figures += [_cell(cost, row) for cost in found.settings.costs]
    return [*figures, *times(row)] if found.settings.latency else figures


def _cell(cost: Quantity, row: pd.Series) -> str:
    return "" if pd.isna(row[cost.column]) else cost.cell(row[cost.column])


def _dominated(row: pd.Series, baselines: pd.DataFrame, objective: str) -> list[str]:
    mine = (row["accuracy"], row[objective])
    theirs = baselines[["accuracy", objective]].to_numpy(dtype=float)
    beaten: Any = dominates(mine, theirs) if len(theirs) else []
    return [str(name) for name, is_beaten in zip(baselines["name"], beaten, strict=True) if is_beaten]
