"""How a running comparison looks: a line a training, and how much is left."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console

from nas.compare.rounds import Event, Running
from nas.compare.trainings import Trainings
from nas.console.status_line import StatusLine, time_left
from nas.train.trainer import Outcome


class Display:
    """Counts of a comparison, drawn as events arrive. `names` are what the networks are called."""

    def __init__(
        self, console: Console, trainings: Trainings, names: Mapping[str, str], deadline: float | None
    ) -> None:
        self._names = names
        self._seeds = trainings.seeds
        pairs = {(network, seed) for network in trainings.setup.networks for seed in self._seeds}
        self._total = len(pairs)
        self._over = self._began_with = len(pairs & trainings.over())
        self._began, self._deadline = time.monotonic(), deadline
        self._running: dict[int, str] = {}
        self._status = StatusLine(console)

    def __enter__(self) -> Self:
        self._status.start(self._line())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.stop()

    def on(self, event: Event) -> None:
        """Take in an event and show it."""
        label = self._label(event.job)
        if event.what == "launched":
            self._running[event.job.number] = f"{label} 0%"
        elif event.what == "progressed" and event.progress is not None:
            self._running[event.job.number] = f"{label} {event.progress.share:.0%}"
        else:
            self._running.pop(event.job.number, None)
            self._over += event.what == "finished"
            self._status.say(f"{label}: {_said(event)}", self._summary())
        self._status.show(self._line())

    def _label(self, job: Running) -> str:
        return f"{self._names.get(job.network, job.network)}, seed {job.seed}"

    def _line(self) -> str:
        return f"{self._summary()} | running: {'; '.join(self._running.values()) or 'nothing'}"

    def _summary(self) -> str:
        now, left = time.monotonic(), []
        if self._deadline is not None:
            left.append(self._deadline - now)
        done = self._over - self._began_with
        if done > 0:
            left.append((now - self._began) / done * (self._total - self._over))
        return f"{self._over}/{self._total} trainings | {time_left(min(left, default=None))}"


def _said(event: Event) -> str:
    if isinstance(event.result, Outcome):
        return f"{event.result.accuracy:.2%} in {event.result.seconds:.0f} s"
    return f"failed: {event.result}" if event.result else "cut off; --resume runs it again"
