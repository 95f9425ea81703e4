"""How a running search looks: a live line in a terminal, a plain line a trial where output is piped."""

import time
from types import TracebackType
from typing import Self

import numpy as np
from rich.console import Console

from nas.common.fronts import front_mask
from nas.console.status_line import StatusLine, time_left
from nas.engine.tune import Stopped
from nas.report import Results, reference, relative_hypervolume
from nas.search.budget import worst_violation
from nas.search.campaign import Event
from nas.search.record import INTERRUPTED, Kind
from nas.train.trainer import Outcome


class Display:
    """Counts and best figures of a run, drawn as events arrive."""

    def __init__(
        self,
        console: Console,
        found: Results,
        classes: int,
        *,
        trials: int | None,
        deadline: float | None,
    ) -> None:
        self._settings = found.settings
        self._reference = reference(found.settings, classes)
        objective = found.settings.objective
        self._points = list(zip(found.front["accuracy"], found.front[objective], strict=True))
        ended = found.trials["state"].isin(["COMPLETE", "PRUNED", "FAIL"]) & (
            found.trials["reason"] != INTERRUPTED
        )
        self._over = int(ended.sum())
        self._trials, self._deadline = trials, deadline
        self._running: dict[tuple[Kind, int], str] = {}
        self._began, self._began_with = time.monotonic(), self._over
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
        job = event.job
        key, label = (job.kind, job.number), job.name or f"trial {job.number}"
        if job.kind == "control":
            label = f"control {job.number}"
        if job.epochs != self._settings.fidelity.epochs:
            label += f" ({job.epochs:g} epochs)"
        if event.what == "launched":
            self._running[key] = f"{label} 0%"
        elif event.what == "progressed" and event.progress is not None:
            self._running[key] = f"{label} {event.progress.share:.0%}"
        else:
            self._running.pop(key, None)
            self._finished(event, label)
        self._status.show(self._line())

    def _finished(self, event: Event, label: str) -> None:
        job = event.job
        costs = f"{job.cost.macs / 1e6:.1f} M multiply-adds, {job.cost.params / 1e6:.2f} M parameters"
        if job.cost.latency is not None:
            costs += f", {job.cost.latency_ms:.2f} ms predicted"
        if isinstance(event.result, Outcome):
            said = f"{event.result.accuracy:.2%} in {event.result.seconds:.0f} s, {costs}"
            within = worst_violation(self._settings.limits, job.cost) <= 0
            if job.kind == "search" and within and job.epochs == self._settings.fidelity.epochs:
                self._points.append((event.result.accuracy, getattr(job.cost, self._settings.objective)))
        elif isinstance(event.result, Stopped):
            reached = event.result.curve[-1]
            said = f"stopped at {reached.share:.0%} with {reached.accuracy:.2%}, {costs}"
        else:
            said = f"failed: {event.result}" if event.result else "cut off; --resume runs it again"
        if job.kind == "search" and event.result is not None:
            self._over += 1
        self._status.say(f"{label}: {said}", self._summary())

    def _line(self) -> str:
        running = ", ".join(self._running.values()) or "nothing"
        return f"{self._summary()} | running: {running}"

    def _summary(self) -> str:
        parts = [f"{self._over}{f'/{self._trials}' if self._trials is not None else ''} trials"]
        if self._points:
            value, cost = np.array(self._points, dtype=float).T
            parts += [f"best {value.max():.2%}", f"front {int(front_mask(value, cost).sum())}"]
            if self._reference is not None:
                share = relative_hypervolume(value, cost, self._reference)
                parts.append(f"hypervolume {share:.4f}")
        parts.append(self._time_left())
        return " | ".join(parts)

    def _time_left(self) -> str:
        now, left = time.monotonic(), []
        if self._deadline is not None:
            left.append(self._deadline - now)
        done = self._over - self._began_with
        if self._trials is not None and done > 0:
            left.append((now - self._began) / done * max(0, self._trials - self._over))
        return time_left(min(left, default=None))
