"""What a training says while it is under way and at its end: plain values."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """A report: share of the schedule in (0, 1], validation accuracy in [0, 1], training loss, seconds."""

    share: float
    accuracy: float
    loss: float
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What a training came to.

    accuracy: on the validation split, in [0, 1], of the weights that it ended with. loss: mean training loss of the
    last tenth of the steps, label smoothing included. seconds: wall time of training and evaluation. images:
    training images seen, repeats counted. steps: optimiser steps. curve: the reports, the last of them at the end.
    test: accuracy on the held-out test images, where a final comparison has read them; `train` never does.
    measuring: of the seconds, those that measured batch-norm statistics. folds: the accuracy of each, where this is the
    mean of several; seconds, images and steps are then their sums.
    """

    accuracy: float
    loss: float
    seconds: float
    images: int
    steps: int
    curve: tuple[Progress, ...]
    test: float | None = None
    measuring: float = 0.0
    folds: tuple[float, ...] = ()


@dataclass
class Course:
    """A training so far: when its clock started, its reports, its seconds, and those that measured statistics."""

    started: float
    curve: list[Progress] = field(default_factory=list)
    seconds: float = 0.0
    measuring: float = 0.0

    def report(self, share: float, accuracy: float, loss: float, now: float) -> None:
        """Add a report; `now` is of the clock that it started by."""
        self.seconds = now - self.started
        self.curve.append(Progress(share, accuracy, loss, self.seconds))
