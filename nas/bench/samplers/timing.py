"""How long a suggestion takes, by the number of trials that a study has: on one thread, with real answers."""

from collections.abc import Callable, Sequence
from resource import RUSAGE_SELF, getrusage
from sys import platform
from time import perf_counter

import numpy as np
import optuna
import pandas as pd
from optuna.study import StudyDirection
from optuna.trial import create_trial
from threadpoolctl import threadpool_limits

from nas.bench.samplers.contestants import CONTESTANTS
from nas.bench.samplers.playing import suggested
from nas.bench.samplers.tables import Benchmark
from nas.bench.samplers.tournament import load

SIZES = (50, 100, 200, 500, 1000, 2000)
TIMED = 25
"""Suggestions that are timed at each size, each answered before the next: among them some with a new fit."""


def timings(
    samplers: Sequence[str], tables: Sequence[str], sizes: Sequence[int], report: Callable[[str], None]
) -> pd.DataFrame:
    """A row for each table, sampler and number of trials: milliseconds, and the process's highest memory so far."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rows = []
    with threadpool_limits(1):
        for name in tables:
            for sampler in samplers:
                report(f"timing {sampler} on {name}")
                rows += _rows(load(name), sampler, sizes)
    return pd.DataFrame(rows)


def _rows(table: Benchmark, sampler: str, sizes: Sequence[int]) -> list[dict[str, object]]:
    directions = [StudyDirection.MAXIMIZE] + [StudyDirection.MINIMIZE] * len(table.objectives)
    study = optuna.create_study(directions=directions, sampler=CONTESTANTS[sampler].make(table, 0, None))
    rng = np.random.default_rng(0)
    rows: list[dict[str, object]] = []
    for size in sizes:
        while len(study.get_trials(deepcopy=False)) < size - 1:
            _add(study, table, rng)
        _suggestion(study, table)  # what is prepared once for a study is not a suggestion's
        seconds = np.array([_suggestion(study, table) for _ in range(TIMED)]) * 1000.0
        rows.append(
            {
                "table": table.name,
                "dimensions": len(table.space),
                "sampler": sampler,
                "trials": size,
                "median_ms": float(np.median(seconds)),
                "mean_ms": float(seconds.mean()),
                "longest_ms": float(seconds.max()),
                "peak_mb": _peak(),
            }
        )
    return rows


def _add(study: optuna.Study, table: Benchmark, rng: np.random.Generator) -> None:
    """A finished trial of a random point."""
    params = table.random(rng)
    study.add_trial(
        create_trial(
            params=params,
            distributions={name: table.space[name] for name in params},
            values=[table.value(params), *map(float, table.price(params))],
        )
    )


def _suggestion(study: optuna.Study, table: Benchmark) -> float:
    """The seconds of one, which is then answered."""
    start = perf_counter()
    trial = study.ask()
    params = suggested(table, trial)
    seconds = perf_counter() - start
    study.tell(trial, [table.value(params), *map(float, table.price(params))])
    return seconds


def _peak() -> float:
    """The highest memory of this process so far, in MB."""
    return getrusage(RUSAGE_SELF).ru_maxrss / (1e6 if platform == "darwin" else 1e3)
