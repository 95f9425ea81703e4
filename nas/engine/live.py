"""Jobs as they run: a line for each that ends and, below them in a terminal, one line of what is going on."""

import time
from types import TracebackType
from typing import Generic, Self, TypeVar

from rich.console import Console
from rich.live import Live as RichLive
from rich.text import Text

from nas.engine.jobs import Event, Labelled, Stopped
from nas.train.trainer import Outcome

J = TypeVar("J", bound=Labelled)


class Live(Generic[J]):
    """Counts of a run, drawn as events arrive: `over` of `total` (None: as many as there is time for) have ended."""

    noun = "trainings"

    def __init__(self, console: Console, *, over: int, total: int | None, deadline: float | None) -> None:
        self._over = self._began_with = over
        self._total, self._deadline = total, deadline
        self._began = time.monotonic()
        self._running: dict[str, tuple[float, float]] = {}  # share of the schedule, when it started
        self._console = console
        self._drawn = RichLive(
            console=console, refresh_per_second=2, transient=True, get_renderable=self._line
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._drawn.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drawn.stop()

    def on(self, event: Event[J]) -> None:
        """Take in an event and show it."""
        label = event.job.label
        if event.what == "launched":
            self._running[label] = 0.0, time.monotonic()
        elif event.what == "progressed" and event.progress is not None:
            since = self._running.get(label, (0.0, time.monotonic()))[1]
            self._running[label] = event.progress.share, since
        else:
            self._running.pop(label, None)
            self._over += self.counts(event)
            said = f"{label}: {self.said(event)}"
            if not self._console.is_terminal:
                said += f" | {self._summary()}"
            self._console.print(Text(said), soft_wrap=True)

    def counts(self, event: Event[J]) -> bool:
        """Whether an ended job is one of the `total`; one that was cut off will run again."""
        return event.result is not None

    def said(self, event: Event[J]) -> str:
        """What an ended job came to."""
        result = event.result
        if isinstance(result, Outcome):
            return f"{result.accuracy:.2%} in {result.seconds:.0f} s"
        if isinstance(result, Stopped):
            return f"stopped at {result.curve[-1].share:.0%} with {result.curve[-1].accuracy:.2%}"
        return f"failed: {result}" if result else "cut off; --resume runs it again"

    def figures(self) -> list[str]:
        """What else the summary tells."""
        return []

    def _line(self) -> Text:
        """What is going on, drawn anew twice a second: a training of minutes is not silent in between."""
        now = time.monotonic()
        running = "; ".join(
            f"{label} {share:.0%} {clock(now - since)}" for label, (share, since) in self._running.items()
        )
        line = f"{self._summary()} | running: {running or 'nothing'}"
        return Text(line, overflow="ellipsis", no_wrap=True)

    def _summary(self) -> str:
        total = "" if self._total is None else f"/{self._total}"
        return " | ".join([f"{self._over}{total} {self.noun}", *self.figures(), self._time_left()])

    def _time_left(self) -> str:
        now, left = time.monotonic(), []
        if self._deadline is not None:
            left.append(self._deadline - now)
        done = self._over - self._began_with
        if self._total is not None and done > 0:
            left.append((now - self._began) / done * max(0, self._total - self._over))
        if not left:
            return "time left unknown"
        return f"{clock(min(left))} left"


def clock(seconds: float) -> str:
    """As 2:05; nothing below 0."""
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    return f"{minutes}:{rest:02d}"
