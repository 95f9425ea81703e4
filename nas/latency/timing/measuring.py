"""Milliseconds of networks and of the entries of a table, as `nas.latency.timing.sandwich` takes them."""

import random
from collections.abc import Iterator, Sequence
from typing import TypeVar

from nas.common.errors import UserError
from nas.common.machine import cores
from nas.latency import backends
from nas.latency.backends import Backend, Runner
from nas.latency.conditions import DEFAULT_BACKEND, Conditions
from nas.latency.fingerprints import Fingerprint, fingerprint
from nas.latency.timing.measurement import Measurement
from nas.latency.timing.sandwich import (
    QUIET,
    WALL,
    Clocks,
    Timing,
    choose,
    free_share,
    sandwich,
    timing,
)
from nas.networks.cost import Key
from nas.networks.references import Model
from nas.runs.naming import resolve
from search_spaces import zoo

_Value = TypeVar("_Value")
REFERENCE = "mobilenet_v1_x0.5"
"""Busy computing rather than fetching weights: of those tried the one by which sessions agreed best."""
CLOCKS = ("auto", "wall", "cpu")
_NETWORKS_AT_ONCE = 24  # are held in memory, and visited in turn
_PARTS_AT_ONCE = 32
_PARTS_TOGETHER = 6  # between two visits of the reference: they are short
NETWORK_VISITS, PART_VISITS = 10, 3  # an error of a part is one of many in a sum


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
    """Milliseconds of networks, in their order: texts as every command takes them, archs, references.

    clock "wall" times by the wall; "cpu" by the processor time of the inference, which other processes disturb
    less; "auto" by the wall where the reference ran uninterrupted, else by processor time, and each
    measurement says which. Several threads have wall time alone: UserError on a machine that is busy with
    other things, unless `force`, which the measurements then say. `seed` fixes the order. UserError as well
    for what is no network, or cannot be run under these conditions.
    """
    named = [networks] if isinstance(networks, str) or not isinstance(networks, Sequence) else networks
    models = [resolve(network) if isinstance(network, str) else network for network in named]
    conditions = Conditions(backend, precision, threads, resolution, batch, classes)
    return measure_networks(models, conditions, clock=clock, force=force, seed=seed)


def measure_networks(
    models: Sequence[Model],
    conditions: Conditions,
    *,
    clock: str = "auto",
    force: bool = False,
    seed: int = 0,
) -> list[Measurement]:
    """As `measure`; an arch is built as `nas.build` builds it for the conditions' resolution."""
    session = _Session(conditions, clock, force, seed)
    measured: list[Measurement] = []
    for some in _chunks(models, _NETWORKS_AT_ONCE):
        runners = [session.backend.network(model, conditions) for model in some]
        measured += session.take([str(model) for model in some], runners, NETWORK_VISITS, 1)
    return measured


def measure_parts(
    keys: Sequence[Key],
    conditions: Conditions,
    *,
    clock: str = "auto",
    force: bool = False,
    seed: int = 0,
) -> Iterator[tuple[Key, Measurement]]:
    """The entries of a table in shuffled order, given in handfuls as they are measured.

    A consumer that keeps each can stop at any time and ask for the rest later. Between sessions ratios are
    comparable; milliseconds are those of a session.
    """
    session = _Session(conditions, clock, force, seed)
    order = session.chance.sample(range(len(keys)), len(keys))
    for some in _chunks([keys[index] for index in order], _PARTS_AT_ONCE):
        runners = [session.backend.part(key, conditions) for key in some]
        texts = [described(key) for key in some]
        yield from zip(some, session.take(texts, runners, PART_VISITS, _PARTS_TOGETHER), strict=True)


def described(key: Key) -> str:
    """An entry as one line: the part and what it is given."""
    part, channels, size, classes = key
    return f"{part} on {channels}x{size}x{size}" + (f" to {classes} classes" if classes else "")


class _Session:
    """A backend with its reference ready to run."""

    def __init__(self, conditions: Conditions, clock: str, force: bool, seed: int) -> None:
        if clock not in CLOCKS:
            raise UserError(f"clock {clock!r}: expected one of {', '.join(CLOCKS)}")
        if clock == "cpu" and conditions.threads > 1:
            raise UserError(
                f"clock cpu: what {conditions.threads} threads use says nothing of how long one waits; take "
                "wall, or one thread"
            )
        self.backend: Backend = backends.find(conditions)
        self.chance = random.Random(seed)
        self._fingerprint: Fingerprint = fingerprint(conditions)
        self._threads, self._clock, self._force = conditions.threads, clock, force
        self._clocks = Clocks(cpu=self.backend.cpu_seconds)
        self._free = self._check("is busy")
        self._reference = self.backend.network(zoo.get(REFERENCE), conditions)

    def take(
        self, texts: Sequence[str], runners: Sequence[Runner], visits: int, together: int
    ) -> list[Measurement]:
        """Measure these, all between runs of the reference."""
        samples = sandwich(
            runners, self._reference, self._clocks, self.chance, visits=visits, together=together
        )
        if self._threads > 1:
            self._free = min(self._free, self._check("became busy meanwhile"))
        if self.backend.counts_itself:
            clock, name = WALL, "device"
        else:
            clock, name = choose(samples, self._clock, self._threads)
        timings = (timing(samples, index, clock) for index in range(len(runners)))
        return [self._measurement(text, found, name) for text, found in zip(texts, timings, strict=True)]

    def _measurement(self, text: str, found: Timing, clock: str) -> Measurement:
        return Measurement(
            text=text,
            ms=found.seconds * 1e3,
            low=found.low * 1e3,
            high=found.high * 1e3,
            ratio=found.ratio,
            clean=found.clean if self._threads == 1 else self._free,
            runs=found.runs,
            clock=clock,
            forced=self._threads > 1 and self._free < QUIET,
            fingerprint=self._fingerprint,
        )

    def _check(self, state: str) -> float:
        """How much of the machine is free. UserError where several threads would have to wait for others."""
        if self._threads == 1:
            return 1.0
        if self._threads > cores() and not self._force:
            raise UserError(f"threads {self._threads}: there are {cores()} cores; take fewer, or --force")
        free = free_share(self._threads)
        if free < QUIET and not self._force:
            raise UserError(
                f"threads {self._threads}: the machine {state} (only {free:.0%} of a probe on as many threads "
                "ran undisturbed), so wall time would be of its other work; measure one thread, wait, or "
                "--force, which the record will say"
            )
        return free


def _chunks(values: Sequence[_Value], size: int) -> Iterator[Sequence[_Value]]:
    return (values[start : start + size] for start in range(0, len(values), size))
