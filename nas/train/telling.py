"""What a training says while it runs: a line a report, one that lives in a terminal, and TensorBoard's event files."""

import importlib
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nas.common.errors import UserError
from nas.console.terminal import say
from nas.train.outcome import Progress

_CLEAR = "\r\x1b[K"


class Teller:
    """Says how a training gets on. events: a folder for TensorBoard's files, None for none; epochs: of the schedule.
    metric: what the reports' accuracy is called.

    Raises UserError where event files are asked for and cannot be written by what is installed.
    """

    def __init__(self, epochs: float, metric: str, events: Path | None = None) -> None:
        self._epochs, self._metric, self._live = epochs, metric, sys.stderr.isatty()
        self._first: tuple[float, int] | None = None
        self._writer = _writer(events) if events is not None else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()
        if self._writer is not None:
            self._writer.close()

    def stepped(self, done: int, steps: int) -> None:
        """Take in how many of all steps are done; shown in a terminal alone."""
        now = time.monotonic()
        began, before = self._first = self._first or (now, done)
        if self._live and done > before:
            left = (now - began) / (done - before) * (steps - done)
            sys.stderr.write(f"{_CLEAR}step {done:,} of {steps:,}{_left(left)}")
            sys.stderr.flush()

    def reported(self, progress: Progress) -> None:
        """Take in a report."""
        self._clear()
        left = progress.seconds * (1 - progress.share) / progress.share
        say(
            f"{progress.share:6.1%}  validation {self._metric} {progress.accuracy:.4f}  "
            f"training loss {progress.loss:.3f}  {progress.seconds:.1f} s{_left(left) * (progress.share < 1)}",
        )
        if self._writer is not None:
            at = round(1000 * self._epochs * progress.share)  # thousandths of an epoch: steps must be whole
            judged = f"{self._metric}/validation".replace(" ", "_")
            for name, value in ((judged, progress.accuracy), ("loss/training", progress.loss)):
                self._writer.add_scalar(name, value, at)
            self._writer.flush()

    def _clear(self) -> None:
        if self._live:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()


def _left(seconds: float) -> str:
    return f", {seconds / 60:.0f} min left" if seconds >= 90 else f", {seconds:.0f} s left"


def _writer(folder: Path) -> Any:
    try:
        made = importlib.import_module("tensorboardX")
    except ImportError:
        raise UserError(
            "--tensorboard needs tensorboardX; install it with: pip install tensorboardX"
        ) from None
    return made.SummaryWriter(str(folder))
