"""Processes that do timed work at the same moment: two trainings at once, as a search runs them.

They live as long as the benchmark, as a search's workers do, so that neither starting Python nor opening the
images is timed; each piece of work runs in a thread of its own, as Ray Tune runs a trial.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Self, TypeVar

from nas.kernels.allocator import keep_memory

T = TypeVar("T")
Work = Callable[[Callable[[], None]], T]
"""Timed work: it is given a function to call when it is ready to be timed, which returns when all are."""


class Crew:
    """Processes of two kinds, whose allocator keeps memory or not; started when first wanted."""

    def __init__(self) -> None:
        self._members: dict[tuple[int, bool], Connection] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def together(self, works: Sequence[Work[T]], *, keep: bool = True) -> list[T]:
        """Do each work in a process of its own, timed from the same moment on.

        Raises RuntimeError with the process's own traceback where one fails.
        """
        members = [self._member(number, keep) for number in range(len(works))]
        for member, work in zip(members, works, strict=True):
            member.send(work)
        answers = [member.recv() for member in members]
        if all(kind == "ready" for kind, _ in answers):
            for member in members:
                member.send(None)
            answers = [member.recv() for member in members]
        for kind, answer in answers:
            if kind != "done":
                raise RuntimeError(f"a benchmark process failed: {answer}")
        return [answer for _, answer in answers]

    def _member(self, number: int, keep: bool) -> Connection:
        if (number, keep) not in self._members:
            here, there = get_context("spawn").Pipe()
            process = get_context("spawn").Process(target=_serve, args=(there, keep))
            process.start()
            there.close()
            self._stack.callback(_dismiss, here, process)
            self._members[number, keep] = here
        return self._members[number, keep]


def _dismiss(pipe: Connection, process: Any) -> None:
    pipe.close()  # at which the process ends
    process.join(10)
    if process.is_alive():
        process.terminate()


def _serve(pipe: Connection, keep: bool) -> None:
    """Do what comes until the other end is closed."""
    if keep:
        keep_memory()

    def ready() -> None:
        pipe.send(("ready", None))
        pipe.recv()

    while True:
        try:
            work = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        with ThreadPoolExecutor(1) as pool:
            try:
                pipe.send(("done", pool.submit(work, ready).result()))
            except Exception:
                pipe.send(("failed", traceback.format_exc()))
