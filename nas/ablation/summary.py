"""The results of an ablation, made from its study alone: a line a row of the plan, and the effects read from them."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from nas import stats
from nas.ablation.study import BASE, Contrast, Plan, Row
from nas.comparison.trainings import Trainings
from nas.stats import Effect

COLUMNS = (
    "name",
    "component",
    "label",
    "stage",
    "comparison",
    "status",
    "seeds",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "difference",
    "difference_low",
    "difference_high",
    "p",
    "p_holm",
    "verdict",
    "smallest",
    "ratio",
    "macs",
    "params",
    "activations",
    "latency_ms",
    "arch",
    "against",
    "note",
)
EFFECT_COLUMNS = (
    "name",
    "family",
    "seeds",
    "effect",
    "low",
    "high",
    "p",
    "p_holm",
    "verdict",
    "smallest",
    "note",
)


def plan_to_json(plan: Plan) -> str:
    """As stored in the study."""
    return json.dumps(asdict(plan))


def plan_from_json(text: str) -> Plan:
    """The inverse of `plan_to_json`."""
    data = json.loads(text)
    contrasts = [
        Contrast(told["name"], told["family"], tuple((float(c), str(arch)) for c, arch in told["terms"]))
        for told in data["contrasts"]
    ]
    return Plan(data["base"], tuple(Row(**row) for row in data["rows"]), tuple(contrasts))


def summarise(
    trainings: Trainings, plan: Plan, latencies: Mapping[str, float] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A line a row of the plan, in COLUMNS, and one for each contrast that is no row's, in EFFECT_COLUMNS.

    Accuracies (validation) and differences are in [0, 1], costs at the setup's target; `latencies` are predicted,
    in ms by text. Noise is pooled over all networks of the study; Holm's correction is over a family.
    """
    accuracies = {arch: trainings.accuracies(arch) for arch in plan.archs()}
    means = stats.pooled_intervals(accuracies)
    effects = _effects(plan, accuracies)
    lines: list[dict[str, Any]] = []
    told = set()
    for row in plan.rows:
        line: dict[str, Any] = {**asdict(row), "note": row.reason}
        if row.arch:
            line |= asdict(trainings.setup.cost(row.arch))
            line["latency_ms"] = (latencies or {}).get(row.arch, math.nan)
        if row.status == "train":
            count = sum(not math.isnan(value) for value in accuracies[row.arch])
            line["seeds"] = count
            line |= dict(zip(COLUMNS[7:10], means[row.arch], strict=True))
            line["note"] = trainings.shortfall(row.arch)
            contrast = _contrast_of(row, plan)
            if contrast is not None:
                told.add((contrast.family, contrast.name))
                effect = effects[contrast.family, contrast.name]
                line |= _told(effect, "difference")
                line["note"] = "; ".join(filter(None, [line["note"], effect.reason]))
        lines.append(line)
    others = [
        {
            "name": c.name,
            "family": c.family,
            "note": effect.reason,
            **_told(effect, "effect"),
            "seeds": effect.n,
        }
        for c in plan.contrasts
        if (effect := effects[c.family, c.name]) and (c.family, c.name) not in told
    ]
    summary = pd.DataFrame(lines).reindex(columns=list(COLUMNS))
    summary["verdict"] = summary["verdict"].fillna("")
    read = pd.DataFrame(others).rename(columns={"effect_low": "low", "effect_high": "high"})
    return summary, read.reindex(columns=list(EFFECT_COLUMNS))


def _effects(plan: Plan, accuracies: Mapping[str, list[float]]) -> dict[tuple[str, str], Effect]:
    """Every contrast's effect, by family and name."""
    found = {}
    for family in dict.fromkeys(contrast.family for contrast in plan.contrasts):
        terms = {c.name: c.terms for c in plan.contrasts if c.family == family}
        for name, effect in stats.contrast_effects(accuracies, terms).items():
            found[family, name] = effect
    return found


def _contrast_of(row: Row, plan: Plan) -> Contrast | None:
    """The contrast that says what the row differs by from what it is compared with."""
    if row.comparison == BASE:
        return None
    wanted = {(1.0, row.arch), (-1.0, row.against)}
    same = [contrast for contrast in plan.contrasts if set(contrast.terms) == wanted]
    named = [contrast for contrast in same if (contrast.name, contrast.family) == (row.name, row.comparison)]
    return next(iter(named or same), None)


def _told(effect: Effect, prefix: str) -> dict[str, Any]:
    return {
        prefix: effect.mean,
        f"{prefix}_low": effect.low,
        f"{prefix}_high": effect.high,
        "p": effect.p,
        "p_holm": effect.p_holm,
        "verdict": effect.verdict,
        "smallest": effect.smallest,
    }
