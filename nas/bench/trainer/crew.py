"""Processes that do timed work at the same moment: two trainings at once, as a search runs them.

They live as long as the benchmark, as a search's workers do, so that neither starting Python nor opening the
images is timed; each piece of work runs in a thread of its own, as Ray Tune runs a trial.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from threading import Barrier, BrokenBarrierError
from typing import TypeVar

from nas.kernels.allocator import keep_memory

T = TypeVar("T")
Work = Callable[[Callable[[], object]], T]
"""Timed work: it is given a function to call when it is ready to be timed, which returns when all are."""


class Crew(ExitStack):
    """Processes by how many work at once, and by whether their allocator keeps memory; started when first wanted."""

    def __init__(self) -> None:
        super().__init__()
        self._pools: dict[tuple[int, bool], ProcessPoolExecutor] = {}
        self._context = get_context("spawn")
        self._manager = self.enter_context(self._context.Manager())

    def together(self, works: Sequence[Work[T]], *, keep: bool = True) -> list[T]:
        """Do each work in a process of its own, timed from the same moment on. Raises what one of them raises."""
        size = len(works)
        if (size, keep) not in self._pools:
            pool = ProcessPoolExecutor(size, self._context, keep_memory if keep else None)
            self._pools[size, keep] = self.enter_context(pool)
        barrier = self._manager.Barrier(size)
        done = [self._pools[size, keep].submit(_perform, work, barrier) for work in works]
        errors = [error for one in done if (error := one.exception()) is not None]
        if errors:  # one that failed; the others only waited for it
            raise next((e for e in errors if not isinstance(e, BrokenBarrierError)), errors[-1])
        return [one.result() for one in done]


def _perform(work: Work[T], start: Barrier) -> T:
    """Do work in a thread; where it fails, the others need not wait for it."""
    with ThreadPoolExecutor(1) as thread:
        try:
            return thread.submit(work, start.wait).result()
        except BaseException:
            start.abort()
            raise
