"""Every sampler on every table under every scenario from every seed, in parallel processes; what is done stays done.

Plays are kept in one file, a line each. A play is used again as long as the sampler and the table are the same.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np
import optuna
from threadpoolctl import threadpool_limits

import nas.samplers
from nas.bench.samplers.playing import CONTESTANTS, Scenario, play
from nas.bench.samplers.synthetic import SYNTHETIC
from nas.bench.samplers.tables import Benchmark, Floats, read_macro
from nas.common.errors import UserError

PLAYS = "plays.jsonl"
PROBED = 50  # points by whose answers a table is recognised


@dataclass(frozen=True)
class PlayJob:
    """One play. `table` is the name of a synthetic one or the path of a file."""

    table: str
    sampler: str
    scenario: Scenario
    seed: int
    evaluations: int

    @property
    def key(self) -> str:
        """What its outcome depends on, the code and the table included."""
        code = _code() if self.sampler.startswith("front") else optuna.__version__
        rules = sorted(asdict(self.scenario).items())
        what = [_digest(self.table), self.sampler, rules, self.seed, self.evaluations, code]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class PlayOutcome:
    """What is kept of a play: its progress after each evaluation [n], and its repeats.

    chosen [n]: of a noisy one, how good what it would have returned is (see Play.chosen).
    """

    progress: Floats
    repeats: int
    chosen: Floats | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """That of a row of the file."""
        chosen = np.array(row["chosen"]) if "chosen" in row else None
        return cls(np.array(row["progress"]), int(row["repeats"]), chosen)


@cache
def load(name: str) -> Benchmark:
    """A synthetic table by its name, or NAS-Bench-Macro's from its file. Raises UserError for what is neither."""
    if name in SYNTHETIC:
        return SYNTHETIC[name]()
    if not Path(name).is_file():
        raise UserError(f"--table {name}: no such file, and none of the tables {', '.join(SYNTHETIC)}")
    return read_macro(Path(name))


@cache
def _digest(name: str) -> str:
    """What a table answers at PROBED points, in short."""
    table = load(name)
    answers = [table.name, repr(table.space), repr(table.objectives)]
    for seed in range(PROBED):
        params = table.random(np.random.default_rng(seed))
        answers.append(repr((params, table.value(params), table.costs(params))))
        answers += [repr(table.trainings(params))] if table.trainings else []
    return hashlib.sha256("\n".join(answers).encode()).hexdigest()[:16]


@cache
def _code() -> str:
    """What our sampler is, in short."""
    files = sorted(Path(nas.samplers.__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def _perform(job: PlayJob) -> tuple[PlayJob, dict[str, Any]]:
    """The job and its row of the file."""
    table = load(job.table)
    played = play(table, CONTESTANTS[job.sampler], job.scenario, job.seed, job.evaluations)
    row = {"table": job.table, "sampler": job.sampler, "scenario": job.scenario.name, "seed": job.seed}
    row |= {"progress": played.progress(job.scenario, table.truth).tolist(), "repeats": played.repeats}
    return job, row | ({"chosen": played.chosen(table.truth).tolist()} if job.scenario.noisy else {})


def tournament(
    jobs: Sequence[PlayJob], folder: Path, processes: int, report: Callable[[int, int], None]
) -> dict[PlayJob, PlayOutcome]:
    """The outcomes of all jobs; those that the folder has are not played again. report(done, all) as they finish."""
    file = folder / PLAYS
    kept: dict[str, dict[str, Any]] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
        with suppress(ValueError):  # a line that was cut short by an interruption
            row = json.loads(line)
            kept[row["key"]] = row
    outcomes = {job: PlayOutcome.of(kept[job.key]) for job in jobs if job.key in kept}
    report(len(outcomes), len(jobs))
    with file.open("a", encoding="utf-8") as lines:
        for job, row in _played([job for job in jobs if job not in outcomes], processes):
            outcomes[job] = PlayOutcome.of(row)
            lines.write(json.dumps({"key": job.key, **row}) + "\n")
            lines.flush()
            report(len(outcomes), len(jobs))
    return outcomes


def _played(jobs: list[PlayJob], processes: int) -> Iterator[tuple[PlayJob, dict[str, Any]]]:
    """Jobs as they finish. Few are handed out at a time, so that Ctrl-C ends it soon."""
    if not jobs:
        return
    with ProcessPoolExecutor(min(processes, len(jobs)), initializer=threadpool_limits, initargs=(1,)) as pool:
        left = iter(jobs)
        running = {pool.submit(_perform, job) for job in islice(left, 2 * processes)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                running |= {pool.submit(_perform, job) for job in islice(left, 1)}
                yield future.result()
