"""How a running search looks: a live line in a terminal, a plain line a trial where output is piped."""

import time
from types import TracebackType
from typing import Self

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.text import Text

from nas.budget import worst_violation
from nas.campaign import Event
from nas.hypervolume import front_mask, hypervolume
from nas.record import INTERRUPTED
from nas.report import Results, reference
from nas.training import Outcome


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
        self._console = console
        self._settings = found.settings
        self._reference = reference(found.settings, classes)
        done = found.trials[found.trials["state"] == "COMPLETE"]
        objective = found.settings.objectives[1]
        self._points = list(zip(done["accuracy"], done[objective], strict=True))
        ended = found.trials["state"].isin(["COMPLETE", "FAIL"]) & (found.trials["reason"] != INTERRUPTED)
        self._over = int(ended.sum())
        self._trials, self._deadline = trials, deadline
        self._running: dict[tuple[str, int], str] = {}
        self._began, self._began_with = time.monotonic(), self._over
        self._live = (
            Live(console=console, refresh_per_second=2, transient=True) if console.is_terminal else None
        )

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
            self._live.update(self._line(), refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def on(self, event: Event) -> None:
        """Take in an event and show it."""
        key = (event.name, event.number)
        label = event.name or f"trial {event.number}"
        if event.kind == "launched":
            self._running[key] = f"{label} 0%"
        elif event.kind == "progressed" and event.progress is not None:
            self._running[key] = f"{label} {event.progress.share:.0%}"
        else:
            self._running.pop(key, None)
            self._finished(event, label)
        if self._live:
            self._live.update(self._line())

    def _finished(self, event: Event, label: str) -> None:
        costs = f"{event.cost.macs / 1e6:.1f} M multiply-adds, {event.cost.params / 1e6:.2f} M parameters"
        if isinstance(event.result, Outcome):
            said = f"{event.result.accuracy:.2%} in {event.result.seconds:.0f} s, {costs}"
            within = worst_violation(self._settings.limits, event.cost) <= 0
            if not event.name and within:
                self._points.append(
                    (event.result.accuracy, getattr(event.cost, self._settings.objectives[1]))
                )
        else:
            said = f"failed: {event.result}" if event.result else "cut off; --resume runs it again"
        if not event.name and event.result is not None:
            self._over += 1
        print_line = self._live.console.print if self._live else self._console.print
        tail = "" if self._live else f" | {self._summary()}"
        print_line(Text(f"{label}: {said}{tail}"), soft_wrap=True)

    def _line(self) -> Text:
        running = ", ".join(self._running.values()) or "nothing"
        return Text(f"{self._summary()} | running: {running}", overflow="ellipsis", no_wrap=True)

    def _summary(self) -> str:
        parts = [f"{self._over}{f'/{self._trials}' if self._trials is not None else ''} trials"]
        if self._points:
            value, cost = np.array(self._points, dtype=float).T
            parts += [f"best {value.max():.2%}", f"front {int(front_mask(value, cost).sum())}"]
            if self._reference is not None:
                area = hypervolume(value, cost, self._reference)
                share = area / ((1.0 - self._reference[0]) * self._reference[1])
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
        if not left:
            return "time left unknown"
        minutes, seconds = divmod(int(max(0.0, min(left))), 60)
        return f"{minutes}:{seconds:02d} left"
