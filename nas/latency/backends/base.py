"""What a backend is: the few functions by which a runtime is made to run a part or a whole network."""

from collections.abc import Callable
from typing import Protocol

from nas.latency.conditions import Conditions
from nas.networks.cost import Key
from nas.networks.references import Model

Runner = Callable[[], float | None]
"""One inference, done when it returns. Gives the seconds that the device itself counted, None where it counts
none: then the caller times the call."""


class Backend(Protocol):
    """A runtime. What it needs is imported when it is used, so that a missing one disturbs nobody."""

    name: str
    precisions: tuple[str, ...]
    counts_itself: bool
    """Whether its runners give the seconds that the device counted."""

    def missing(self) -> str | None:
        """Why it cannot be used here, and what to install; None where it can."""
        ...

    def version(self) -> str:
        """The runtime's name and version, as they stand in a fingerprint."""
        ...

    def device(self) -> str:
        """The model of the processor that computes."""
        ...

    def cpu_seconds(self) -> float:
        """A clock of the processor time that its single-threaded inferences use."""
        ...

    def part(self, key: Key, conditions: Conditions) -> Runner:
        """One entry of a table: a stem, a block or a head, on a map of the key's channels and size."""
        ...

    def network(self, model: Model, conditions: Conditions) -> Runner:
        """A whole network on `conditions.batch` images."""
        ...
