"""The results of a search, read from its study alone: its tables, its front, and the area that this dominates."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
from numpy.typing import ArrayLike
from optuna.trial import FrozenTrial

from nas.common.fronts import front_mask, hypervolume
from nas.runs import studies
from nas.runs.studies import INTERRUPTED
from nas.samplers.racing import standings
from nas.search.budget import within, worst_violation
from nas.search.price import Price
from nas.search.record import COLUMNS, KINDS, Kind, Record
from nas.search.settings import Settings
from nas.train.metrics import ACCURACY

TOLD = ("accuracy_low", "accuracy_high", "seeds", "place")
"""Of a front's rows beside COLUMNS. place: front, undecided or beaten, as its confirmation says; else selected."""
SELECTED = "selected"
_CONFIRMED = (*COLUMNS, *TOLD, "chance", "selected", "name")
_SEARCHED: tuple[Kind, ...] = ("search", "baselines", "control")


def _nothing() -> pd.DataFrame:
    return pd.DataFrame(columns=list(_CONFIRMED))


@dataclass(frozen=True)
class Results:
    """The tables of a run: COLUMNS with `name` and `reason`; accuracy in [0, 1] on the validation split.

    The front has TOLD beside: where anything was confirmed its accuracies are means of confirming trainings alone.
    confirmed: every network that was, found ones and baselines (with a name), each judged among its like; `selected` is
    the accuracy that it was selected by. trainings: what confirmed, one a row, with `seed` and `of`. classes and images
    (validated on) of the data; None where the run does not know. measuring: what is said of the time that batch-norm
    statistics took. curves: what each trial reported as it was trained: epochs, and its accuracy after them.
    """

    settings: Settings
    trials: pd.DataFrame
    front: pd.DataFrame
    baselines: pd.DataFrame
    control: pd.DataFrame
    confirmed: pd.DataFrame = field(default_factory=_nothing)
    trainings: pd.DataFrame = field(default_factory=pd.DataFrame)
    classes: int | None = None
    images: int | None = None
    measuring: tuple[str, ...] = ()
    curves: Mapping[int, tuple[tuple[float, float], ...]] = field(default_factory=dict)

    @property
    def control_front(self) -> pd.DataFrame:
        """The front of the control's trials, each trained once."""
        return front_of(self.control, self.settings)

    @property
    def is_confirmed(self) -> bool:
        """Whether the front's accuracies are confirmed, and not those that it was selected by."""
        return bool(len(self.front)) and bool((self.front["place"] != SELECTED).all())

    def accuracies(self) -> dict[str, list[float]]:
        """The results of all that confirms, by `key_of` a row of `confirmed`, in the order of the seeds; NaN: none."""
        if not len(self.trainings):
            return {}
        over = self.trainings["state"].isin(["COMPLETE", "FAIL"]) & (self.trainings["reason"] != INTERRUPTED)
        rows: pd.DataFrame = self.trainings[over]
        seeds = sorted(set(rows["seed"]))
        found: dict[str, list[float]] = {}
        for _, row in rows.iterrows():
            mine = found.setdefault(key_of(row), [float("nan")] * len(seeds))
            mine[seeds.index(row["seed"])] = float(row["accuracy"]) if row["state"] == "COMPLETE" else 0.0
        return found


def key_of(row: pd.Series) -> str:
    """What tells one network of a run from the others: its arch, or the name of a baseline."""
    return str(row["name"] or row["arch"])


def results(record: Record) -> Results:
    """The tables as the storage has them now."""
    trials, baselines, control = (record.frame(record.trials(kind), kind) for kind in _SEARCHED)
    confirming = record.trials("confirm")
    trainings = record.frame(confirming, "confirm")
    for column in ("seed", "of"):
        trainings[column] = [trial.user_attrs[column] for trial in confirming]
    front = as_selected(front_of(trials, record.settings))
    trained = [trial for kind in KINDS for trial in record.trials(kind)]
    measuring = tuple(studies.measuring_said(trained))
    counts = {"classes": record.note("classes"), "images": record.note("validation_images")}
    found = Results(record.settings, trials, front, baselines, control, trainings=trainings, **counts)
    confirmed = _confirmed(found)
    if (confirmed["name"] == "").any():
        kept = (confirmed["name"] == "") & (confirmed["place"] != "beaten")
        front = confirmed[kept].sort_values(record.settings.objective)
    tables = (trials, front, baselines, control, confirmed, trainings)
    curves = {trial.number: _curve(trial) for trial in record.trials("search")}
    return Results(record.settings, *tables, **counts, measuring=measuring, curves=curves)


def _curve(trial: FrozenTrial) -> tuple[tuple[float, float], ...]:
    """What a trial reported, up to where it was stopped; nothing where it did not come so far."""
    attrs = trial.user_attrs
    points = attrs.get("outcome", attrs).get("curve", ())
    return tuple((point["share"] * attrs["epochs"], point["accuracy"]) for point in points)


def _confirmed(found: Results) -> pd.DataFrame:
    """Each network that was trained again, as it was selected but with what the confirming trainings say of it."""
    results = found.accuracies()
    step = (
        1 / (math.sqrt(12) * found.images) if found.images else 0.0
    )  # of an accuracy that is rounded to an image
    tables = []
    for table in (found.trials, found.baselines):
        rows = table[[key_of(row) in results for _, row in table.iterrows()]] if len(table) else table
        rows = rows[(rows["state"] == "COMPLETE") & within(rows, found.settings.limits)]
        rows = rows.drop_duplicates(["arch", "name"], keep="last")
        if not len(rows):
            continue
        keys = [key_of(row) for _, row in rows.iterrows()]
        others = [values for key, values in results.items() if key not in keys]
        costs = rows[found.settings.objective].tolist()
        stands = standings(costs, [results[key] for key in keys], others, step)
        told = rows.assign(
            selected=rows["accuracy"],
            accuracy=[stand.mean for stand in stands],
            accuracy_low=[max(stand.low, 0.0) for stand in stands],
            accuracy_high=[min(stand.high, 1.0) for stand in stands],
            seeds=[stand.n for stand in stands],
            chance=[stand.chance for stand in stands],
            place=[stand.place for stand in stands],
            epochs=float(found.trainings["epochs"].max()),
        )
        tables.append(told[list(_CONFIRMED)])
    return pd.concat(tables) if tables else _nothing()


def finished(trials: Sequence[FrozenTrial], settings: Settings | None = None) -> list[FrozenTrial]:
    """Those that were trained to the end, of the longest schedule that any was; within its budgets, with settings."""
    limits = settings.limits if settings else ()
    return [
        trial
        for trial in studies.finished(trials)
        if worst_violation(limits, Price.stored(trial.user_attrs)) <= 0
    ]


def front_of(trials: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The non-dominated finished trials within every budget, cheapest first.

    Of the longest schedule that any trial was trained for: where a ladder did not reach its top, of the rung reached.
    """
    done = trials[trials["state"] == "COMPLETE"]
    done = done[(done["epochs"] == done["epochs"].max()) & within(done, settings.limits)]
    objective = settings.objective
    front: pd.DataFrame = done[front_mask(done["accuracy"], done[objective])]
    return front.sort_values(objective)


def as_selected(front: pd.DataFrame) -> pd.DataFrame:
    """A front with what is told of points that nothing has confirmed."""
    return front.assign(accuracy_low=float("nan"), accuracy_high=float("nan"), seeds=1, place=SELECTED)


def ended(trials: pd.DataFrame) -> pd.Series:
    """Which trials came to their own end."""
    return trials["state"].isin(["COMPLETE", "PRUNED", "FAIL"]) & (trials["reason"] != INTERRUPTED)


def reference(settings: Settings, classes: int) -> tuple[float, float] | None:
    """The fixed point of the run's hypervolume: chance accuracy (0 of another metric), and the budget on the cost.

    None where the objective has no budget: then nothing fixed bounds the area.
    """
    for budget in settings.limits:
        if budget.quantity == settings.objective:
            return (1.0 / classes if settings.metric == ACCURACY else 0.0), budget.limit
    return None


def relative_hypervolume(accuracies: ArrayLike, costs: ArrayLike, reference: tuple[float, float]) -> float:
    """What a front dominates, as a share in [0, 1] of the rectangle from the reference to (accuracy 1, cost 0)."""
    return hypervolume(accuracies, costs, reference) / ((1.0 - reference[0]) * reference[1])
