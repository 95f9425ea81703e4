"""The results of an ablation, made from its study alone: tables, pages and pictures, and verdicts in the terminal."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup
from rich.console import Console
from rich.text import Text

from nas.ablate.picture import AblationInfo, forest_sheet, tradeoff_sheet
from nas.ablate.study import AS_IS, BASE, SEEN, UNTRAINED, Plan
from nas.common import stats
from nas.common.csv_text import table_csv
from nas.common.files import write_text
from nas.common.quantities import COUNTED_COLUMNS, MACS, PARAMS
from nas.common.stats import Effect
from nas.compare.trainings import Trainings
from nas.console.text_table import aligned, in_points
from nas.engine.costs import elsewhere
from nas.figures.markup import table
from nas.figures.page import document
from nas.figures.picture import save_png

FILES = "ablation.html, forest.png, tradeoff.png, summary.csv, ablation.csv"

_MEANS = ("accuracy", "accuracy_low", "accuracy_high")
_EFFECT = ("difference", "difference_low", "difference_high", "p", "p_holm", "verdict", "smallest")
COLUMNS = (
    *("name", "component", "label", "stage", "comparison", "status", "seeds", *_MEANS, *_EFFECT),
    *("ratio", *COUNTED_COLUMNS, "latency_ms", "arch", "against", "note"),
)
READ = "read"
"""The status of a line that is no network but a number read from several, such as an interaction."""


def summarise(trainings: Trainings, plan: Plan, latencies: Mapping[str, float] | None = None) -> pd.DataFrame:
    """A line a row of the plan, then one for each contrast that is no row's, in COLUMNS.

    `seeds` counts those for which a network and what it is compared with were trained. Accuracies (validation) and
    differences are in [0, 1], costs at the setup's target; `latencies` are predicted, in ms by text. Noise is pooled
    over all networks of the study; Holm's correction is over a family.
    """
    accuracies = {arch: trainings.accuracies(arch) for arch in plan.archs()}
    means = stats.pooled_intervals(accuracies)
    effects = _effects(plan, accuracies)
    own = {(c.name, c.family.partition(", ")[0]): c.family for c in plan.contrasts if len(c.terms) == 2}
    lines: list[dict[str, Any]] = []
    for row in plan.rows:
        line: dict[str, Any] = {**asdict(row), "note": row.reason}
        if row.arch:
            line |= asdict(trainings.setup.cost(row.arch))
            line["latency_ms"] = (latencies or {}).get(row.arch, math.nan)
        if row.status == "train":
            line["seeds"] = sum(not math.isnan(value) for value in accuracies[row.arch])
            line |= dict(zip(_MEANS, means[row.arch], strict=True))
            line["note"] = trainings.shortfall(row.arch)
            if family := own.get((row.name, row.comparison)):
                effect = effects.pop((family, row.name))
                line |= {"seeds": effect.n, **_told(effect, line["note"])}
        lines.append(line)
    for (family, name), effect in effects.items():
        comparison, _, kind = family.partition(", ")
        read = {"name": f"{name} ({kind or 'effect'})", "component": kind, "comparison": comparison}
        line = {**read, "status": READ, "stage": 0, "seeds": effect.n, **_told(effect, "")}
        if effect.verdict in (stats.HELPS, stats.HURTS):  # neither is what an interaction does
            line["verdict"] = SEEN
        lines.append(line)
    summary = pd.DataFrame(lines).reindex(columns=list(COLUMNS))
    texts = ["label", "verdict", "arch", "against", "note"]
    summary[texts] = summary[texts].fillna("")
    return summary


def names(plan: Plan) -> dict[str, str]:
    """What each network of the plan is called, by its text: the first of its rows."""
    return {
        row.arch: row.name if row.comparison == BASE else f"{row.name} ({row.comparison})"
        for row in reversed(plan.rows)
        if row.status == "train"
    }


def trainings_table(trainings: Trainings, plan: Plan) -> pd.DataFrame:
    """Every training, with the names of the rows that it belongs to."""
    rows: dict[str, list[str]] = defaultdict(list)
    for row in plan.rows:
        rows[row.arch].append(f"{row.name} ({row.comparison})")
    frame = trainings.frame()
    frame.insert(1, "rows", frame["network"].map({arch: "; ".join(every) for arch, every in rows.items()}))
    return frame


def _effects(plan: Plan, accuracies: Mapping[str, list[float]]) -> dict[tuple[str, str], Effect]:
    """Every contrast's effect, by family and name; two that are read from the same networks are tested once."""
    found = {}
    for family in dict.fromkeys(contrast.family for contrast in plan.contrasts):
        mine = [contrast for contrast in plan.contrasts if contrast.family == family]
        first = {frozenset(contrast.terms): contrast for contrast in reversed(mine)}
        tested = {contrast.name: contrast.terms for contrast in mine if contrast in first.values()}
        effects = stats.contrast_effects(accuracies, tested)
        for contrast in mine:
            known = first[frozenset(contrast.terms)].name
            effect = effects[known]
            if known != contrast.name and not effect.reason:
                effect = replace(effect, reason=f"the same as {known}, and tested once with it")
            found[family, contrast.name] = effect
    return found


def _told(effect: Effect, note: str) -> dict[str, Any]:
    values = (effect.mean, effect.low, effect.high, effect.p, effect.p_holm, effect.verdict, effect.smallest)
    return dict(zip(_EFFECT, values, strict=True)) | {"note": note or effect.reason}


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
    write_text(folder / "ablation.csv", table_csv(trainings_table(trainings, plan)))
    write_text(folder / "summary.csv", table_csv(info.rows))
    forest, tradeoff = forest_sheet(info), tradeoff_sheet(info)
    header, rows = verdicts(info)
    notes = Markup("").join(Markup("<p>{}</p>").format(line) for line in explanations(info))
    left = [name for name in header if name == "variant" or name.endswith("verdict")]
    body = table(header, rows, left, name="the verdicts") + notes
    write_text(
        folder / "ablation.html",
        document([forest, tradeoff], "The verdicts", body, at=folder / "ablation.html"),
    )
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
        f"points: {setup.judged_by} minus that of what the variant was made from, in percentage points, mean [95 % "
        "interval], "
        "paired by seed; verdicts after Holm's correction; x cost: times that of what it was made from",
        *([f"latency: predicted, of {info.device}"] if info.device else []),
        "",
        aligned(header, rows, left),
        "",
        *elsewhere(setup, {row["name"]: row["arch"] for _, row in bases.iterrows()}),
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
    said = "not trained yet" if math.isnan(reached) else f"{reached:.2%}{spread} on validation"
    costs = [f"{cost.cell(row[cost.column])} {cost.heading}" for cost in (MACS, PARAMS)]
    return f"{row['name']}: {', '.join([said, *costs])}"
