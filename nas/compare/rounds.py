"""A comparison as a source of jobs: seed by seed, every network in its order, each pair once."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from nas.compare.trainings import Trainings
from nas.engine.tune import Job, Result
from nas.networks.cost import Cost
from nas.runs.studies import INTERRUPTED
from nas.train.trainer import Outcome, Progress

WORTH_STARTING = 0.8
"""A job is not started where less than this share of the time that it will take is left."""


@dataclass(frozen=True)
class Running:
    """A training under way."""

    number: int
    network: str
    seed: int


@dataclass(frozen=True)
class Event:
    """Something that happened to a training: `what` is launched, progressed, finished or cut."""

    what: str
    job: Running
    progress: Progress | None = None
    result: Result | None = None


class Rounds:
    """Gives what is missing of a comparison to the engine and writes what becomes of it; a `nas.engine.tune.Source`.

    A round is one seed of every network, in the order of the setup: where time runs out, the networks differ by
    one seed at most. What failed for a reason of its own is not tried again; what was cut off is.
    """

    def __init__(
        self,
        trainings: Trainings,
        *,
        deadline: float | None = None,
        notify: Callable[[Event], None] = lambda event: None,
    ) -> None:
        self._trainings = trainings
        self._deadline = deadline
        self._notify = notify
        self._running: dict[str, Running] = {}
        self._seconds: dict[str, list[float]] = {}
        self._costs: dict[str, Cost] = {}
        for trial in trainings.trials():
            if "outcome" in trial.user_attrs:
                self._note(trial.user_attrs["network"], trial.user_attrs["outcome"]["seconds"])
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
        if network not in self._costs:
            self._costs[network] = self._trainings.setup.cost(network)
        number = self._trainings.launch(network, seed, self._costs[network])
        key = str(number)
        self._running[key] = job = Running(number, network, seed)
        self._notify(Event("launched", job))
        setup = self._trainings.setup
        return key, Job(network, setup.fidelity, setup.recipe, seed, setup.test)

    def progressed(self, key: str, progress: Progress) -> None:
        """Passed on to the display."""
        self._notify(Event("progressed", self._running[key], progress=progress))

    def finished(self, key: str, result: Result | None) -> None:
        """Write the result; a training that was cut off will be run again by a resumed comparison."""
        job = self._running.pop(key)
        if isinstance(result, Outcome):
            self._trainings.complete(job.number, result)
            self._note(job.network, result.seconds)
        else:
            self._trainings.fail(job.number, result if isinstance(result, str) else INTERRUPTED)
        self._notify(Event("cut" if result is None else "finished", job, result=result))

    def _note(self, network: str, seconds: float) -> None:
        self._seconds.setdefault(network, []).append(seconds)

    def _too_late(self, network: str) -> bool:
        if self._deadline is None:
            return False
        known = self._seconds.get(network) or [s for each in self._seconds.values() for s in each]
        needed = WORTH_STARTING * statistics.median(known) if known else 0.0
        return self._deadline - time.monotonic() <= needed
