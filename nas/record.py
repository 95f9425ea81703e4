"""What a run remembers: an Optuna study in a storage, the only truth.

A trial is written when it is launched (RUNNING) and once more when it ends. What is proposed and refused
is not written: its cost can be computed again. Hand-designed networks are trials of a study of their own,
because they are no points of the space.
"""

import time
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any, Literal

import optuna
import pandas as pd
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nas.costs import Cost
from nas.errors import UserError
from nas.settings import Settings
from nas.training import Outcome, Progress

COLUMNS = (
    "trial",
    "state",
    "arch",
    "accuracy",
    "macs",
    "params",
    "activations",
    "latency_ms",
    "seconds",
    "epochs",
)
_TYPES = {
    **dict.fromkeys(("trial", "macs", "params", "activations"), "int64"),
    **dict.fromkeys(("accuracy", "latency_ms", "seconds", "epochs"), "float64"),
}
INTERRUPTED = "interrupted"
"""The reason of a trial that was cut off by the end of its driver, not by anything of its own."""

Kind = Literal["search", "baselines", "control"]
KINDS: tuple[Kind, ...] = ("search", "baselines", "control")


class Record:
    """The studies of a run: the search's trials, the baselines', and those of a random control."""

    def __init__(self, studies: Mapping[Kind, optuna.Study]) -> None:
        self._studies = dict(studies)
        self.settings = Settings.from_json(studies["search"].user_attrs["settings"])

    @classmethod
    def create(cls, storage: str, name: str, settings: Settings, notes: Mapping[str, Any]) -> "Record":
        """A new run in a storage (an Optuna URL). Raises UserError where one of that name is there.

        Leaves nothing in the storage where it fails.
        """
        backend = _storage(storage)
        studies: dict[Kind, optuna.Study] = {}
        try:
            with _one_line_errors():
                for kind in KINDS:
                    directions = [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
                    studies[kind] = optuna.create_study(
                        storage=backend, study_name=f"{name}/{kind}", directions=directions
                    )
                search = studies["search"]
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                    search.set_metric_names(list(settings.objectives))
                for key, value in notes.items():
                    search.set_user_attr(key, value)
                search.set_user_attr("settings", settings.to_json())
                return cls(studies)
        except BaseException as error:
            _delete(list(studies.values()))
            if isinstance(error, optuna.exceptions.DuplicatedStudyError):
                raise UserError(
                    f"a run called {name} is in that storage already; take another --out or go on with "
                    "--resume"
                ) from None
            raise

    def delete(self) -> None:
        """Remove the run from its storage, as far as that can be done."""
        _delete(list(self._studies.values()))

    @classmethod
    def open(cls, storage: str, name: str) -> "Record":
        """An existing run. Raises UserError where there is none, or where it was never quite made."""
        backend = _storage(storage)
        try:
            with _one_line_errors():
                studies = {
                    kind: optuna.load_study(study_name=f"{name}/{kind}", storage=backend) for kind in KINDS
                }
        except KeyError:
            raise UserError(f"the storage holds no run called {name}") from None
        if "settings" not in studies["search"].user_attrs:
            raise UserError(f"the run {name} was cut off before it began; start it anew in another folder")
        return cls(studies)

    # Writing -------------------------------------------------------------------------------------------

    def launch(
        self,
        arch: str,
        cost: Cost,
        params: Mapping[str, Any],
        distributions: Mapping[str, BaseDistribution],
        *,
        kind: Kind = "search",
        name: str = "",
        epochs: float | None = None,
    ) -> int:
        """Write a trial that is about to run; its number. `name` is a baseline's, `epochs` a lower rung's."""
        study = self._studies[kind]
        job = uuid.uuid4().hex
        attributes = {
            "job": job,
            "arch": arch,
            **asdict(cost),
            "name": name,
            "epochs": self.settings.fidelity.epochs if epochs is None else epochs,
            "launched": time.time(),
        }
        study.add_trial(
            optuna.trial.create_trial(
                state=TrialState.RUNNING,
                params=dict(params),
                distributions=dict(distributions),
                user_attrs=attributes,
            )
        )
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return next(t.number for t in reversed(running) if t.user_attrs.get("job") == job)

    def complete(self, number: int, outcome: Outcome, *, kind: Kind = "search") -> None:
        """Write the result of a trial."""
        trial = self._annotate(number, {"outcome": asdict(outcome)}, kind)
        self._studies[kind].tell(number, self._values(trial, outcome.accuracy))

    def fail(self, number: int, reason: str, *, kind: Kind = "search") -> None:
        """Write that a trial failed, and why; INTERRUPTED where it is to be run again."""
        self._annotate(number, {"reason": reason}, kind)
        self._studies[kind].tell(number, state=TrialState.FAIL)

    def prune(self, number: int, curve: Sequence[Progress], *, kind: Kind = "search") -> None:
        """Write that a scheduler stopped a trial, with what it had reported."""
        self._annotate(number, {"curve": [asdict(point) for point in curve]}, kind)
        self._studies[kind].tell(number, state=TrialState.PRUNED)

    def interrupt_running(self) -> int:
        """Mark as interrupted what an earlier, dead driver of this run left RUNNING; how many it were.

        What had ended, and of which the driver could not say so any more, ends now as it had.
        """
        count = 0
        for kind, study in self._studies.items():
            for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                if "outcome" in trial.user_attrs:
                    accuracy = trial.user_attrs["outcome"]["accuracy"]
                    study.tell(trial.number, self._values(trial, accuracy))
                elif "curve" in trial.user_attrs:
                    study.tell(trial.number, state=TrialState.PRUNED)
                else:
                    reason = trial.user_attrs.get("reason", INTERRUPTED)
                    self.fail(trial.number, reason, kind=kind)
                    count += reason == INTERRUPTED
        return count

    def _values(self, trial: FrozenTrial, accuracy: float) -> list[float]:
        return [accuracy, float(trial.user_attrs[self.settings.objectives[1]])]

    def _annotate(self, number: int, values: Mapping[str, Any], kind: Kind) -> FrozenTrial:
        study = self._studies[kind]
        frozen = study.get_trials(deepcopy=False)[number]
        trial = optuna.trial.Trial(study, frozen._trial_id)  # Optuna has no public way from number to trial
        for key, value in values.items():
            trial.set_user_attr(key, value)
        return frozen

    # Reading -------------------------------------------------------------------------------------------

    def note(self, key: str) -> Any:
        """A note given at creation."""
        return self._studies["search"].user_attrs.get(key)

    def trials(self, kind: Kind = "search") -> list[FrozenTrial]:
        """The trials of a kind in order; those interrupted and since run again are left out."""
        return _current(self._studies[kind].get_trials(deepcopy=False))

    def frame(self, trials: Sequence[FrozenTrial]) -> pd.DataFrame:
        """Trials as a table of COLUMNS, `name` and `reason`; accuracy in [0, 1], NaN where there is none."""
        rows = []
        for trial in trials:
            attrs, outcome = trial.user_attrs, trial.user_attrs.get("outcome", {})
            rows.append(
                {
                    "trial": trial.number,
                    "state": trial.state.name,
                    "arch": attrs["arch"],
                    "accuracy": outcome.get("accuracy", float("nan")),
                    "macs": attrs["macs"],
                    "params": attrs["params"],
                    "activations": attrs["activations"],
                    "latency_ms": float("nan"),
                    "seconds": outcome.get("seconds", float("nan")),
                    "epochs": attrs["epochs"],
                    "name": attrs["name"],
                    "reason": attrs.get("reason", ""),
                }
            )
        return pd.DataFrame(rows, columns=[*COLUMNS, "name", "reason"]).astype(_TYPES)


def is_over(trial: FrozenTrial) -> bool:
    """Whether a trial has come to its own end: finished, or failed for a reason of its own."""
    return trial.state.is_finished() and trial.user_attrs.get("reason") != INTERRUPTED


def _current(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Without the interrupted trials whose arch was launched again later."""

    def key(trial: FrozenTrial) -> tuple[Any, ...]:
        return tuple(trial.user_attrs[name] for name in ("arch", "name", "epochs"))

    latest = {key(trial): trial.number for trial in trials}
    return [
        trial
        for trial in trials
        if trial.user_attrs.get("reason") != INTERRUPTED or latest[key(trial)] == trial.number
    ]


def redacted(url: str) -> str:
    """A storage URL without the password."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url.split("@")[-1]


def _storage(url: str) -> optuna.storages.BaseStorage:
    with _one_line_errors():
        try:
            return optuna.storages.get_storage(url)
        except (ValueError, ImportError, RuntimeError) as error:
            raise UserError(f"storage {redacted(url)!r} cannot be used: {error}") from None


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """What a storage raises, one class a fault and many lines long, as a UserError of one line."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        lines = str(error.__cause__ or error).strip().splitlines()
        said = lines[0] if lines else type(error).__name__
        raise UserError(f"the storage cannot be used: {said}") from error


def _delete(studies: Sequence[optuna.Study]) -> None:
    for study in studies:
        with suppress(Exception):
            optuna.delete_study(study_name=study.study_name, storage=study._storage)
