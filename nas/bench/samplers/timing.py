"""How long a suggestion takes, by the number of trials that a study has: on one thread, with real answers."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from resource import RUSAGE_SELF, getrusage
from sys import platform
from time import perf_counter

import numpy as np
import optuna
import pandas as pd
from optuna.study import StudyDirection
from optuna.trial import create_trial
from threadpoolctl import threadpool_limits

from nas.bench.samplers.playing import CONTESTANTS, suggested
from nas.bench.samplers.tables import Benchmark, Params
from nas.bench.samplers.tournament import load

SIZES = (50, 100, 200, 500, 1000, 2000)
TIMED = 25  # suggestions timed at each size, each answered before the next: some with a new fit


def timings(samplers: Sequence[str], tables: Sequence[str], report: Callable[[str], None]) -> pd.DataFrame:
    """A row for each table, sampler and number of trials: milliseconds, and the process's highest memory so far."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rows: list[dict[str, object]] = []
    with threadpool_limits(1):
        for name, sampler in product(tables, samplers):
            report(f"timing {sampler} on {name}")
            table = load(name)
            about = {"table": table.name, "dimensions": len(table.space), "sampler": sampler}
            rows += [about | row for row in _rows(table, sampler)]
    return pd.DataFrame(rows)


def _rows(table: Benchmark, sampler: str) -> Iterator[dict[str, float]]:
    directions = [StudyDirection.MAXIMIZE] + [StudyDirection.MINIMIZE] * len(table.objectives)
    study = optuna.create_study(directions=directions, sampler=CONTESTANTS[sampler].make(table, 0, None))
    to_mb = 1e6 if platform == "darwin" else 1e3
    rng = np.random.default_rng(0)
    for size in SIZES:
        while len(study.get_trials(deepcopy=False)) < size - 1:
            params = table.random(rng)
            known = {name: table.space[name] for name in params}
            study.add_trial(create_trial(params=params, distributions=known, values=_answer(table, params)))
        _suggestion(study, table)  # what is prepared once for a study is not a suggestion's
        times = np.array([_suggestion(study, table) for _ in range(TIMED)]) * 1000.0
        spread = {"median_ms": np.median(times), "mean_ms": times.mean(), "longest_ms": times.max()}
        yield {"trials": size, **spread, "peak_mb": getrusage(RUSAGE_SELF).ru_maxrss / to_mb}


def _answer(table: Benchmark, params: Params) -> list[float]:
    return [table.value(params), *map(float, table.price(params))]


def _suggestion(study: optuna.Study, table: Benchmark) -> float:
    """The seconds of one, which is then answered."""
    start = perf_counter()
    trial = study.ask()
    params = suggested(table, trial)
    seconds = perf_counter() - start
    study.tell(trial, _answer(table, params))
    return seconds
