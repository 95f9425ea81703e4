"""A comparison as a source of jobs: seed by seed, every network in its order, each pair once."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from nas.compare.trainings import Trainings
from nas.engine.jobs import Event, Job, Result, too_late
from nas.runs.studies import INTERRUPTED
from nas.train.trainer import Outcome, Progress


@dataclass(frozen=True)
class Training:
    """A training under way; `name` is what its network is called."""

    number: int
    network: str
    seed: int
    name: str

    @property
    def label(self) -> str:
        """What it is called on the terminal."""
        return f"{self.name}, seed {self.seed}"


class Rounds:
    """Gives what is missing of a comparison to the engine and writes what becomes of it; a `nas.engine.tune.Source`.

    A round is one seed of every network, in the order of the setup: where time runs out, the networks differ by
    one seed at most. What failed for a reason of its own is not tried again; what was cut off is. `names` are what
    networks are called.
    """

    def __init__(
        self,
        trainings: Trainings,
        *,
        names: Mapping[str, str] | None = None,
        deadline: float | None = None,
        notify: Callable[[Event[Training]], None] = lambda event: None,
    ) -> None:
        self._trainings = trainings
        self._names = names or {}
        self._deadline = deadline
        self._notify = notify
        self._running: dict[str, Training] = {}
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)
        for trial in trainings.trials():
            if "outcome" in trial.user_attrs:
                self._seconds[trial.user_attrs["network"]].append(trial.user_attrs["outcome"]["seconds"])
        over = trainings.over()
        pairs = [(network, seed) for seed in trainings.seeds for network in trainings.setup.networks]
        self._left = [pair for pair in pairs if pair not in over]

    @property
    def left(self) -> int:
        """How many trainings have not been started yet."""
        return len(self._left)

    def next(self) -> tuple[str, Job] | Literal["wait"] | None:
        """The next training, written as RUNNING; None at the end, or where it would not end in time."""
        if not self._left or self._too_late(self._left[0][0]):
            return None
        network, seed = self._left.pop(0)
        setup = self._trainings.setup
        number = self._trainings.launch(network, seed, setup.cost(network))
        job = self._running[str(number)] = Training(number, network, seed, self._names.get(network, network))
        self._notify(Event("launched", job))
        return str(number), Job(network, setup.fidelity, setup.recipe, seed, setup.test)

    def progressed(self, key: str, progress: Progress) -> None:
        """Passed on to the display."""
        self._notify(Event("progressed", self._running[key], progress=progress))

    def finished(self, key: str, result: Result | None) -> None:
        """Write the result; a training that was cut off will be run again by a resumed comparison."""
        job = self._running.pop(key)
        if isinstance(result, Outcome):
            self._trainings.complete(job.number, result)
            self._seconds[job.network].append(result.seconds)
        else:
            self._trainings.fail(job.number, result if isinstance(result, str) else INTERRUPTED)
        self._notify(Event("cut" if result is None else "finished", job, result=result))

    def _too_late(self, network: str) -> bool:
        known = self._seconds.get(network) or [s for each in self._seconds.values() for s in each]
        return too_late(self._deadline, known)
