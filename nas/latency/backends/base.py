"""What a backend is: the few functions by which a runtime is made to run a part or a whole network."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from nas.common.machine import exact_processor
from nas.latency.conditions import Conditions
from nas.latency.timing.modules import Subject
from nas.latency.timing.sandwich import Run


@dataclass(frozen=True)
class Backend:
    """A runtime. What it needs is imported when it is used, so that a missing one disturbs nobody.

    load: makes a part, or a whole network, ready to run on `conditions.batch` images. missing: why it cannot be used
    here, and what to install; None where it can. version: the runtime's name and version, as they stand in a
    fingerprint. device: the model of the processor that computes. cpu_seconds: a clock of the processor time that
    its single-threaded inferences use; they run in the thread that calls them, unless it is said otherwise.
    counts_itself: whether its runners give the seconds that the device counted.
    """

    name: str
    load: Callable[[Subject, Conditions], Run]
    missing: Callable[[], str | None]
    version: Callable[[], str]
    precisions: tuple[str, ...] = ("float32",)
    device: Callable[[], str] = exact_processor
    cpu_seconds: Callable[[], float] = time.thread_time
    counts_itself: bool = False


def needs(package: str, remedy: str) -> Callable[[], str | None]:
    """The `missing` of a backend that is there where a package is: otherwise the command that installs it."""
    return lambda: None if find_spec(package) else remedy
