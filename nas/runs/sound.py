"""Whether what a study says of a trial can be: looked at where it is read, because a storage can be written by others.

What is not sound is named, once, and left out of everything that is made of the run.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

import msgspec
from optuna.trial import FrozenTrial, TrialState

from nas.common.decode import NotNegative, Positive
from nas.common.errors import UserError, briefly, shown
from nas.console.commands import notify
from nas.networks.references import is_reference
from search_spaces import Arch

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Epochs = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
Natural = Annotated[int, msgspec.Meta(ge=0, le=2**62)]  # what a table of int64 holds


@dataclass(frozen=True)
class StoredPoint:
    """A report of a training, as `nas.train.outcome.Progress` is stored."""

    share: Share
    accuracy: Share
    loss: float  # which may be no number where a network did not learn
    seconds: NotNegative


@dataclass(frozen=True)
class StoredOutcome:
    """As `nas.train.outcome.Outcome` is stored, by this version or an earlier one."""

    accuracy: Share
    loss: float
    seconds: NotNegative
    images: Natural
    steps: Natural
    curve: tuple[StoredPoint, ...]
    test: Share | None = None
    measuring: NotNegative = 0.0
    folds: tuple[Share, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StoredNetwork:
    """Attributes that every trial of a network has: its length, its costs, and what became of it."""

    epochs: Epochs
    macs: Natural
    params: Natural
    activations: Natural
    weights: Natural = 0
    memory: Natural = 0
    reason: str = ""
    outcome: StoredOutcome | None = None
    curve: tuple[StoredPoint, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StoredTraining(StoredNetwork):
    """Attributes of a training of a comparison."""

    network: str
    seed: Natural


@dataclass(frozen=True, kw_only=True)
class StoredTrial(StoredNetwork):
    """Attributes of a trial of a search; `predicted_...` are milliseconds where there is a latency table."""

    arch: str
    name: str
    predicted_ms: Positive = math.nan
    predicted_low: Positive = math.nan
    predicted_high: Positive = math.nan


@dataclass(frozen=True, kw_only=True)
class StoredConfirmation(StoredTrial):
    """Attributes of a training that confirms: of a trial of the search, or of a baseline, which has a name."""

    seed: Natural
    of: Natural | None


@dataclass(frozen=True, kw_only=True)
class StoredPrior:
    """What an earlier run knows of a network (`nas.search.run.earlier_results`)."""

    params: dict[str, str | bool | int | float]
    accuracy: Share
    share: Positive
    run: str


Stored = type[StoredTrial] | type[StoredTraining]


def flaw(trial: FrozenTrial, kind: Stored) -> str:
    """What a trial's record cannot say, in words; empty where it is sound."""
    try:
        stored = msgspec.convert(trial.user_attrs, kind)
        network = stored.network if isinstance(stored, StoredTraining) else stored.arch
        if not is_reference(network):
            Arch.parse(network)
    except (ValueError, TypeError, OverflowError) as error:  # UserError and msgspec's are ValueErrors
        return briefly(error)
    if isinstance(stored, StoredTrial):
        told = [math.isnan(getattr(stored, f"predicted_{part}")) for part in ("ms", "low", "high")]
        if len(set(told)) > 1:
            return "of predicted_ms, predicted_low and predicted_high only some"
    if isinstance(stored, StoredConfirmation) and stored.of is None and not stored.name:
        return "neither of a trial nor of a baseline"
    return _flaw_of_state(trial, stored)


def _flaw_of_state(trial: FrozenTrial, stored: StoredTrial | StoredTraining) -> str:
    """What a trial of this state lacks, or says twice and differently."""
    if trial.state == TrialState.COMPLETE:
        accuracy, price = trial.values
        if stored.outcome is None:
            return "finished without an outcome"
        if not math.isclose(accuracy, stored.outcome.accuracy, abs_tol=1e-6):
            return f"an accuracy of {accuracy:g}, and of {stored.outcome.accuracy:g} in its outcome"
        if not 0 <= price < math.inf:
            return f"a cost of {price:g}"
    if trial.state == TrialState.PRUNED and not stored.curve:
        return "stopped without a report"
    if trial.state == TrialState.FAIL and not stored.reason:
        return "failed without a reason"
    return ""


class Sieve:
    """Gives the sound ones of a study's trials; each is looked at once, and again when it has ended."""

    def __init__(self, study: str, kind: Stored) -> None:
        self._study = study
        self._kind = kind
        self._flaws: dict[tuple[int, TrialState], str] = {}

    def __call__(self, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """Those that are sound, in their order; the others are named on stderr."""
        return [trial for trial in trials if not self._flaw(trial)]

    def _flaw(self, trial: FrozenTrial) -> str:
        key = trial.number, trial.state
        if key not in self._flaws:
            found = flaw(trial, self._kind)
            if found:
                _say(f"{self._study}: trial {trial.number} is left out, its record cannot be: {found}")
            if not found and not trial.state.is_finished():
                return ""  # its outcome is yet to come
            self._flaws[key] = found
        return self._flaws[key]


@cache
def _say(message: str) -> None:
    """Once a process: a run's record is read many times."""
    notify(message)


def noted(notes: Mapping[str, Any], key: str, kind: Any, default: Any = None) -> Any:
    """A note of a study, of this type; the default where there is none. Raises UserError for what it cannot be."""
    if notes.get(key) is None:
        return default
    try:
        msgspec.convert(notes[key], kind)
    except (ValueError, TypeError, OverflowError) as error:
        raise UserError(
            f"the run's note {key!r} is {shown(notes[key])} and cannot be read: {briefly(error)}"
        ) from None
    return notes[key]
