"""The results of an ablation put down: tables, pages and pictures, and the verdicts in the terminal."""

import math
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.text import Text

from nas.ablate.picture import AblationInfo, forest_sheet, tradeoff_sheet
from nas.ablate.study import AS_IS, BASE, Plan
from nas.ablate.summary import UNTRAINED, summarise, trainings_table
from nas.common.files import write_text
from nas.common.quantities import MACS, PARAMS
from nas.compare.trainings import Trainings
from nas.console.text_table import aligned, in_points
from nas.figures.markup import escape, table
from nas.figures.page import document
from nas.figures.picture import save_png

FILES = "ablation.html, forest.png, tradeoff.png, summary.csv, ablation.csv"


def ablation_info(trainings: Trainings, plan: Plan, title: str) -> AblationInfo:
    """What the figures and tables are told, from the study alone."""
    return AblationInfo(
        title=title,
        setup=trainings.setup,
        seeds=len(trainings.seeds),
        rows=summarise(trainings, plan, trainings.noted("latency_ms")),
        device=trainings.noted("latency_of") or "",
    )


def write_results(trainings: Trainings, plan: Plan, info: AblationInfo, folder: Path) -> None:
    """Write all FILES, each whole or not at all."""
    write_text(folder / "ablation.csv", trainings_table(trainings, plan).to_csv(index=False))
    write_text(folder / "summary.csv", info.rows.to_csv(index=False))
    forest, tradeoff = forest_sheet(info), tradeoff_sheet(info)
    notes = "".join(f"<p>{escape(line)}</p>" for line in explanations(info))
    body = table(*verdicts(info)) + notes
    write_text(folder / "ablation.html", document([forest, tradeoff], "The verdicts", body))
    save_png(forest, folder / "forest.png")
    save_png(tradeoff, folder / "tradeoff.png")


def print_summary(info: AblationInfo, console: Console) -> None:
    """A verdict line a variant with all comparisons side by side, the interactions, and what to make of them."""
    setup, (header, rows) = info.setup, verdicts(info)
    left = [name for name in header if name == "variant" or name.endswith("verdict")]
    bases = info.rows[info.rows["comparison"] == BASE]
    said = [
        f"Ablation of {info.title} on {setup.data_name}: {setup.trained}, {info.seeds} seeds",
        *(f"{_base(row)} (at {setup.target})" for _, row in bases.iterrows()),
        "points: accuracy minus that of what the variant was made from, in percentage points, mean [95 % interval], "
        "paired by seed; verdicts after Holm's correction; x cost: times that of what it was made from",
        *([f"latency: predicted, of {info.device}"] if info.device else []),
        "",
        aligned(header, rows, left),
        "",
    ]
    console.print(Text("\n".join([*said, *explanations(info)])), soft_wrap=True)


def verdicts(info: AblationInfo) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the main table: a line a variant; each comparison's difference, verdict and cost."""
    header = ["variant"]
    for comparison in info.comparisons:
        header += [f"{comparison}: points", "seeds", f"{comparison}: verdict", "x cost"]
    lines = []
    for name in dict.fromkeys(info.telling["name"]):
        line = [name]
        for comparison in info.comparisons:
            found = info.telling[(info.telling["name"] == name) & (info.telling["comparison"] == comparison)]
            line += _cells(found.iloc[0], info.seeds) if len(found) else ["", "", "", ""]
        lines.append(line)
    return header, lines


def explanations(info: AblationInfo) -> list[str]:
    """What was not done and why, and what these seeds could have shown."""
    about: dict[str, list[str]] = {}
    for _, row in info.rows[info.rows["note"].ne("")].iterrows():
        name = row["name"] if row["comparison"] == BASE else f"{row['name']} ({row['comparison']})"
        about.setdefault(row["note"], []).append(name)
    said = [f"{note}: {', '.join(names)}" for note, names in about.items()]
    as_is = set(info.rows.loc[info.rows["comparison"] == AS_IS, "arch"])
    equal = info.rows[~info.rows["comparison"].isin([BASE, AS_IS]) & info.rows["status"].eq("train")]
    if equal["arch"].isin(as_is).any():
        said.append(
            "Where a variant costs the same to within 1 % as it is, it is the same network in both comparisons."
        )
    trained = info.rows[info.rows["status"] == "train"]
    smallest = trained.groupby("comparison", sort=False)["smallest"].max().dropna()
    for comparison, value in smallest.items():
        said.append(
            f"{comparison}: with a probability of 80 % these seeds would have shown a difference of "
            f"{100 * value:.2f} points; a smaller one may be there unseen."
        )
    return said


def _cells(row: pd.Series, seeds: int) -> list[str]:
    ratio = "" if math.isnan(row["ratio"]) else f"{row['ratio']:.3f}"
    if row["status"] in UNTRAINED:
        return ["", "", UNTRAINED[row["status"]], ratio]
    count = int(row["seeds"])
    verdict = str(row["verdict"]) if count == seeds else f"unfinished ({row['verdict']})"
    points = in_points(row["difference"], row["difference_low"], row["difference_high"])
    return [points, str(count), verdict, ratio]


def _base(row: pd.Series) -> str:
    reached, low, high = row["accuracy"], row["accuracy_low"], row["accuracy_high"]
    spread = "" if math.isnan(low) else f" [{low:.2%}, {high:.2%}]"
    said = "not trained yet" if math.isnan(reached) else f"{reached:.2%}{spread} validation accuracy"
    costs = [f"{cost.cell(row[cost.column])} {cost.heading}" for cost in (MACS, PARAMS)]
    return f"{row['name']}: {', '.join([said, *costs])}"
