"""Optuna studies in a storage: made, found again, and written trial by trial; faults in one line.

A trial is written when it is launched (RUNNING), with what it is as user attributes, and once more when it ends.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from nas.common.errors import UserError
from nas.runs.sound import Stored, flaw

K = TypeVar("K", bound=str)

INTERRUPTED = "interrupted"
"""The reason of a trial that was cut off by the end of its driver, not by anything of its own."""
LOCKED = 120.0
"""Seconds to wait for a file that another process holds locked."""
SEARCHED = ("arch", "name", "epochs")
"""What makes two trials of a search the same: one that was interrupted and its repetition."""
CONFIRMED = (*SEARCHED, "seed")
"""The same of the trainings that confirm what a search found."""


# Studies -------------------------------------------------------------------------------------------------


@contextmanager
def new_studies(url: str, name: str, kinds: Sequence[K]) -> Iterator[dict[K, optuna.Study]]:
    """The studies of a new run in a storage (an Optuna URL), one a kind: accuracy against a cost.

    Leaves nothing in the storage where the block fails. Raises UserError where one of that name is there.
    """
    backend = _connect(url)
    studies: dict[K, optuna.Study] = {}
    try:
        with _one_line_errors():
            for kind in kinds:
                studies[kind] = optuna.create_study(
                    storage=backend, study_name=f"{name}/{kind}", directions=["maximize", "minimize"]
                )
            yield studies
    except BaseException as error:
        delete(list(studies.values()))
        if isinstance(error, optuna.exceptions.DuplicatedStudyError):
            raise UserError(
                f"a run called {name} is in that storage already; take another --out or go on with --resume"
            ) from None
        raise


def find_studies(
    url: str, name: str, kinds: Sequence[K], optional: Sequence[K] = ()
) -> dict[K, optuna.Study]:
    """The studies of an existing run. Raises UserError where there is none, or none of these kinds.

    optional: kinds that a run of an older version may lack; then they are left out.
    """
    backend = _connect(url)
    try:
        with _one_line_errors():
            studies = {
                kind: optuna.load_study(study_name=f"{name}/{kind}", storage=backend) for kind in kinds
            }
    except KeyError:
        others = kinds_of(url, name)
        if others and kinds[0] not in others:
            raise UserError(f"the run {name} is a run of nas.{others[0]}, not of nas.{kinds[0]}") from None
        raise UserError(f"the storage holds no run called {name}") from None
    for kind in optional:
        with _one_line_errors(), suppress(KeyError):
            studies[kind] = optuna.load_study(study_name=f"{name}/{kind}", storage=backend)
    if "settings" not in studies[kinds[0]].user_attrs:
        raise UserError(f"the run {name} was cut off before it began; start it anew in another folder")
    return studies


def kinds_of(url: str, name: str) -> list[str]:
    """The kinds of studies that a storage holds of a run. Raises UserError where it cannot be used."""
    backend = _connect(url)
    with _one_line_errors():
        every = optuna.get_all_study_names(storage=backend)
    return [one.removeprefix(f"{name}/") for one in every if one.startswith(f"{name}/")]


def delete(studies: Sequence[optuna.Study]) -> None:
    """Remove studies from their storage, as far as that can be done."""
    for study in studies:
        with suppress(Exception):
            study._storage.remove_session()  # one that was cut off by Ctrl-C holds the file locked
            optuna.delete_study(study_name=study.study_name, storage=study._storage)


def redacted(url: str) -> str:
    """A storage URL without the password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url.split("@")[-1]


# Trials --------------------------------------------------------------------------------------------------


def launch(
    study: optuna.Study,
    attributes: Mapping[str, Any],
    params: Mapping[str, Any],
    distributions: Mapping[str, BaseDistribution],
) -> int:
    """Write a trial that is about to run; its number."""
    job = uuid.uuid4().hex
    study.add_trial(
        optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=dict(params),
            distributions=dict(distributions),
            user_attrs={"job": job, **attributes, "launched": time.time()},
        )
    )
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return next(t.number for t in reversed(running) if t.user_attrs.get("job") == job)


def read(study: optuna.Study, states: Sequence[TrialState] | None = None) -> list[FrozenTrial]:
    """The trials as they are stored. Raises UserError, in one line, where the storage cannot be read."""
    with _one_line_errors():
        return study.get_trials(deepcopy=False, states=states)


def annotate(study: optuna.Study, number: int, values: Mapping[str, Any]) -> FrozenTrial:
    """Write attributes of a trial; the trial as it was before."""
    frozen = study.get_trials(deepcopy=False)[number]
    trial = optuna.trial.Trial(study, frozen._trial_id)  # Optuna has no public way from number to trial
    for key, value in values.items():
        trial.set_user_attr(key, value)
    return frozen


def end_running(
    study: optuna.Study, values: Callable[[FrozenTrial, float], list[float]], kind: Stored | None = None
) -> int:
    """Mark as interrupted what an earlier, dead driver left RUNNING; how many it were.

    What had ended, and of which the driver could not say so any more, ends now as it had; `values` are those of
    a trial with an accuracy. What is no sound record of its kind failed for that reason.
    """
    count = 0
    for trial in read(study, states=(TrialState.RUNNING,)):
        if kind is not None and (found := flaw(trial, kind)):
            annotate(study, trial.number, {"reason": f"its record cannot be: {found}"})
            study.tell(trial.number, state=TrialState.FAIL)
        elif "outcome" in trial.user_attrs:
            study.tell(trial.number, values(trial, trial.user_attrs["outcome"]["accuracy"]))
        elif "curve" in trial.user_attrs:
            study.tell(trial.number, state=TrialState.PRUNED)
        else:
            reason = trial.user_attrs.get("reason", INTERRUPTED)
            annotate(study, trial.number, {"reason": reason})
            study.tell(trial.number, state=TrialState.FAIL)
            count += reason == INTERRUPTED
    return count


def is_over(trial: FrozenTrial) -> bool:
    """Whether a trial has come to its own end: finished, or failed for a reason of its own."""
    return trial.state.is_finished() and trial.user_attrs.get("reason") != INTERRUPTED


def finished(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Those that were trained to the end, of the longest schedule that any was."""
    done = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    longest = max((trial.user_attrs["epochs"] for trial in done), default=0.0)
    return [trial for trial in done if trial.user_attrs["epochs"] == longest]


def measuring_said(trials: Iterable[FrozenTrial]) -> list[str]:
    """A line that says which share of all training time measured batch-norm statistics anew; none where none did."""
    outcomes = [trial.user_attrs["outcome"] for trial in trials if "outcome" in trial.user_attrs]
    seconds, measuring = (
        sum(float(one.get(name, 0.0)) for one in outcomes) for name in ("seconds", "measuring")
    )
    if not measuring:
        return []
    return [
        f"of the {seconds:,.0f} s of training {measuring / seconds:.1%} measured batch-norm statistics anew"
    ]


def accuracy_of(trial: FrozenTrial) -> float:
    """Of a trial that is over: 0 where it failed to learn, which is as bad as can be."""
    return float(trial.values[0]) if trial.values else 0.0


def current(trials: Sequence[FrozenTrial], identity: Sequence[str]) -> list[FrozenTrial]:
    """Without the interrupted trials that were launched again later: the same in these attributes."""

    def key(trial: FrozenTrial) -> tuple[Any, ...]:
        return tuple(trial.user_attrs[name] for name in identity)

    latest = {key(trial): trial.number for trial in trials}
    return [
        trial
        for trial in trials
        if trial.user_attrs.get("reason") != INTERRUPTED or latest[key(trial)] == trial.number
    ]


def _connect(url: str) -> optuna.storages.BaseStorage:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        make_url(url)
    except ArgumentError:
        raise UserError(
            f"storage {redacted(url)!r} is no address of a database: expected sqlite:///FILE.db, "
            "mysql+pymysql://USER@HOST/NAME, postgresql://USER@HOST/NAME or another of SQLAlchemy's"
        ) from None
    with _one_line_errors():
        try:
            if url.startswith("sqlite:"):
                patient = {"connect_args": {"timeout": LOCKED}}
                return optuna.storages.get_storage(optuna.storages.RDBStorage(url, engine_kwargs=patient))
            return optuna.storages.get_storage(url)
        except (ValueError, ImportError, RuntimeError) as error:
            raise UserError(f"storage {redacted(url)!r} cannot be used: {error}") from None


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """What a storage raises, one class a fault and many lines long, as a UserError of one line."""
    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        lines = str(error.__cause__ or error).strip().splitlines()
        said = lines[0] if lines else type(error).__name__
        raise UserError(f"the storage cannot be used: {said}") from error
    except json.JSONDecodeError as error:
        raise UserError(f"the storage cannot be used: a record in it is no JSON ({error})") from error
