"""What a search's answer is worth, in numbers and in words: the found networks beside the nearest hand-designed ones.

Only confirming trainings count. Differences are paired by seed, their noise is pooled over all that were confirmed,
and the verdicts are corrected for their number (Holm's method; see `nas.common.stats`).
"""

import math
import shlex
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from nas.common import stats
from nas.common.fronts import strips
from nas.common.quantities import COLUMNS
from nas.search.results import Results, key_of, reference
from nas.search.settings import Settings
from nas.train.metrics import ACCURACY, METRICS

BETTER, NO_WORSE, UNTOLD, WORSE = "better", "no worse", "not distinguishable", "worse"
MARGIN = 0.01
"""A network that costs less is no worse where the interval of the difference ends above this loss of accuracy."""


@dataclass(frozen=True)
class Beside:
    """A found network beside a hand-designed one: found minus hand-designed, accuracies in [0, 1].

    cost: the found network's as a share of the other's. low, high: of the difference's 95 % interval by itself.
    """

    trial: int
    name: str
    cost: float
    difference: float
    low: float
    high: float
    p_holm: float
    verdict: str


@dataclass(frozen=True)
class Area:
    """The share of the rectangle from the reference to (accuracy 1, cost 0) that a front dominates, with its interval.

    found, designed, difference: (mean, low, high) each; NaN where it cannot be told.
    """

    accuracy: float
    cost: float
    found: tuple[float, float, float]
    designed: tuple[float, float, float]
    difference: tuple[float, float, float]


@dataclass(frozen=True)
class Verdict:
    """All of it. besides: in the order of the found networks' costs. recommended: the trial to take."""

    confirmed: bool
    besides: tuple[Beside, ...]
    area: Area | None
    recommended: int | None

    def plain(self) -> dict[str, Any]:
        """As it stands in JSON, where what is not known is null."""
        plain: dict[str, Any] = _finite(asdict(self))
        return plain


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def verdict(run: Results) -> Verdict:
    """What the confirming trainings of a run say; of one without any only which point is the most accurate."""
    leader = _leader(run.front, run.settings.objective)
    if not run.is_confirmed:
        return Verdict(False, (), None, leader)
    designed = run.confirmed[run.confirmed["name"] != ""]
    return Verdict(True, _besides(run, designed), _area(run, designed), leader)


def _leader(front: pd.DataFrame, objective: str) -> int | None:
    """The most accurate trial, of equal ones the cheapest."""
    if not len(front):
        return None
    return int(front.sort_values(["accuracy", objective], ascending=[False, True])["trial"].iloc[0])


def _besides(run: Results, designed: pd.DataFrame) -> tuple[Beside, ...]:
    """Each point of the front beside the nearest hand-designed networks at no more and at no less cost.

    The most accurate one stands beside the best of them within the budgets, too.
    """
    objective, results = run.settings.objective, run.accuracies()
    leader = _leader(run.front, objective)
    pairs: dict[str, tuple[pd.Series, pd.Series]] = {}
    for _, mine in run.front.iterrows():
        cheaper = designed[designed[objective] <= mine[objective]].sort_values(objective).tail(1)
        dearer = designed[designed[objective] > mine[objective]].sort_values(objective).head(1)
        best = designed.sort_values("accuracy").tail(1 if mine["trial"] == leader else 0)
        for _, other in pd.concat([cheaper, dearer, best]).iterrows():
            pairs[f"{mine['trial']} {other['name']}"] = mine, other
    contrasts = {name: [(1.0, key_of(mine)), (-1.0, key_of(other))] for name, (mine, other) in pairs.items()}
    effects = stats.contrast_effects(results, contrasts)
    told = []
    for name, (mine, other) in pairs.items():
        effect, share = effects[name], float(mine[objective] / other[objective])
        said = _word(effect, share)
        told.append(
            Beside(
                int(mine["trial"]),
                str(other["name"]),
                share,
                effect.mean,
                effect.low,
                effect.high,
                effect.p_holm,
                said,
            )
        )
    return tuple(told)


def _word(effect: stats.Effect, share: float) -> str:
    if effect.verdict == stats.HELPS:
        return BETTER
    if effect.verdict == stats.HURTS:
        return WORSE
    return NO_WORSE if share < 1 and effect.low > -MARGIN else UNTOLD


def _area(run: Results, designed: pd.DataFrame) -> Area | None:
    """The hypervolume of both fronts: of their means a sum with fixed widths, whose error follows from the noise."""
    point = reference(run.settings, run.classes) if run.classes else None
    if point is None or not len(designed):
        return None
    objective, results = run.settings.objective, run.accuracies()
    both: list[dict[str, float]] = []
    for rows in (run.front, designed):
        widths = strips(rows["accuracy"], rows[objective], point)
        both.append({key_of(row): width for (_, row), width in zip(rows.iterrows(), widths, strict=True)})
    found, hands = both
    between = {name: found.get(name, 0.0) - hands.get(name, 0.0) for name in {*found, *hands}}
    return Area(
        *point, *(stats.weighted_sum(results, widths, point[0]) for widths in (found, hands, between))
    )


def front_area(run: Results, rows: pd.DataFrame, point: tuple[float, float]) -> tuple[float, float, float]:
    """The share of the area from a point (accuracy, cost) that rows of a run dominate, and the ends of its interval.

    NaN ends where nothing was confirmed.
    """
    widths = strips(rows["accuracy"], rows[run.settings.objective], point)
    if not run.is_confirmed:
        mean = float(
            sum(width * (value - point[0]) for width, value in zip(widths, rows["accuracy"], strict=True))
        )
        return mean, math.nan, math.nan
    weights = {key_of(row): width for (_, row), width in zip(rows.iterrows(), widths, strict=True)}
    return stats.weighted_sum(run.accuracies(), weights, point[0])


# In words -----------------------------------------------------------------------------------------------


def sentences(run: Results, said: Verdict, folder: str) -> list[str]:
    """The answer, a sentence a line; the last ones say what to take and what to type next."""
    lines = [basis(run), *(compared(run, one) for one in said.besides)]
    if len(said.besides) > 1:
        lines.append(
            f"(95 % intervals are each by itself; verdicts are corrected for these {len(said.besides)} comparisons)"
        )
    if said.area is not None and not math.isnan(said.area.difference[1]):
        lines.append(areas(run.settings, said.area))
    return [*lines, *losses(run, said), *_advice(run, said, folder)]


def basis(run: Results) -> str:
    """What the accuracies of the front are."""
    alone = ""
    reached = (
        float(run.trials.loc[run.trials["state"] == "COMPLETE", "epochs"].max()) if len(run.trials) else 0.0
    )
    if 0 < reached < run.settings.fidelity.epochs:
        alone = (
            f"; the ladder did not reach its top of {run.settings.fidelity.epochs:g} epochs: these are the networks "
            f"of its rung of {reached:g}"
        )
    if run.images and len(run.front) and run.settings.metric == ACCURACY:
        of = f"{run.settings.folds} folds" if run.settings.folds else "validation split"
        most = max(stats.images_half(float(share), run.images) for share in run.front["accuracy"])
        alone += (
            f"; other images than these {run.images:,} of the {of} could move each by up to "
            f"{100 * most:.1f} points"
        )
    if run.is_confirmed:
        epochs, undecided = float(run.front["epochs"].iloc[0]), int((run.front["place"] == "undecided").sum())
        open_ = f"; the place of {undecided} of {len(run.front)} points is not decided" if undecided else ""
        length = f"{epochs:g} epoch{'s' * (epochs != 1)}"
        return f"confirmed: means of trainings of {length} with other seeds than selected them{open_}{alone}"
    if not len(run.front):
        return "nothing has finished yet"
    figure, folds = METRICS[run.settings.metric], run.settings.folds
    of = f"the mean of the {folds} folds" if folds else "that of the one training"
    return f"not confirmed: each {figure} is {of} by which it was selected, and too high by its luck{alone}"


def compared(run: Results, one: Beside) -> str:
    """A found network beside a hand-designed one, in a sentence."""
    cost = COLUMNS[run.settings.objective]
    change, counted = abs(1 - one.cost), cost.unit == "M"
    beside = f"{change:.0%} {'fewer' if counted else 'less'}" if one.cost < 1 else f"{change:.0%} more"
    said = f"at {beside} {cost.phrase} than" if change >= 0.005 else f"at the same {cost.phrase} as"
    interval = "" if math.isnan(one.low) else f" [{100 * one.low:+.2f}, {100 * one.high:+.2f}]"
    return f"trial {one.trial} {said} {one.name}: {one.verdict}, {100 * one.difference:+.2f} points{interval}"


def areas(settings: Settings, area: Area) -> str:
    """Both fronts' areas and their difference, in a sentence."""
    unit = COLUMNS[settings.objective]
    low, high = area.difference[1:]
    word = "more than" if low > 0 else "less than" if high < 0 else "not distinguishably from"
    return (
        f"of the area from {area.accuracy:.0%} and {unit.show(area.cost)} the found front dominates "
        f"{area.found[0]:.1%}, the hand-designed one {area.designed[0]:.1%}: {word} that, "
        f"{100 * area.difference[0]:+.2f} points [{100 * low:+.2f}, {100 * high:+.2f}]"
    )


def losses(run: Results, said: Verdict) -> list[str]:
    """Where a hand-designed network within the budget is better than what was found at no less cost, or as good."""
    lost = [one for one in said.besides if one.verdict == WORSE and one.cost >= 1]
    equal = [
        one
        for one in said.besides
        if one.trial == said.recommended and one.verdict != WORSE and one.cost >= 1 and one.difference <= 0
    ]
    return [
        f"the search lost here: {one.name} costs no more than trial {one.trial} and is better; take it instead"
        for one in lost
    ] + [
        f"nothing is gained here: {one.name} costs no more than trial {one.trial} and had as good a mean"
        for one in equal
    ]


def _advice(run: Results, said: Verdict, folder: str) -> list[str]:
    if said.recommended is None:
        return []
    row = run.front[run.front["trial"] == said.recommended].iloc[0]
    cost = COLUMNS[run.settings.objective]
    interval = ""
    if not math.isnan(row["accuracy_low"]):
        interval = f" [{100 * row['accuracy_low']:.1f}, {100 * row['accuracy_high']:.1f}]"
    metric = run.settings.metric
    named = "" if metric == ACCURACY else f" {METRICS[metric]}"
    sure = {"front": "sure of its place", "undecided": "its place not decided"}.get(
        row["place"], "not confirmed"
    )
    at = f"{folder}@{row['trial']}"
    return [
        f"take trial {row['trial']}: {100 * row['accuracy']:.1f} %{named}{interval} at {cost.show(row[cost.column])} "
        f"{cost.phrase}, {sure}; train it with: python -m nas.train {shlex.quote(at)}"
    ]
