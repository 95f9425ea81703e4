"""How to time on a machine that does other things: everything between runs of a reference, in shuffled order.

A machine's speed drifts over minutes, other processes interrupt it and take its caches. What is timed is therefore
divided by what a fixed reference took around that moment, and visited again and again, after all others each time.
The typical run counts, the median; a low quantile looks steadier and is not, where a network's weights are now in the
cache and now not. The module needs Python alone (3.10): it goes to the devices that are measured from afar.
"""

import gc
import hashlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TypeVar

WARM_UPS, RUNS = 3, 6
REFERENCE_WARM_UPS, REFERENCE_RUNS = 2, 6
NEIGHBOURS = 2  # visits of the reference further off that are asked as well: one alone is noisy
QUIET = 0.75  # of the work must be uninterrupted for wall time to say something
_SLACK, _CALL = 1.1, 20e-6  # of wall time over processor time in a run that nothing interrupted; seconds

Run = Callable[[], float | None]
"""One inference, done when it returns; gives the seconds that the device itself counted, None where it counts none."""
_Value = TypeVar("_Value")
WALL, CPU = 0, 1
_SETTLE = 0.1
_PIECE, _PIECES = 8 << 20, 15  # bytes to be hashed, some milliseconds; how often


@dataclass(frozen=True)
class Portion:
    """How many subjects are held in memory, how often each is visited, how many between two visits of the reference."""

    at_once: int
    visits: int
    together: int

    def split(self, values: Sequence[_Value]) -> Iterator[Sequence[_Value]]:
        """So many of the values at a time."""
        return (values[start : start + self.at_once] for start in range(0, len(values), self.at_once))


NETWORKS = Portion(at_once=10, visits=10, together=1)
PARTS = Portion(at_once=32, visits=3, together=6)  # they are short, and an error is one of many in a sum


@dataclass(frozen=True)
class Clocks:
    """Two clocks in seconds: the wall's, and that of the processor time which the work takes."""

    wall: Callable[[], float] = time.perf_counter
    cpu: Callable[[], float] = time.thread_time

    def time(self, run: Run) -> tuple[float, float]:
        """Seconds of one run by both clocks; by the device's where the run gives what that counted."""
        cpu, wall = self.cpu(), self.wall()
        counted = run()
        wall, cpu = self.wall() - wall, self.cpu() - cpu
        return (wall, cpu) if counted is None else (counted, counted)


@dataclass(frozen=True)
class Visit:
    """The runs of one subject, and the number of the reference's visit before."""

    runs: list[tuple[float, float]]
    before: int


@dataclass(frozen=True)
class Samples:
    """All runs: of the reference visit by visit, of each subject in the order they were given."""

    reference: list[list[tuple[float, float]]]
    subjects: list[list[Visit]]

    @property
    def quiet(self) -> float:
        """The share of all work, by processor time, that was done in runs which nothing interrupted."""
        runs = [run for visit in self.reference for run in visit]
        runs += [run for visits in self.subjects for visit in visits for run in visit.runs]
        return sum(run[CPU] for run in runs if clean([run])) / max(sum(run[CPU] for run in runs), 1e-9)


@dataclass(frozen=True)
class Timing:
    """Of one subject by one clock: median milliseconds, 10 and 90 % quantiles of single runs, ratio to the reference.

    All are normalised by the reference: `ms` is the ratio times what that took over the whole session.
    """

    ms: float
    low: float
    high: float
    ratio: float
    clean: float
    runs: int


def sandwich(
    subjects: Sequence[Run], reference: Run, clocks: Clocks, chance: random.Random, portion: Portion
) -> Samples:
    """Time all subjects as often as the portion says, so many of them together."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        samples = Samples([], [[] for _ in subjects])
        order = list(range(len(subjects)))
        samples.reference.append(_visit(reference, clocks, WARM_UPS, REFERENCE_RUNS))
        for _ in range(portion.visits):
            chance.shuffle(order)
            for start in range(0, len(order), portion.together):
                before = len(samples.reference) - 1
                for index in order[start : start + portion.together]:
                    runs = _visit(subjects[index], clocks, WARM_UPS, RUNS)
                    samples.subjects[index].append(Visit(runs, before))
                samples.reference.append(_visit(reference, clocks, REFERENCE_WARM_UPS, REFERENCE_RUNS))
        return samples
    finally:
        if collecting:
            gc.enable()


def _visit(run: Run, clocks: Clocks, warm_ups: int, runs: int) -> list[tuple[float, float]]:
    for _ in range(warm_ups):
        run()
    return [clocks.time(run) for _ in range(runs)]


def timing(samples: Samples, index: int, clock: int) -> Timing:
    """What a subject took by one of the two clocks."""
    usual = 1e3 * median(run[clock] for visit in samples.reference for run in visit)
    runs, ratios = [], []
    for visit in samples.subjects[index]:
        near = samples.reference[max(visit.before - NEIGHBOURS, 0) : visit.before + NEIGHBOURS + 2]
        around = median(run[clock] for runs_there in near for run in runs_there)
        runs += visit.runs
        ratios += [run[clock] / around for run in visit.runs]
    ratio, (low, *_, high) = median(ratios), quantiles(ratios, n=10, method="inclusive")
    return Timing(ratio * usual, low * usual, high * usual, ratio, clean(runs), len(ratios))


def clean(runs: Sequence[tuple[float, float]]) -> float:
    """The share of runs during which the processor was not taken away."""
    return sum(wall <= _SLACK * cpu + _CALL for wall, cpu in runs) / len(runs)


def choose(samples: Samples, wanted: str, threads: int) -> tuple[int, str]:
    """The clock to go by, WALL or CPU, and its name; `wanted` is one of these in small letters, or auto."""
    if wanted == "auto":
        wanted = "wall" if threads > 1 or samples.quiet >= QUIET else "cpu"
    return (WALL if wanted == "wall" else CPU), wanted


def free_share(threads: int) -> float:
    """How much of the machine is free: the share of short pieces of work that nothing interrupted.

    So many threads work at once. 1 where so many cores stand idle; far below where other processes use them,
    or where there are fewer.
    """
    time.sleep(_SETTLE)  # the threads of a runtime spin for a while after their last work
    block, clocks = bytes(_PIECE), Clocks()  # a hash lets other threads run meanwhile

    def work() -> None:
        hashlib.sha256(block).digest()

    with ThreadPoolExecutor(threads) as pool:
        runs = list(pool.map(lambda _: [clocks.time(work) for _ in range(_PIECES)], range(threads)))
    return min(clean(run) for run in runs)
