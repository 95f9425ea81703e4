"""What the page knows of every network, for its script: short, because there may be thousands."""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from nas.common.quantities import COLUMNS, MACS, PARAMS, digits
from nas.search.picture import designed, drawn_trials, key_names
from nas.search.results import Results


def networks(run: Results) -> dict[str, Any]:
    """Of each network: its key, its arch as numbers of `parts`, accuracy, interval, `costs`, and more.

    Costs are texts, None where they are not known; those of the objective and what is always told.
    """
    costs = list(dict.fromkeys((COLUMNS[run.settings.objective], MACS, PARAMS, *run.settings.costs)))
    parts: dict[str, int] = {}
    told = []
    for key, row, more in _rows(run):
        arch = [parts.setdefault(part, len(parts)) for part in str(row["arch"]).split("-")]
        low, high = (_share(row.get(name)) for name in ("accuracy_low", "accuracy_high"))
        known = [None if pd.isna(row[c.column]) else digits(float(row[c.column]) / c.scale) for c in costs]
        told.append([key, arch, _share(row["accuracy"]), low, high, known, more])
    return {
        "parts": list(parts),
        "networks": told,
        "costs": [{"unit": cost.unit, "phrase": cost.phrase} for cost in costs],
    }


def _rows(run: Results) -> Iterator[tuple[str, pd.Series, str]]:
    """Every network that is drawn, once: as it was confirmed where it was, else as it was selected."""
    confirmed, once = designed(run)
    sources = (
        ("trial", run.front),
        ("trial", confirmed),
        ("trial", once),
        ("trial", drawn_trials(run.trials, run.settings)),
        ("random", drawn_trials(run.control, run.settings)),
    )
    seen = set()
    for kind, rows in sources:
        for key, (_, row) in zip(key_names(rows, kind), rows.iterrows(), strict=True):
            if key not in seen:
                seen.add(key)
                seeds = row.get("seeds", 1)
                place = {"undecided": ", its place not decided", "selected": ", not confirmed"}.get(
                    row.get("place", ""), ""
                )
                several = f", {int(seeds)} seeds" if pd.notna(seeds) and seeds > 1 else ""
                yield key, row, f"{row['epochs']:g} epochs{several}{place}"


def slider(run: Results) -> dict[str, Any] | None:
    """What the slider moves over: the cost that is minimised, from below the cheapest of the front to the budget."""
    cost = COLUMNS[run.settings.objective]
    front = run.front[run.front[cost.column].gt(0)]
    if not len(front):
        return None
    limits = [budget.limit for budget in run.settings.limits if budget.quantity == cost.column]
    hands = [float(value) for rows in designed(run) for value in rows[cost.column]]
    high = limits[0] if limits else max([float(front[cost.column].max()), *hands])
    return {
        "plot": f"{cost.name}-0",
        "low": float(front[cost.column].min()) * 0.9 / cost.scale,
        "high": high / cost.scale,
        "unit": cost.unit,
        "phrase": cost.phrase,
    }


def points(rows: pd.DataFrame, run: Results) -> list[dict[str, Any]]:
    """Key, cost in the unit of the objective's axis, and accuracy of each row."""
    cost = COLUMNS[run.settings.objective]
    return [
        {
            "key": key,
            "cost": float(row[cost.column]) / cost.scale,
            "accuracy": float(row["accuracy"]),
            "low": _share(row.get("accuracy_low")),
            "high": _share(row.get("accuracy_high")),
            "undecided": row.get("place") == "undecided",
        }
        for key, (_, row) in zip(key_names(rows), rows.iterrows(), strict=True)
    ]


def _share(value: Any) -> float | None:
    return None if value is None or math.isnan(value) else round(float(value), 5)
