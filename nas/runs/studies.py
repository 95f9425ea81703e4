"""Optuna studies in a storage: made, found again, and written trial by trial; faults in one line.

A trial is written when it is launched (RUNNING), with what it is as user attributes, and once more when it ends.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from nas.common.errors import UserError
from nas.runs.drivers import Claim, claims, is_alive
from nas.runs.sound import Stored, flaw
from nas.runs.storages import connect, one_line_errors, patiently

K = TypeVar("K", bound=str)

INTERRUPTED = "interrupted"
"""The reason of a trial that was cut off by the end of its driver, not by anything of its own."""
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
    backend = connect(url)
    studies: dict[K, optuna.Study] = {}
    claim = Claim.mine()
    try:
        with one_line_errors():
            _forget_half_made(backend, [f"{name}/{kind}" for kind in kinds])
            for kind in kinds:
                studies[kind] = optuna.create_study(
                    storage=backend, study_name=f"{name}/{kind}", directions=["maximize", "minimize"]
                )
                if len(studies) == 1:
                    claim.write(studies[kind])
            yield studies
            claim.withdraw(studies[kinds[0]])
    except BaseException as error:
        delete(list(studies.values()))
        if isinstance(error, optuna.exceptions.DuplicatedStudyError):
            raise UserError(
                f"a run called {name} is in that storage already; take another --out or go on with --resume"
            ) from None
        raise


def _forget_half_made(backend: optuna.storages.BaseStorage, names: Sequence[str]) -> None:
    """Remove studies whose maker was cut off, and says so by its claim. Raises UserError where it lives."""
    there = [name for name in optuna.get_all_study_names(storage=backend) if name in names]
    studies = [optuna.load_study(study_name=name, storage=backend) for name in there]
    makers = [claim for study in studies for claim in claims(study)]
    if not makers or any("settings" in study.user_attrs or study.get_trials() for study in studies):
        return
    for maker in makers:
        if is_alive(studies[0], maker):
            raise UserError(f"the run {names[0].rpartition('/')[0]} is being made by {maker}")
    delete(studies)


def find_studies(
    url: str, name: str, kinds: Sequence[K], optional: Sequence[K] = ()
) -> dict[K, optuna.Study]:
    """The studies of an existing run. Raises UserError where there is none, or none of these kinds.

    optional: kinds that a run of an older version may lack; then they are left out.
    """
    backend = connect(url)
    try:
        with one_line_errors():
            studies = {
                kind: optuna.load_study(study_name=f"{name}/{kind}", storage=backend) for kind in kinds
            }
    except KeyError:
        others = kinds_of(url, name)
        if others and kinds[0] not in others:
            raise UserError(f"the run {name} is a run of nas.{others[0]}, not of nas.{kinds[0]}") from None
        raise UserError(f"the storage holds no run called {name}") from None
    for kind in optional:
        with one_line_errors(), suppress(KeyError):
            studies[kind] = optuna.load_study(study_name=f"{name}/{kind}", storage=backend)
    if "settings" not in studies[kinds[0]].user_attrs:
        raise UserError(f"the run {name} was cut off before it began; start it anew in another folder")
    return studies


def kinds_of(url: str, name: str) -> list[str]:
    """The kinds of studies that a storage holds of a run. Raises UserError where it cannot be used."""
    backend = connect(url)
    with one_line_errors():
        every = optuna.get_all_study_names(storage=backend)
    return [one.removeprefix(f"{name}/") for one in every if one.startswith(f"{name}/")]


def delete(studies: Sequence[optuna.Study]) -> None:
    """Remove studies from their storage, as far as that can be done."""
    for study in studies:
        with suppress(Exception):
            study._storage.remove_session()  # one that was cut off by Ctrl-C holds the file locked
            optuna.delete_study(study_name=study.study_name, storage=study._storage)


# Trials --------------------------------------------------------------------------------------------------


def launch(
    study: optuna.Study,
    attributes: Mapping[str, Any],
    params: Mapping[str, Any],
    distributions: Mapping[str, BaseDistribution],
) -> int:
    """Write a trial that is about to run; its number."""
    job = uuid.uuid4().hex
    trial = optuna.trial.create_trial(
        state=TrialState.RUNNING,
        params=dict(params),
        distributions=dict(distributions),
        user_attrs={"job": job, **attributes, "launched": time.time()},
    )
    tried: list[bool] = []

    def number() -> int | None:
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return next((t.number for t in reversed(running) if t.user_attrs.get("job") == job), None)

    def write() -> int:
        if tried and (known := number()) is not None:
            return known  # written, though no answer came
        tried.append(True)
        study.add_trial(trial)
        made = number()
        assert made is not None
        return made

    return patiently(write)


def read(study: optuna.Study, states: Sequence[TrialState] | None = None) -> list[FrozenTrial]:
    """The trials as they are stored. Raises UserError, in one line, where the storage cannot be read."""
    return patiently(lambda: study.get_trials(deepcopy=False, states=states))


def annotate(study: optuna.Study, number: int, values: Mapping[str, Any]) -> FrozenTrial:
    """Write attributes of a trial; the trial as it was before."""

    def write() -> FrozenTrial:
        frozen = study.get_trials(deepcopy=False)[number]
        trial = optuna.trial.Trial(study, frozen._trial_id)  # Optuna has no public way from number to trial
        for key, value in values.items():
            trial.set_user_attr(key, value)
        return frozen

    return patiently(write)


def tell(
    study: optuna.Study, number: int, values: list[float] | None = None, state: TrialState | None = None
) -> None:
    """Write that a trial has ended: with these values, or in this state."""
    tried: list[bool] = []

    def write() -> None:
        if not (tried and study.get_trials(deepcopy=False)[number].state.is_finished()):
            tried.append(True)
            study.tell(number, values, state=state)

    patiently(write)


def note(study: optuna.Study, key: str, value: Any) -> None:
    """Write a note of a study, or replace it."""
    patiently(lambda: study.set_user_attr(key, value))


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
            tell(study, trial.number, state=TrialState.FAIL)
        elif "outcome" in trial.user_attrs:
            tell(study, trial.number, values(trial, trial.user_attrs["outcome"]["accuracy"]))
        elif "curve" in trial.user_attrs:
            tell(study, trial.number, state=TrialState.PRUNED)
        else:
            reason = trial.user_attrs.get("reason", INTERRUPTED)
            annotate(study, trial.number, {"reason": reason})
            tell(study, trial.number, state=TrialState.FAIL)
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
