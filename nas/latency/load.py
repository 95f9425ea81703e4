"""How much of this machine is free: as many threads as wanted compute at once, and say who kept them waiting."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

from nas.latency.sandwich import Clocks, clean

_WORK, _TIMES = (
    bytes(1 << 20),
    30,
)  # a hash of a mebibyte takes about a millisecond, and lets other threads run


def free_share(threads: int) -> float:
    """The share of short pieces of work that nothing interrupted, done by so many threads at once.

    1 where so many cores stand idle; far below where other processes use them, or where there are fewer.
    """
    clocks = Clocks()
    with ThreadPoolExecutor(threads) as pool:
        runs = list(pool.map(lambda _: [clocks.time(_work) for _ in range(_TIMES)], range(threads)))
    return min(clean(run) for run in runs)


def _work() -> None:
    hashlib.sha256(_WORK).digest()


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
