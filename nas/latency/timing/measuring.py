"""Milliseconds of networks and of the entries of a table, as `nas.latency.timing.sandwich` takes them."""

import random
from collections.abc import Iterator, Sequence

from nas.common.errors import UserError
from nas.common.machine import cores
from nas.latency import backends
from nas.latency.backends import Runner
from nas.latency.conditions import Conditions
from nas.latency.fingerprints import fingerprint
from nas.latency.timing import sandwich
from nas.latency.timing.measurement import REFERENCE, Measurement
from nas.latency.timing.sandwich import NETWORKS, PARTS, QUIET, WALL, Clocks, Portion
from nas.networks.cost import Key
from nas.networks.references import Model
from search_spaces import zoo

CLOCKS = ("auto", "wall", "cpu")


def measure_networks(
    models: Sequence[Model],
    conditions: Conditions,
    *,
    clock: str = "auto",
    force: bool = False,
    seed: int = 0,
) -> list[Measurement]:
    """Milliseconds of networks, in their order; an arch is built as `nas.build` builds it for the resolution.

    clock "wall" times by the wall; "cpu" by the processor time of the inference, which other processes disturb
    less; "auto" by the wall where the reference ran uninterrupted, else by processor time, and each
    measurement says which. Several threads have wall time alone: UserError on a machine that is busy with
    other things, unless `force`, which the measurements then say. `seed` fixes the order. UserError as well
    for what cannot be run under these conditions.
    """
    session = _Session(conditions, clock, force, seed)
    measured: list[Measurement] = []
    for some in NETWORKS.split(models):
        runners = [session.backend.network(model, conditions) for model in some]
        measured += session.take([str(model) for model in some], runners, NETWORKS)
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
    for some in PARTS.split([keys[index] for index in order]):
        runners = [session.backend.part(key, conditions) for key in some]
        yield from zip(some, session.take(list(map(described, some)), runners, PARTS), strict=True)


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
        self.backend = backends.find(conditions)
        self.chance = random.Random(seed)
        self._fingerprint = fingerprint(conditions)
        self._threads, self._clock, self._force = conditions.threads, clock, force
        self._clocks = Clocks(cpu=self.backend.cpu_seconds)
        self._free = self._check("is busy")
        self._reference = self.backend.network(zoo.get(REFERENCE), conditions)

    def take(self, texts: Sequence[str], runners: Sequence[Runner], portion: Portion) -> list[Measurement]:
        """Measure these, all between runs of the reference."""
        samples = sandwich.sandwich(runners, self._reference, self._clocks, self.chance, portion)
        if self._threads > 1:
            self._free = min(self._free, self._check("became busy meanwhile"))
        if self.backend.counts_itself:
            clock, name = WALL, "device"
        else:
            clock, name = sandwich.choose(samples, self._clock, self._threads)
        timings = (sandwich.timing(samples, index, clock) for index in range(len(runners)))
        return [
            Measurement(
                text=text,
                ms=timing.seconds * 1e3,
                low=timing.low * 1e3,
                high=timing.high * 1e3,
                ratio=timing.ratio,
                clean=timing.clean if self._threads == 1 else self._free,
                runs=timing.runs,
                clock=name,
                forced=self._threads > 1 and self._free < QUIET,
                fingerprint=self._fingerprint,
            )
            for text, timing in zip(texts, timings, strict=True)
        ]

    def _check(self, state: str) -> float:
        """How much of the machine is free. UserError where several threads would have to wait for others."""
        if self._threads == 1:
            return 1.0
        if self._threads > cores() and not self._force:
            raise UserError(f"threads {self._threads}: there are {cores()} cores; take fewer, or --force")
        free = sandwich.free_share(self._threads)
        if free < QUIET and not self._force:
            raise UserError(
                f"threads {self._threads}: the machine {state} (only {free:.0%} of a probe on as many threads "
                "ran undisturbed), so wall time would be of its other work; measure one thread, wait, or "
                "--force, which the record will say"
            )
        return free
