"""How far a table is, while it is being made or counted."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_line(
    verb: str = "timed", what: str = "parts and networks"
) -> Iterator[Callable[[int, int], None]]:
    """A function of (done, total) that keeps one line of a terminal's standard error; tenths where it is piped."""
    live, shown = sys.stderr.isatty(), [-1]

    def show(done: int, total: int) -> None:
        step = (100 if live else 10) * done // max(total, 1)
        if step != shown[0]:
            shown[0] = step
            text = f"{verb} {done:,} of {total:,} {what}"
            sys.stderr.write(f"\r{text}" if live else f"{text}\n")
            sys.stderr.flush()

    yield show
    if live and shown[0] >= 0:
        sys.stderr.write("\n")
