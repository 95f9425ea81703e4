"""Milliseconds of networks and of the entries of a table, as `nas.latency.timing.sandwich` takes them."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nas.common.errors import UserError, require
from nas.common.machine import cores
from nas.common.sizes import told
from nas.latency import backends
from nas.latency.conditions import Conditions, Fingerprint
from nas.latency.timing import sandwich
from nas.latency.timing.graph_file import GraphFile
from nas.latency.timing.modules import Subject
from nas.latency.timing.sandwich import NETWORKS, PARTS, QUIET, WALL, Clocks, Portion
from nas.networks.cost import Key
from nas.networks.references import Model
from search_spaces import zoo

REFERENCE = "mobilenet_v1_x0.5"  # busy computing rather than fetching weights: sessions agreed best
CLOCKS = ("auto", "wall", "cpu")


@dataclass(frozen=True)
class Measurement:
    """How long one inference takes.

    text: of the network or the part. ratio: the median one to the reference network (`REFERENCE`, timed before
    and after): what two sessions agree on. ms: milliseconds, the ratio times what the reference took in this
    session (so ms / ratio is the reference's time). low, high: the 10 and 90 % quantiles of the single runs,
    normalised likewise. clean: the share of runs that nothing interrupted; of several threads, the share of a
    probe's on as many, just before and after. clock: "wall", "cpu" (the processor time of the inference, where wall
    time would be of the machine's other work) or "device". forced: several threads on a machine that was busy.
    """

    text: str
    ms: float
    low: float
    high: float
    ratio: float
    clean: float
    runs: int
    clock: str
    forced: bool
    fingerprint: Fingerprint


def measure_networks(
    models: Sequence[Model | GraphFile],
    conditions: Conditions,
    *,
    clock: str = "auto",
    force: bool = False,
    seed: int = 0,
) -> list[Measurement]:
    """Milliseconds of networks, in their order; an arch is built as `nas.build` builds it for the resolution.

    A file has to fit the conditions (`graph_file.fitted`); its measurement says its own precision.

    clock "wall" times by the wall; "cpu" by the processor time of the inference, which other processes disturb
    less; "auto" by the wall where the reference ran uninterrupted, else by processor time, and each
    measurement says which. Several threads have wall time alone: UserError on a machine that is busy with
    other things, unless `force`, which the measurements then say. `seed` fixes the order. UserError as well
    for what cannot be run under these conditions.
    """
    session = _Session(conditions, clock, force, seed)
    return [row for some in NETWORKS.split(models) for row in session.take(some, NETWORKS)]


def measure_parts(
    keys: Sequence[Key], conditions: Conditions, *, clock: str = "auto", force: bool = False, seed: int = 0
) -> Iterator[tuple[Key, Measurement]]:
    """The entries of a table in shuffled order, given in handfuls as they are measured.

    A consumer that keeps each can stop at any time and ask for the rest later. Between sessions ratios are
    comparable; milliseconds are those of a session.
    """
    session = _Session(conditions, clock, force, seed)
    for some in PARTS.split(session.chance.sample(keys, len(keys))):
        yield from zip(some, session.take(some, PARTS), strict=True)


def described(subject: Subject) -> str:
    """A network's text; an entry as one line: the part and what it is given."""
    if not isinstance(subject, tuple):
        return str(subject)
    part, channels, size, classes = subject
    return f"{part} on {channels}x{told(size)}" + (f" to {classes} classes" if classes else "")


def _own(subject: Subject, noted: dict[str, Any]) -> dict[str, Any]:
    """What is noted of a file alone: its precision, whatever the others have."""
    if not isinstance(subject, GraphFile):
        return {}
    return {"fingerprint": replace(noted["fingerprint"], precision=subject.precision)}


class _Session:
    """A backend with its reference ready to run."""

    def __init__(self, conditions: Conditions, clock: str, force: bool, seed: int) -> None:
        require(clock in CLOCKS, "clock", clock, f"one of {', '.join(CLOCKS)}")
        if clock == "cpu" and conditions.threads > 1:
            raise UserError(
                f"clock cpu: what {conditions.threads} threads use says nothing of how long one waits; take "
                "wall, or one thread"
            )
        self._backend, self._conditions = backends.find(conditions), conditions
        self.chance = random.Random(seed)
        self._fingerprint = backends.fingerprint(conditions)
        self._threads, self._clock, self._force = conditions.threads, clock, force
        self._free = self._check("is busy")
        self._reference = self._backend.load(zoo.get(REFERENCE), conditions)

    def take(self, subjects: Sequence[Subject], portion: Portion) -> list[Measurement]:
        """Measure these, all between runs of the reference."""
        runners = [self._backend.load(subject, self._conditions) for subject in subjects]
        clocks = Clocks(cpu=self._backend.cpu_seconds)
        samples = sandwich.sandwich(runners, self._reference, clocks, self.chance, portion)
        if self._threads > 1:
            self._free = min(self._free, self._check("became busy meanwhile"))
        if self._backend.counts_itself:
            clock, name = WALL, "device"
        else:
            clock, name = sandwich.choose(samples, self._clock, self._threads)
        noted: dict[str, Any] = {"clock": name, "fingerprint": self._fingerprint, "forced": False}
        if self._threads > 1:
            noted |= {"clean": self._free, "forced": self._free < QUIET}
        return [
            Measurement(
                described(subject),
                **vars(sandwich.timing(samples, index, clock)) | noted | _own(subject, noted),
            )
            for index, subject in enumerate(subjects)
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
