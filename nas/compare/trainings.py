"""What a comparison is and remembers: one Optuna study, the only truth; a trial is a network with a seed."""

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, Self

import msgspec
import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from nas.common.decode import Positive
from nas.common.errors import UserError
from nas.common.quantities import COUNTED_COLUMNS
from nas.engine.regime import Regime
from nas.networks.cost import cost
from nas.networks.counting import Cost
from nas.networks.references import parse
from nas.runs import studies as storing
from nas.runs.drivers import Driver, driving
from nas.runs.sound import Sieve, StoredTraining, noted
from nas.runs.studies import INTERRUPTED, is_over
from nas.train.trainer import Outcome

Kind = Literal["compare", "ablate"]
_NOTES: Mapping[str, Any] = {
    "seeds": Annotated[int, msgspec.Meta(ge=1, le=1000)],
    "rows": list[dict[Literal["label", "network"], str]],
    "latency_ms": dict[str, Positive],
    "latency_of": str,
    "title": str,
    "plan": str,
}
"""Of what type those notes are that are used again."""
COLUMNS = (
    *("trial", "network", "seed", "state", "accuracy", "test_accuracy"),
    *(*COUNTED_COLUMNS, "seconds", "epochs", "reason"),
)


@dataclass(frozen=True, kw_only=True)
class Setup(Regime):
    """Everything that a training's result depends on, save its seed; stored in the study.

    `networks` are texts of distinct models, in the order in which they are trained; each is trained with the
    seeds `seed`, `seed` + 1, ... and every one with the same. `test`: whether the held-out test images are read
    at the end of each training.
    """

    networks: tuple[str, ...]
    test: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.networks or len(set(self.networks)) < len(self.networks):
            raise UserError(f"networks {self.networks}: expected at least one, and each once")

    def cost(self, network: str) -> Cost:
        """What a network costs at the target."""
        return cost(parse(network), *self.costed)


class Trainings:
    """The trainings of one comparison, and what is noted of it; `seeds` is how many each network is to have."""

    def __init__(self, study: optuna.Study) -> None:
        self._study = study
        self._sound = Sieve(study.study_name, StoredTraining)
        self.setup = Setup.from_json(study.user_attrs["settings"])

    @classmethod
    def create(cls, storage: str, name: str, setup: Setup, notes: Mapping[str, Any], kind: Kind) -> Self:
        """A new run in a storage (an Optuna URL). Raises UserError where one of that name is there."""
        with storing.new_studies(storage, name, (kind,)) as studies:
            study = studies[kind]
            for key, value in notes.items():
                study.set_user_attr(key, value)
            study.set_user_attr("settings", setup.to_json())
            return cls(study)

    @classmethod
    def open(cls, storage: str, name: str, kind: Kind) -> Self:
        """An existing run. Raises UserError where there is none of this kind."""
        return cls(storing.find_studies(storage, name, (kind,))[kind])

    def launch(self, network: str, seed: int, cost: Cost) -> int:
        """Write a training that is about to run; its number."""
        told = {"network": network, "seed": seed, **asdict(cost), "epochs": self.setup.fidelity.epochs}
        return storing.launch(self._study, told, {}, {})

    def complete(self, number: int, outcome: Outcome) -> None:
        """Write the result of a training."""
        trial = storing.annotate(self._study, number, {"outcome": asdict(outcome)})
        storing.tell(self._study, number, _values(trial, outcome.accuracy))

    def fail(self, number: int, reason: str) -> None:
        """Write that a training failed, and why; INTERRUPTED where it is to be run again."""
        storing.annotate(self._study, number, {"reason": reason})
        storing.tell(self._study, number, state=TrialState.FAIL)

    def interrupt_running(self) -> int:
        """Mark as interrupted what an earlier, dead driver left RUNNING; how many it were."""
        return storing.end_running(self._study, _values, StoredTraining)

    def driven(self) -> AbstractContextManager[Driver]:
        """This process drives the run within the block. Raises UserError, naming it, where another one does."""
        return driving(self._study)

    def note(self, key: str, value: Any) -> None:
        """Write a note, or replace it."""
        storing.note(self._study, key, value)

    def noted(self, key: str) -> Any:
        """A note. Raises UserError for one that it cannot be."""
        return noted(self._study.user_attrs, key, _NOTES.get(key, Any))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that every network is to be trained with."""
        return tuple(range(self.setup.seed, self.setup.seed + (self.noted("seeds") or 0)))

    def trials(self) -> list[FrozenTrial]:
        """The trainings in order; those interrupted and since run again are left out, and those not sound."""
        return storing.current(self._sound(storing.read(self._study)), ("network", "seed"))

    def over(self) -> set[tuple[str, int]]:
        """Network and seed of every training that came to its own end."""
        return {(t.user_attrs["network"], t.user_attrs["seed"]) for t in self.trials() if is_over(t)}

    def accuracies(self, network: str, test: bool = False) -> list[float]:
        """Validation (or test) accuracy of a network by seed, in [0, 1]; NaN where there is none."""
        found = dict.fromkeys(self.seeds, math.nan)
        for trial in self.trials():
            if trial.user_attrs["network"] == network and trial.state == TrialState.COMPLETE:
                outcome = trial.user_attrs["outcome"]
                value = outcome["test"] if test else outcome["accuracy"]
                found[trial.user_attrs["seed"]] = math.nan if value is None else float(value)
        return [found[seed] for seed in self.seeds]

    def shortfall(self, network: str) -> str:
        """What is to be said of a network that has not all of its seeds: how many, and why others failed."""
        mine = [trial for trial in self.trials() if trial.user_attrs["network"] == network]
        finished = sum(trial.state == TrialState.COMPLETE for trial in mine)
        if finished == len(self.seeds):
            return ""
        failed = [trial.user_attrs["reason"] for trial in mine if trial.state == TrialState.FAIL]
        reasons = [reason for reason in dict.fromkeys(failed) if reason != INTERRUPTED]
        said = f"unfinished, {finished} of {len(self.seeds)} seeds"
        return f"{said}; failed: {'; '.join(reasons)}" if reasons else f"{said}; --resume trains the rest"

    def frame(self) -> pd.DataFrame:
        """Every training as a row of COLUMNS; accuracies in [0, 1], NaN where there is none."""
        rows = []
        for trial in self.trials():
            attrs, outcome = trial.user_attrs, trial.user_attrs.get("outcome", {})
            told = {"trial": trial.number, "state": trial.state.name, "reason": attrs.get("reason", "")}
            reached = {"accuracy": outcome.get("accuracy"), "test_accuracy": outcome.get("test")}
            rows.append({**attrs, **told, **reached, "seconds": outcome.get("seconds")})
        table = pd.DataFrame(rows, columns=list(COLUMNS))
        return table.astype(dict.fromkeys(("accuracy", "test_accuracy", "seconds", "epochs"), "float64"))


def _values(trial: FrozenTrial, accuracy: float) -> list[float]:
    return [accuracy, float(trial.user_attrs["macs"])]
