"""The phase that ends a search: what it selected is trained again, with other seeds, and judged by that alone.

A front of single trainings is partly luck. A share of the time is kept for the networks that could stand on the true
front, by the model's belief, one or more in each band of costs, and for the hand-designed ones that could stand on
theirs. They race: `nas.samplers.racing` says who is trained next. Each training is a trial of a study of its own, so
that a resumed search goes on with them as with the rest. Where a run has folds, each seed divides the images anew.
"""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from optuna.trial import FrozenTrial

from nas.common.fronts import front_mask
from nas.engine.jobs import Event, Job, Result, Source, too_late
from nas.runs.studies import accuracy_of
from nas.samplers import racing
from nas.search.campaign import Trial
from nas.search.price import Price
from nas.search.record import INTERRUPTED, Record, is_over
from nas.search.results import finished
from nas.train.trainer import Outcome, Progress
from search_spaces import Arch

LONGER = 10 / 3
"""What confirms is trained so many times as long as what it confirms, as `thorough` to `standard` ..."""
WORTH = 15
"""... where at least so many such trainings fit; else as long. Five networks of three seeds are the least."""
BASELINES = 1 / 3
"""The share of the places that hand-designed networks have."""
WHOLE = 1 - 1e-6
"""A training, where shares of epochs have been added up."""
NOISE = 0.01
"""Deviation of one training's accuracy, before two of any network are known."""


@dataclass(frozen=True)
class Entrant:
    """A network that races: of the search's trial `of`, or the baseline `name`; its cost, and what is known of it."""

    arch: Arch
    cost: Price
    of: int | None
    name: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others, whichever trial it is of."""
        return str(self.arch), self.name

    @property
    def label(self) -> str:
        """What it is called on the terminal."""
        return self.name or f"trial {self.of}"


@dataclass(frozen=True)
class Bounds:
    """How much there may be of it: until `deadline` (of time.monotonic), `concurrency` trainings at a time.

    share: of all training; without a deadline it bounds the epochs that confirm by those that were searched.
    """

    share: float
    deadline: float | None
    concurrency: int


class Confirmation:
    """Gives the trainings that confirm a front to the engine, and writes their results; a `nas.engine.jobs.Source`.

    chances: how likely each arch of the search is believed to stand on the front; asked once, when the first training
    is due.
    """

    def __init__(
        self,
        record: Record,
        chances: Callable[[], Mapping[Arch, float]],
        bounds: Bounds,
        notify: Callable[[Event[Trial]], None] = lambda event: None,
    ) -> None:
        self._record, self._chances, self._bounds, self._notify = record, chances, bounds, notify
        self._entrants: list[Entrant] | None = None
        self._epochs = self._left = math.nan
        self._running: dict[str, tuple[Trial, int]] = {}

    @property
    def due(self) -> bool:
        """Whether there is anything to train, so that it is worth starting the engine."""
        return self._open and self._chosen_next() is not None

    def next(self) -> tuple[str, Job] | Literal["wait"] | None:
        """The training that decides most; None where all is decided, or where time or trainings are used up."""
        if not self._open:
            return None
        chosen = self._chosen_next()
        if chosen is None:
            return "wait" if self._running else None
        self._left -= 1
        return self._launch(*chosen)

    def progressed(self, key: str, progress: Progress) -> None:
        """Passed on to the display."""
        self._notify(Event("progressed", self._running[key][0], progress=progress))

    def finished(self, key: str, result: Result | None) -> None:
        """Write the result; a training that was cut off will be run again by a resumed search."""
        job, _ = self._running.pop(key)
        if isinstance(result, Outcome):
            self._record.complete(job.number, result, kind="confirm")
        else:
            reason = result if isinstance(result, str) else INTERRUPTED
            self._record.fail(job.number, reason, kind="confirm")
        self._notify(Event("cut" if result is None else "finished", job, result=result))

    @property
    def _open(self) -> bool:
        """Whether anyone races, and time and trainings are left."""
        if self._entrants is None:
            self._begin()
        return bool(self._entrants) and not (
            self._left < WHOLE or too_late(self._bounds.deadline, self._seconds())
        )

    def _chosen_next(self) -> tuple[int, int] | None:
        """The place of the entrant that is to be trained next, and the seed."""
        results, running, seeds = self._standing()
        costs = [self._figure(entrant.cost) for entrant in self._entrants or ()]
        place = racing.next_entrant(costs, results, running, NOISE)
        return None if place is None else (place, seeds[place])

    def _begin(self) -> None:
        """Settle how long the trainings are, how many there may be, and who races."""
        known = self._known()
        done = sum(is_over(trial) for trial in known)
        self._epochs, most = self._length(known, done)
        self._left = max(0.0, most - done) if self._bounds.deadline is None else math.inf
        places = racing.places_for(int(most + 1 - WHOLE))
        self._entrants = self._chosen(places) if most >= 2 or known else []

    def _length(self, known: Sequence[FrozenTrial], done: int) -> tuple[float, float]:
        """The epochs of each training, and how many trainings there are in all, those done included."""
        searched = finished(self._record.trials())
        epochs = (
            float(searched[0].user_attrs["epochs"]) if searched else self._record.settings.fidelity.epochs
        )
        if self._bounds.deadline is None:
            trained = [*self._record.trials(), *self._record.trials("baselines")]
            total = sum(t.user_attrs["epochs"] for t in trained if is_over(t))
            worth = total * self._bounds.share / (1 - self._bounds.share)  # in epochs
        else:
            seconds = [float(t.user_attrs["outcome"]["seconds"]) for t in searched]
            left = max(0.0, self._bounds.deadline - time.monotonic()) * self._bounds.concurrency
            worth = left / statistics.fmean(seconds) * epochs if seconds else 0.0
        if known:
            epochs = float(known[0].user_attrs["epochs"])
        elif worth / (LONGER * epochs) >= WORTH:
            epochs *= LONGER
        return epochs, worth / epochs + (done if self._bounds.deadline is not None else 0)

    def _chosen(self, places: int) -> list[Entrant]:
        """Who races: the likeliest of each band of costs, found and hand-designed, and whoever did before."""
        found, designed = self._found(), self._designed()
        reserved = min(len(designed), round(BASELINES * places))
        chosen: dict[tuple[str, str], Entrant] = {}
        for some, most in ((found, places - reserved), (designed, reserved)):
            costs, chances = [self._figure(e.cost) for e, _ in some], [chance for _, chance in some]
            for number in racing.entrants(costs, chances, most):
                chosen.setdefault(some[number][0].key, some[number][0])
        for trial in self._known():
            chosen.setdefault(entrant_of(trial).key, entrant_of(trial))
        return list(chosen.values())

    def _found(self) -> list[tuple[Entrant, float]]:
        """The search's networks within budget, each with its chance to stand on the front."""
        believed = self._chances()
        trials = finished(self._record.trials(), self._record.settings)
        last = {trial.user_attrs["arch"]: trial for trial in trials}
        entrants = [entrant_of(trial, trial.number) for trial in last.values()]
        return [(entrant, believed.get(entrant.arch, 0.0)) for entrant in entrants]

    def _designed(self) -> list[tuple[Entrant, float]]:
        """The hand-designed networks within budget, each with its chance to stand on the front of them alone."""
        trials = finished(self._record.trials("baselines"), self._record.settings)
        entrants = [entrant_of(trial) for trial in trials]
        values = np.array([trial.values[0] for trial in trials])
        costs = [self._figure(entrant.cost) for entrant in entrants]
        rng, leads = np.random.default_rng(self._record.settings.seed), np.zeros(len(trials))
        for _ in range(400):
            leads += front_mask(values + NOISE * rng.standard_normal(len(values)), costs) / 400
        return list(zip(entrants, leads.tolist(), strict=True))

    def _known(self) -> list[FrozenTrial]:
        return self._record.trials("confirm")

    def _standing(self) -> tuple[list[list[float]], list[int], list[int]]:
        """Of each entrant: the results of its trainings, how many are running, and the seed of the next."""
        assert self._entrants is not None
        number = {entrant.key: place for place, entrant in enumerate(self._entrants)}
        results: list[list[float]] = [[] for _ in number]
        first = self._record.settings.seed + 1  # the seed of the selecting training is no part of it
        taken: list[set[int]] = [set() for _ in number]
        for trial in self._known():
            place = number[entrant_of(trial).key]
            if trial.user_attrs.get("reason") == INTERRUPTED:
                continue
            taken[place].add(trial.user_attrs["seed"])
            if trial.state.is_finished():
                results[place].append(accuracy_of(trial))
        running = [0] * len(number)
        for _, place in self._running.values():
            running[place] += 1
        seeds = [next(s for s in range(first, first + 10**6) if s not in used) for used in taken]
        return results, running, seeds

    def _launch(self, place: int, seed: int) -> tuple[str, Job]:
        assert self._entrants is not None
        settings, entrant = self._record.settings, self._entrants[place]
        number = self._record.launch(
            str(entrant.arch),
            entrant.cost,
            {},
            {},
            kind="confirm",
            name=entrant.name,
            epochs=self._epochs,
            seed=seed,
            of=entrant.of,
        )
        label = f"{entrant.label} confirmed, seed {seed}"
        job = Trial("confirm", number, label, entrant.arch, entrant.cost, self._epochs)
        key = f"confirm {number}"
        self._running[key] = job, place
        self._notify(Event("launched", job))
        fidelity = replace(settings.fidelity, epochs=self._epochs)
        return key, Job(
            str(entrant.arch), fidelity, settings.recipe, seed, metric=settings.metric, folds=settings.folds
        )

    def _seconds(self) -> list[float]:
        """What trainings of this length took; as expected from the search's where none has ended."""
        mine = [t.user_attrs["outcome"]["seconds"] for t in self._known() if "outcome" in t.user_attrs]
        if mine:
            return mine
        return [
            t.user_attrs["outcome"]["seconds"] * self._epochs / t.user_attrs["epochs"]
            for t in finished(self._record.trials())
        ]

    def _figure(self, cost: Price) -> float:
        return float(getattr(cost, self._record.settings.objective))


def entrant_of(trial: FrozenTrial, of: int | None = None) -> Entrant:
    """The network that a trial of any of the studies trained."""
    attrs = trial.user_attrs
    return Entrant(Arch.parse(attrs["arch"]), Price.stored(attrs), attrs.get("of", of), attrs["name"])


class Phases:
    """Two sources, one after the other: the second begins where the first has nothing left; a source itself."""

    def __init__(self, first: Source, second: Source) -> None:
        self._first, self._second = first, second
        self._of: dict[str, Source] = {}
        self._now = first

    def next(self) -> tuple[str, Job] | Literal["wait"] | None:
        """The next job of the first, and of the second when the first has none left."""
        found = self._now.next()
        if found is None and self._now is self._first:
            self._now = self._second
            found = self._now.next()
        if isinstance(found, tuple):
            self._of[found[0]] = self._now
        return found

    def progressed(self, key: str, progress: Progress) -> None:
        """Told to whose job it is."""
        self._of[key].progressed(key, progress)

    def finished(self, key: str, result: Result | None) -> None:
        """Told to whose job it was."""
        self._of.pop(key).finished(key, result)
