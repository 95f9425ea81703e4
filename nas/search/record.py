"""What a run remembers: an Optuna study in a storage, the only truth.

A trial is written when it is launched (RUNNING) and once more when it ends. What is proposed and refused
is not written: its cost can be computed again. Hand-designed networks are trials of a study of their own,
because they are no points of the space.
"""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import optuna
import pandas as pd
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from nas.common.decode import Positive
from nas.common.errors import UserError, shown
from nas.common.quantities import COUNTED_COLUMNS
from nas.console.commands import notify
from nas.runs import studies as storing
from nas.runs.drivers import Driver, check_free, driving
from nas.runs.folders import create, find
from nas.runs.sound import Sieve, Stored, StoredConfirmation, StoredPrior, StoredTrial, noted
from nas.runs.studies import INTERRUPTED, is_over
from nas.search.price import Price
from nas.search.settings import Settings
from nas.train.trainer import Outcome, Progress

__all__ = ["COLUMNS", "INTERRUPTED", "KINDS", "Kind", "Record", "is_over"]

_TIMES = ("predicted_ms", "predicted_low", "predicted_high", "measured_ms", "measured_low", "measured_high")
COLUMNS = ("trial", "state", "arch", "accuracy", *COUNTED_COLUMNS, "latency_ms", "seconds", "epochs", *_TIMES)
"""Of a run's tables. latency_ms is measured_ms where the network was timed whole, else predicted_ms."""
_TYPES = {
    **dict.fromkeys(("trial", *COUNTED_COLUMNS), "int64"),
    **dict.fromkeys(("accuracy", "latency_ms", "seconds", "epochs", *_TIMES), "float64"),
}
_MEASURED = "measured"
_NOTES: Mapping[str, Any] = {
    "trials": Annotated[int, msgspec.Meta(ge=1, le=10**9)],
    "classes": Annotated[int, msgspec.Meta(ge=1, le=10**9)],
    "validation_images": Annotated[int, msgspec.Meta(ge=1, le=10**12)],
    "prior": list[StoredPrior],
}
"""Of what type those notes are that are used again."""
Kind = Literal["search", "baselines", "control", "confirm"]
KINDS: tuple[Kind, ...] = ("search", "baselines", "control", "confirm")


_STORED: Mapping[Kind, Stored] = {
    "search": StoredTrial,
    "baselines": StoredTrial,
    "control": StoredTrial,
    "confirm": StoredConfirmation,
}


class Record:
    """The studies of a run: the search's trials, the baselines', those of a random control, and what confirms them.

    A trial of the last is one training, with a seed of its own, of a network of the search or of a baseline.
    """

    def __init__(self, studies: Mapping[Kind, optuna.Study]) -> None:
        self._studies = dict(studies)
        self._sound = {kind: Sieve(study.study_name, _STORED[kind]) for kind, study in studies.items()}
        self.settings = Settings.from_json(studies["search"].user_attrs["settings"])

    @classmethod
    def create(cls, storage: str, name: str, settings: Settings, notes: Mapping[str, Any]) -> "Record":
        """A new run in a storage (an Optuna URL). Raises UserError where one of that name is there.

        Leaves nothing in the storage where it fails.
        """
        with storing.new_studies(storage, name, KINDS) as studies:
            search = studies["search"]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                search.set_metric_names(list(settings.objectives))
            for key, value in notes.items():
                search.set_user_attr(key, value)
            search.set_user_attr("settings", settings.to_json())
            return cls(studies)

    @classmethod
    def open(cls, storage: str, name: str) -> "Record":
        """An existing run. Raises UserError where there is none, or where it was never quite made."""
        return cls(storing.find_studies(storage, name, KINDS[:3], optional=KINDS[3:]))

    # Writing -------------------------------------------------------------------------------------------

    def launch(
        self,
        arch: str,
        cost: Price,
        params: Mapping[str, Any],
        distributions: Mapping[str, BaseDistribution],
        *,
        kind: Kind = "search",
        name: str = "",
        epochs: float | None = None,
        seed: int | None = None,
        of: int | None = None,
    ) -> int:
        """Write a trial that is about to run; its number. `name` is a baseline's, `epochs` another rung's.

        One that confirms has a `seed`, and is `of` a trial of the search where it has no name.
        """
        attributes = {
            "arch": arch,
            **cost.attributes(),
            "name": name,
            "epochs": self.settings.fidelity.epochs if epochs is None else epochs,
            **({} if seed is None else {"seed": seed, "of": of}),
        }
        return storing.launch(self._studies[kind], attributes, params, distributions)

    def complete(self, number: int, outcome: Outcome, *, kind: Kind = "search") -> None:
        """Write the result of a trial."""
        study = self._studies[kind]
        trial = storing.annotate(study, number, {"outcome": asdict(outcome)})
        storing.tell(study, number, self._values(trial, outcome.accuracy))

    def fail(self, number: int, reason: str, *, kind: Kind = "search") -> None:
        """Write that a trial failed, and why; INTERRUPTED where it is to be run again."""
        storing.annotate(self._studies[kind], number, {"reason": reason})
        storing.tell(self._studies[kind], number, state=TrialState.FAIL)

    def prune(self, number: int, curve: Sequence[Progress], *, kind: Kind = "search") -> None:
        """Write that a scheduler stopped a trial, with what it had reported."""
        storing.annotate(self._studies[kind], number, {"curve": [asdict(point) for point in curve]})
        storing.tell(self._studies[kind], number, state=TrialState.PRUNED)

    def interrupt_running(self) -> int:
        """Mark as interrupted what an earlier, dead driver of this run left RUNNING; how many it were.

        What had ended, and of which the driver could not say so any more, ends now as it had.
        """
        return sum(
            storing.end_running(study, self._values, _STORED[kind]) for kind, study in self._studies.items()
        )

    def _values(self, trial: FrozenTrial, accuracy: float) -> list[float]:
        return [accuracy, float(getattr(Price.stored(trial.user_attrs), self.settings.objective))]

    def measure(self, number: int, times: Mapping[str, Any], *, kind: Kind = "search") -> None:
        """Write what a finished trial's network took when it was timed whole: ms, low, high and how.

        Kept by the study: a finished trial takes no more attributes.
        """
        storing.note(self._studies[kind], f"{_MEASURED} {number}", dict(times))

    def driven(self) -> AbstractContextManager[Driver]:
        """This process drives the run within the block. Raises UserError, naming it, where another one does."""
        return driving(self._studies["search"])

    def check_free(self) -> None:
        """Raises UserError, naming it, where another process drives the run."""
        check_free(self._studies["search"])

    # Reading -------------------------------------------------------------------------------------------

    def note(self, key: str) -> Any:
        """A note given at creation. Raises UserError for one that it cannot be."""
        return noted(self._studies["search"].user_attrs, key, _NOTES.get(key, Any))

    def trials(self, kind: Kind = "search") -> list[FrozenTrial]:
        """The trials of a kind in order; those interrupted and since run again are left out, and those not sound."""
        if kind not in self._studies:
            return []
        identity = storing.CONFIRMED if kind == "confirm" else storing.SEARCHED
        return storing.current(self._sound[kind](storing.read(self._studies[kind])), identity)

    def frame(self, trials: Sequence[FrozenTrial], kind: Kind = "search") -> pd.DataFrame:
        """Trials as a table of COLUMNS, `name` and `reason`; accuracy in [0, 1], NaN where there is none."""
        rows, measured = [], self._studies[kind].user_attrs if kind in self._studies else {}
        for trial in trials:
            attrs, outcome = trial.user_attrs, trial.user_attrs.get("outcome", {})
            rows.append(
                {
                    "trial": trial.number,
                    "state": trial.state.name,
                    "arch": attrs["arch"],
                    "accuracy": outcome.get("accuracy", float("nan")),
                    **{name: attrs.get(name, float("nan")) for name in COUNTED_COLUMNS},
                    "seconds": outcome.get("seconds", float("nan")),
                    "epochs": attrs["epochs"],
                    **_times(Price.stored(attrs), _measured(measured, trial.number)),
                    "name": attrs["name"],
                    "reason": attrs.get("reason", ""),
                }
            )
        table = pd.DataFrame(rows, columns=[*COLUMNS, "name", "reason"])
        unknown = {name: "float64" for name in COUNTED_COLUMNS if table[name].isna().any()}  # of an older run
        return table.astype({**_TYPES, **unknown})


def _measured(notes: Mapping[str, Any], number: int) -> Mapping[str, Any]:
    """What a trial's network took when it was timed whole, if it was."""
    key = f"{_MEASURED} {number}"
    with suppress(UserError):
        times: dict[str, Any] = noted(notes, key, dict[str, Any], {})
        return (
            {**times, **{end: noted(times, end, Positive) for end in ("ms", "low", "high")}} if times else {}
        )
    notify(f"{key}: its times cannot be read and are left out: {shown(notes[key])}")
    return {}


def _times(price: Price, measured: Mapping[str, Any]) -> dict[str, float]:
    """Milliseconds predicted and measured, NaN where they are not known."""
    told, nan = price.latency, float("nan")
    predicted = (told.ms, told.low, told.high) if told else (nan, nan, nan)
    timed = tuple(float(measured.get(name, nan)) for name in ("ms", "low", "high"))
    latency = timed[0] if measured else predicted[0]
    return {"latency_ms": latency, **dict(zip(_TIMES, (*predicted, *timed), strict=True))}


def create_run(folder: Path, storage: str | None, settings: Settings, notes: Mapping[str, Any]) -> Record:
    """Make the folder, the studies and the manifest of a search."""
    make = partial(Record.create, settings=settings, notes=notes)
    return create(folder, storage, settings.to_json(), notes, make)


def open_run(folder: Path, storage: str | None = None, *, reading: bool = False) -> Record:
    """The record of an existing search; reading: its folder's study cannot be written to.

    Raises UserError where the folder is none.
    """
    return find(folder, storage, Record.open, reading=reading)
