"""The search itself, as a source of jobs: what the sampler proposes and, between, baselines; each recorded."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from optuna.trial import TrialState

from nas.engine.jobs import Event, Job, Result, Stopped, too_late
from nas.search.ladder import Standing, to_promote
from nas.search.price import Price
from nas.search.proposer import Proposal, Proposer
from nas.search.record import INTERRUPTED, Kind, Record, is_over
from nas.train.trainer import Outcome, Progress
from search_spaces import Arch, zoo


@dataclass(frozen=True)
class Trial:
    """A job under way: which trial of which study, on which rung, and what it was proposed as.

    `brief`: on a rung below the highest.
    """

    kind: Kind
    number: int
    name: str
    arch: Arch
    cost: Price
    epochs: float
    brief: bool = False
    proposal: Proposal | None = None

    @property
    def label(self) -> str:
        """What it is called on the terminal."""
        called = f"control {self.number}" if self.kind == "control" else self.name or f"trial {self.number}"
        return f"{called} ({self.epochs:g} epochs)" if self.brief else called


class Campaign:
    """Gives the jobs of a run to the engine and writes what becomes of them; a `nas.engine.tune.Source`.

    `control` proposes as many trials as the search, to be compared with it; a bound in trials counts the
    search's alone.
    """

    def __init__(
        self,
        record: Record,
        proposer: Proposer,
        *,
        trials: int | None,
        control: Proposer | None = None,
        deadline: float | None = None,
        notify: Callable[[Event[Trial]], None] = lambda event: None,
    ) -> None:
        self._record = record
        self._proposers: dict[Kind, Proposer] = {"search": proposer}
        if control is not None:
            self._proposers["control"] = control
        self._trials = trials
        self._deadline = deadline
        self._notify = notify
        self._running: dict[str, Trial] = {}
        self._rungs = (*record.settings.rungs, record.settings.fidelity.epochs)
        self._launched: dict[Kind, int] = {}
        self._standings: dict[tuple[Kind, float], list[Standing]] = defaultdict(list)
        self._promoted: dict[tuple[Kind, float], set[str]] = defaultdict(set)
        self._seconds: list[float] = []
        self._dry: set[Kind] = set()  # had nothing to propose, and will not before something has ended
        for kind in self._proposers:
            self._recall(kind)
        over = [trial for trial in record.trials("baselines") if is_over(trial)]
        done = {trial.user_attrs["name"] for trial in over}
        self._baselines = [name for name in record.settings.baselines if name not in done]
        self._designed = sum(float(trial.user_attrs["epochs"]) for trial in over)
        searched = [trial for kind in self._proposers for trial in record.trials(kind) if is_over(trial)]
        self._epochs = self._designed + sum(float(trial.user_attrs["epochs"]) for trial in searched)
        self.exhausted = False

    @property
    def over(self) -> bool:
        """Whether all that was asked for is done, so that there is nothing to start."""
        return not self._baselines and not self._running and all(map(self._reached, self._proposers))

    @property
    def left_out(self) -> tuple[str, ...]:
        """The baselines that were not started."""
        return tuple(self._baselines)

    def next(self) -> tuple[str, Job] | Literal["wait"] | None:
        """The next baseline, promotion or proposal, written as RUNNING; None at the end.

        Baselines take a third at most, except that without a deadline those that are left come at the end.
        """
        if too_late(self._deadline, self._seconds):
            return None
        if self._baselines and self._baselines_turn():
            return self._baseline()
        waiting = [kind for kind in self._proposers if not self._reached(kind)]
        for kind in sorted(waiting, key=lambda kind: self._launched[kind]):
            job = self._promotion(kind) or self._proposal(kind)
            if job is not None:
                self._launched[kind] += 1
                return self._launch(job)
        if self._baselines and self._deadline is None:
            return self._baseline()
        if waiting and self._running:
            return "wait"  # a promotion may come of it, or an arch that failed to run may be free again
        self.exhausted = bool(waiting)
        return None

    def progressed(self, key: str, progress: Progress) -> None:
        """Passed on to the display; curves are written with the result."""
        self._notify(Event("progressed", self._running[key], progress=progress))

    def finished(self, key: str, result: Result | None) -> None:
        """Write the result; a job that was cut off will be run again by a resumed search."""
        job = self._running.pop(key)
        self._dry.clear()
        if isinstance(result, Outcome):
            self._record.complete(job.number, result, kind=job.kind)
            self._note(job.kind, job.epochs, job.arch, job.cost, vars(result))
        elif isinstance(result, Stopped):
            self._record.prune(job.number, result.curve, kind=job.kind)
        else:
            self._record.fail(job.number, result or INTERRUPTED, kind=job.kind)
        if job.kind in self._proposers:
            self._teach(job, result)
        self._notify(Event("cut" if result is None else "finished", job, result=result))

    def _recall(self, kind: Kind) -> None:
        """Take up where the record stands: counts, standings of the rungs, what was cut off."""
        trials = self._record.trials(kind)
        self._launched[kind] = sum(is_over(trial) for trial in trials)
        for trial in trials:
            arch, epochs = Arch.parse(trial.user_attrs["arch"]), float(trial.user_attrs["epochs"])
            lower = self._below(epochs)
            if lower is not None and is_over(trial):
                self._promoted[kind, lower].add(str(arch))
            if trial.state == TrialState.COMPLETE:
                self._note(kind, epochs, arch, Price.stored(trial.user_attrs), trial.user_attrs["outcome"])
            elif not is_over(trial) and lower is None:
                self._proposers[kind].enqueue(arch)

    def _note(self, kind: Kind, epochs: float, arch: Arch, cost: Price, told: Mapping[str, float]) -> None:
        if epochs == self._rungs[-1]:
            self._seconds.append(float(told["seconds"]))
        objective = float(getattr(cost, self._record.settings.objective))
        standing = Standing(str(arch), objective, float(told["accuracy"]))
        self._standings[kind, epochs].append(standing)

    def _below(self, epochs: float) -> float | None:
        """The rung from which trials come to this one."""
        place = self._rungs.index(epochs) if epochs in self._rungs else 0
        return self._rungs[place - 1] if place else None

    def _promotion(self, kind: Kind) -> Trial | None:
        """A trial that goes on to its next rung; the higher rungs first."""
        for lower, upper in reversed(list(pairwise(self._rungs))):
            promoted = self._promoted[kind, lower]
            standing = to_promote(self._standings[kind, lower], promoted)
            if standing is not None:
                promoted.add(standing.arch)
                arch = Arch.parse(standing.arch)
                price = self._proposers[kind].price(arch)
                return Trial(kind, -1, "", arch, price, upper, upper < self._rungs[-1])
        return None

    def _proposal(self, kind: Kind) -> Trial | None:
        if kind in self._dry:
            return None
        proposal = self._proposers[kind].propose()
        if proposal is None:
            self._dry.add(kind)
            return None
        lowest, brief = self._rungs[0], len(self._rungs) > 1
        return Trial(kind, -1, "", proposal.arch, proposal.cost, lowest, brief, proposal)

    def _baselines_turn(self) -> bool:
        """Whether hand-designed networks have had less than a third of all training, in epochs; trials come first."""
        return 3 * (self._designed + self._rungs[-1]) <= (self._epochs + self._rungs[-1]) * (1 + 1e-9)

    def _baseline(self) -> tuple[str, Job]:
        name = self._baselines.pop(0)
        arch = zoo.get(name)
        cost = self._proposers["search"].price(arch)
        return self._launch(Trial("baselines", -1, name, arch, cost, self._rungs[-1]))

    def _launch(self, job: Trial) -> tuple[str, Job]:
        settings = self._record.settings
        self._epochs += job.epochs
        self._designed += job.epochs if job.kind == "baselines" else 0.0
        proposer = self._proposers.get(job.kind)  # a baseline is no point of the space
        params, distributions = proposer.point(job.arch) if proposer else ({}, {})
        number = self._record.launch(
            str(job.arch), job.cost, params, distributions, kind=job.kind, name=job.name, epochs=job.epochs
        )
        key = f"{job.kind} {number}"
        self._running[key] = job = replace(job, number=number)
        self._notify(Event("launched", job))
        fidelity = replace(settings.fidelity, epochs=job.epochs)
        return key, Job(
            str(job.arch),
            fidelity,
            settings.recipe,
            settings.seed,
            metric=settings.metric,
            folds=settings.folds,
        )

    def _teach(self, job: Trial, result: Result | None) -> None:
        """Tell the sampler what became of a job."""
        proposer, share = self._proposers[job.kind], job.epochs / self._rungs[-1]
        if result is None:
            lower = self._below(job.epochs)
            if lower is not None:
                self._promoted[job.kind, lower].discard(str(job.arch))
            if job.proposal is not None:
                proposer.forget(job.proposal)
        elif isinstance(result, Stopped):
            reached = result.curve[-1]
            proposer.tell(job.arch, reached.accuracy, share * reached.share, job.proposal, pruned=True)
        else:
            accuracy, folds = (result.accuracy, result.folds) if isinstance(result, Outcome) else (None, ())
            proposer.tell(job.arch, accuracy, share, job.proposal, folds=folds)

    def _reached(self, kind: Kind) -> bool:
        return self._trials is not None and self._launched[kind] >= self._trials
