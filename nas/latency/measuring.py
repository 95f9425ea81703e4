"""Timing that other work on the machine disturbs little: sandwiched, interleaved, shuffled."""

from collections.abc import Iterator, Sequence

from nas.costs import Key
from nas.latency.conditions import DEFAULT_BACKEND, Conditions
from nas.latency.measurement import Measurement
from nas.models import Model

REFERENCE = "mobilenet_v3_small"
CLOCKS = ("auto", "wall", "cpu")


def measure(
    networks: str | Model | Sequence[str | Model],
    backend: str = DEFAULT_BACKEND,
    precision: str = "float32",
    threads: int = 1,
    resolution: int = 224,
    batch: int = 1,
    *,
    classes: int = 1000,
    clock: str = "auto",
    force: bool = False,
    seed: int = 0,
) -> list[Measurement]:
    """Milliseconds of networks, in their order: texts as every command takes them, archs, references."""
    raise NotImplementedError


def measure_networks(
    models: Sequence[Model], conditions: Conditions, *, clock: str = "auto", force: bool = False, seed: int = 0
) -> list[Measurement]:
    """The same under given conditions."""
    raise NotImplementedError


def measure_parts(
    keys: Sequence[Key], conditions: Conditions, *, clock: str = "auto", force: bool = False, seed: int = 0
) -> Iterator[tuple[Key, Measurement]]:
    """The entries of a table, in an order of its own, each given as soon as it is known."""
    raise NotImplementedError
