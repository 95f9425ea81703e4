"""The results of an ablation, made from its study alone: a line a row of the plan, and the effects read from them."""

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import pandas as pd

from nas.ablate.study import BASE, Plan
from nas.common import stats
from nas.common.stats import Effect
from nas.compare.trainings import Trainings

_MEANS = ("accuracy", "accuracy_low", "accuracy_high")
_EFFECT = ("difference", "difference_low", "difference_high", "p", "p_holm", "verdict", "smallest")
COLUMNS = (
    *("name", "component", "label", "stage", "comparison", "status", "seeds", *_MEANS, *_EFFECT),
    *("ratio", "macs", "params", "activations", "latency_ms", "arch", "against", "note"),
)
UNTRAINED = {"identical": "identical to the base", "impossible": "cannot be made"}
"""What is said instead of a verdict, by status."""
READ = "read"
"""The status of a line that is no network but a number read from several, such as an interaction."""
SEEN = "interaction seen"
"""The verdict of an interaction: together the two do more, or where it is negative less, than one after the other."""


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
    called: dict[str, str] = {}
    for row in plan.rows:
        if row.status == "train":
            name = row.name if row.comparison == BASE else f"{row.name} ({row.comparison})"
            called.setdefault(row.arch, name)
    return called


def trainings_table(trainings: Trainings, plan: Plan) -> pd.DataFrame:
    """Every training, with the names of the rows that it belongs to."""
    rows: dict[str, list[str]] = {arch: [] for arch in plan.archs()}
    for row in plan.rows:
        if row.arch in rows:
            rows[row.arch].append(f"{row.name} ({row.comparison})")
    table = trainings.frame()
    table.insert(1, "rows", table["network"].map({arch: "; ".join(every) for arch, every in rows.items()}))
    return table


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
