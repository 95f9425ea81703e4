"""The results of a search, read from its study alone: its tables, its front, and the area that this dominates."""

from dataclasses import dataclass

import pandas as pd
from numpy.typing import ArrayLike

from nas.common.fronts import front_mask, hypervolume
from nas.runs.studies import INTERRUPTED
from nas.search.budget import within
from nas.search.record import KINDS, Record
from nas.search.settings import Settings


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
    done = done[within(done, settings.limits)]
    objective = settings.objective
    front = done[front_mask(done["accuracy"], done[objective])]
    return front.sort_values(objective)


def ended(trials: pd.DataFrame) -> pd.Series:
    """Which trials came to their own end."""
    return trials["state"].isin(["COMPLETE", "PRUNED", "FAIL"]) & (trials["reason"] != INTERRUPTED)


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
