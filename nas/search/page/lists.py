"""The tables of the page: the front, and the hand-designed networks beside it."""

import math

import pandas as pd
from markupsafe import Markup

from nas.common.quantities import LATENCY, Quantity, digits
from nas.figures.drawing import costs_beside
from nas.figures.markup import table
from nas.search.picture import designed, key_names, objective_of, times
from nas.search.results import Results
from nas.search.settings import Settings

_CHOOSE = Markup('<button type="button" class="linked" data-choose="{}">{}</button>')


def front_table(rows: pd.DataFrame, settings: Settings) -> Markup:
    """Found networks by falling accuracy, each with its costs, its interval where it has one, and its arch."""
    return _listed(rows, settings, "trial", key_names(rows), "the front")


def designed_table(run: Results) -> Markup | str:
    """The hand-designed networks, confirmed ones with their intervals; nothing where none was trained."""
    parts = [rows for rows in designed(run) if len(rows)]
    if not parts:
        return ""
    rows = pd.concat(parts)
    return _listed(rows, run.settings, "network", list(rows["name"]), "the hand-designed networks")


def _listed(rows: pd.DataFrame, settings: Settings, what: str, names: list[str], told: str) -> Markup:
    objective = objective_of(settings)
    rows = rows.assign(called=names).sort_values("accuracy", ascending=False)
    every = tuple(dict.fromkeys((*costs_beside(objective), *settings.costs)))
    costs = [cost for cost in every if rows[cost.column].notna().any()]
    timed = rows["predicted_ms"].notna().any()
    if timed:  # told with their intervals
        costs = [cost for cost in costs if cost.column != LATENCY.column]
    spread = "accuracy_low" in rows and rows["accuracy_low"].notna().any()
    head = [
        what,
        f"validation {settings.judged_by} (%)",
        *(["95 % interval", "seeds", "place"] if spread else []),
    ]
    head += [f"{cost.phrase} ({cost.unit})" for cost in costs]
    head += [*(["measured (ms)", "predicted (ms)"] if timed else []), "arch"]
    lines = [
        [
            _CHOOSE.format(row["called"], row["called"].removeprefix("trial ")),
            f"{100 * row['accuracy']:.2f}",
            *(_cost(row, cost) for cost in costs),
            *(_spread(row) if spread else ()),
            *(times(row) if timed else ()),
            str(row["arch"]),
        ]
        for _, row in rows.iterrows()
    ]
    return table(head, lines, left=(what,), code=("arch",), name=told)


def _spread(row: pd.Series) -> tuple[str, str, str]:
    low, high, seeds = row["accuracy_low"], row["accuracy_high"], row["seeds"]
    known = "" if math.isnan(low) else f"{100 * low:.2f} to {100 * high:.2f}"
    place = row["place"] if isinstance(row["place"], str) else ""
    return known, "" if pd.isna(seeds) else str(int(seeds)), place


def _cost(row: pd.Series, cost: Quantity) -> str:
    return "" if pd.isna(row[cost.column]) else digits(float(row[cost.column]) / cost.scale)
