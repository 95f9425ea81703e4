"""The search itself, as a source of jobs: baselines first, then what the sampler proposes, each recorded."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from optuna.trial import TrialState

from nas.costs import Cost
from nas.engine import Job
from nas.proposing import Proposal, Proposer
from nas.record import INTERRUPTED, Record, is_over
from nas.training import Outcome, Progress
from search_spaces import Arch, zoo

WORTH_STARTING = 0.8
"""A job is not started where less than this share of the median job's time is left."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a job, for a display: `kind` is launched, progressed, finished or cut."""

    kind: str
    number: int
    name: str
    arch: str
    cost: Cost
    progress: Progress | None = None
    result: Outcome | str | None = None


@dataclass(frozen=True)
class _Running:
    number: int
    name: str
    arch: str
    cost: Cost
    proposal: Proposal | None


class Campaign:
    """Gives the jobs of a run to the engine and writes what becomes of them; a `nas.engine.Source`."""

    def __init__(
        self,
        record: Record,
        proposer: Proposer,
        *,
        trials: int | None,
        deadline: float | None = None,
        notify: Callable[[Event], None] = lambda event: None,
    ) -> None:
        self._record = record
        self._proposer = proposer
        self._trials = trials
        self._deadline = deadline
        self._notify = notify
        self._running: dict[str, _Running] = {}
        history = record.trials()
        self._launched = sum(is_over(trial) for trial in history)
        for trial in history:
            if not is_over(trial):
                proposer.enqueue(Arch.parse(trial.user_attrs["arch"]))
        done = {trial.user_attrs["name"] for trial in record.baselines() if is_over(trial)}
        self._baselines = [name for name in record.settings.baselines if name not in done]
        ended = [t for t in [*history, *record.baselines()] if t.state == TrialState.COMPLETE]
        self._seconds = [float(t.user_attrs["outcome"]["seconds"]) for t in ended]
        self.exhausted = False

    @property
    def over(self) -> bool:
        """Whether all that was asked for is done, so that there is nothing to start."""
        reached = self._trials is not None and self._launched >= self._trials
        return reached and not self._baselines and not self._running

    def next(self) -> tuple[str, Job] | None:
        """The next baseline, else the next proposal, written as RUNNING; None at the end."""
        if self._too_late():
            return None
        if self._baselines:
            name = self._baselines.pop(0)
            arch = zoo.get(name)
            return self._launch(arch, self._proposer.price(arch), name, None)
        if self._trials is not None and self._launched >= self._trials:
            return None
        proposal = self._proposer.propose()
        if proposal is None:
            self.exhausted = not self._running  # what is running may yet free a failed arch's place
            return None
        self._launched += 1
        return self._launch(proposal.arch, proposal.cost, "", proposal)

    def progressed(self, key: str, progress: Progress) -> None:
        """Passed on to the display; curves are written with the result."""
        self._tell("progressed", self._running[key], progress=progress)

    def finished(self, key: str, result: Outcome | str | None) -> None:
        """Write the result; a job that was cut off will be run again by a resumed search."""
        running = self._running.pop(key)
        number, name = running.number, running.name
        if isinstance(result, Outcome):
            self._record.complete(number, result, name=name)
            self._seconds.append(result.seconds)
        else:
            self._record.fail(number, result or INTERRUPTED, name=name)
        if running.proposal is not None:
            if result is None:
                self._proposer.forget(running.proposal)
            else:
                accuracy = result.accuracy if isinstance(result, Outcome) else None
                self._proposer.tell(running.proposal, accuracy)
        self._tell("cut" if result is None else "finished", running, result=result)

    def _launch(self, arch: Arch, price: Cost, name: str, proposal: Proposal | None) -> tuple[str, Job]:
        settings, text = self._record.settings, str(arch)
        params = proposal.params if proposal else {}
        distributions = proposal.distributions if proposal else {}
        number = self._record.launch(text, price, params, distributions, name=name)
        key = f"{name}#{number}"
        self._running[key] = running = _Running(number, name, text, price, proposal)
        self._tell("launched", running)
        return key, Job(text, settings.fidelity, settings.recipe, settings.seed)

    def _too_late(self) -> bool:
        if self._deadline is None:
            return False
        left = self._deadline - time.monotonic()
        needed = WORTH_STARTING * statistics.median(self._seconds) if self._seconds else 0.0
        return left <= needed

    def _tell(
        self,
        kind: str,
        running: _Running,
        progress: Progress | None = None,
        result: Outcome | str | None = None,
    ) -> None:
        self._notify(Event(kind, running.number, running.name, running.arch, running.cost, progress, result))
