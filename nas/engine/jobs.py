"""What is to be trained and what became of it: between whoever decides (a `Source`) and whoever executes."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from nas.train.metrics import ACCURACY
from nas.train.trainer import Fidelity, Outcome, Progress, Recipe

J = TypeVar("J", bound="Labelled", covariant=True)

Ending = Literal["done", "late", "interrupted"]
"""Why a run ended: nothing was left to do, its time was up (--minutes), or Ctrl-C."""
WORTH_STARTING = 0.8
"""A job is not started where less than this share of the time that it will take is left."""
REPORTS = 4
"""How often a job reports its accuracy, at equal shares of its schedule."""


@dataclass(frozen=True)
class Job:
    """One training: the text of a network, at one fidelity, with one recipe and seed.

    `test`: whether the held-out test images are read, once, when it is trained; for a final comparison only.
    `metric`: what it is judged by (`nas.train.metrics`), in the place of its accuracy. `folds`: where there are any,
    the network is trained once for each, one after the other, and its result is their mean; divided by the seed.
    """

    arch: str
    fidelity: Fidelity
    recipe: Recipe
    seed: int
    test: bool = False
    metric: str = ACCURACY
    folds: int = 0


@dataclass(frozen=True)
class Stopped:
    """A scheduler ended a job after these reports."""

    curve: tuple[Progress, ...]


Result = Outcome | Stopped | str
"""What a job came to: its outcome, what it had reached when it was stopped, or why it failed."""


class Source(Protocol):
    """Where jobs come from and their results go to; called in the driver's main thread only."""

    def next(self) -> "tuple[str, Job] | Literal['wait'] | None":
        """A key and a job, "wait" until something running has ended, or None where there is nothing left."""

    def progressed(self, key: str, progress: Progress) -> None:
        """A job reports from within its schedule."""

    def finished(self, key: str, result: "Result | None") -> None:
        """A job ended: with its outcome, stopped, for a reason why it failed, or None: it was cut off."""


class Labelled(Protocol):
    """A job under way, as its source knows it."""

    @property
    def label(self) -> str:
        """What it is called on the terminal."""


@dataclass(frozen=True)
class Event(Generic[J]):
    """Something that happened to a job, for a display: `what` is launched, progressed, finished or cut."""

    what: Literal["launched", "progressed", "finished", "cut"]
    job: J
    progress: Progress | None = None
    result: Result | None = None


def too_late(deadline: float | None, seconds: Sequence[float]) -> bool:
    """Whether a job that takes about as long as others did (`seconds`) is not worth starting any more."""
    if deadline is None:
        return False
    needed = WORTH_STARTING * statistics.median(seconds) if seconds else 0.0
    return deadline - time.monotonic() <= needed
