"""What confirming a front is worth: searches with known truth and noise, with and without it, at one total cost.

python -m nas.bench confirm
python -m nas.bench confirm --searches 1000 --trainings 30 --trainings 60
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from typer import Option

from nas.bench.confirming.simulation import Reported, Rules, simulate, without
from nas.bench.output import made, write_table
from nas.bench.samplers.synthetic import SYNTHETIC
from nas.bench.samplers.tables import Benchmark
from nas.common.errors import UserError
from nas.common.machine import cores
from nas.console.text_table import aligned

FOLDER = Path("results/bench-confirm")
NOISES = {"large": 1.0, "conditional": 0.7, "interactions": 0.03}
"""Deviations of one training on tables whose values have a scale at which that is a network's."""


def main(
    out: Annotated[Path, Option(help="Folder of the results.")] = FOLDER,
    table: Annotated[list[str] | None, Option(help=f"{', '.join(NOISES)}; repeat. All of them.")] = None,
    searches: Annotated[int, Option(min=2, help="Searches of each kind.")] = 200,
    trainings: Annotated[
        list[int] | None, Option(min=4, help="Trainings of a whole search; repeat. [30 and 60]")
    ] = None,
    share: Annotated[float, Option(min=0.05, max=0.9, help="Of them, kept for confirming.")] = 0.3,
    sampler: Annotated[str, Option(help="Who searches: random, or front, which is slower.")] = "random",
    concurrency: Annotated[int, Option(min=1, help="Searches at a time.")] = cores(),
) -> None:
    """Compare fronts as they are told with what is true."""
    if sampler not in ("random", "front"):
        raise UserError(f"--sampler {sampler}: expected random or front")
    for name in table or NOISES:
        if name not in NOISES:
            raise UserError(f"--table {name}: expected one of {', '.join(NOISES)}")
    made(out)
    rows = []
    with ProcessPoolExecutor(concurrency, mp_context=get_context("spawn")) as pool:
        for name in table or NOISES:
            for number in trainings or (30, 60):
                rules = Rules(number, share, NOISES[name], sampler=sampler)
                for played in (without(rules), rules):
                    jobs = [(name, played, seed) for seed in range(searches)]
                    fronts = list(pool.map(_one, jobs, chunksize=4))
                    rows.append({"table": name, "trainings": number, **_row(played, fronts)})
                    typer.echo(f"{name}, {number} trainings, share {played.share:g}: done", err=True)
    found = pd.DataFrame(rows)
    write_table(found, out, "confirm.csv")
    typer.echo(_told(found, searches))
    typer.echo(f"written to {out}: confirm.csv")


@cache
def _table(name: str) -> Benchmark:
    return SYNTHETIC[name]()


def _one(job: tuple[str, Rules, int]) -> Reported:
    name, rules, seed = job
    with threadpool_limits(1):
        return simulate(_table(name), rules, seed)


def _row(rules: Rules, fronts: list[Reported]) -> dict[str, float]:
    """The figures of many searches; errors in units of the noise of one training of the search."""

    def every(name: str) -> NDArray[np.float64]:
        return np.concatenate([np.asarray(getattr(front, name), dtype=float) for front in fronts])

    error = (every("told") - every("truth")) / rules.noise
    low, high, truth, sure = every("low"), every("high"), every("truth"), every("decided") > 0
    known = ~np.isnan(low)
    return {
        "share": rules.share,
        "points": len(error) / len(fronts),
        "error": float(error.mean()),
        "error_deviation": float(error.std() / np.sqrt(len(error))),
        "covered": float(((low <= truth) & (truth <= high))[known].mean()) if known.any() else np.nan,
        "leading": float(every("leading").mean()),
        "sure": float(sure.mean()),
        "leading_of_sure": float(every("leading")[sure].mean()) if sure.any() else np.nan,
        "volume": float(np.mean([front.volume for front in fronts])),
    }


def _told(found: pd.DataFrame, searches: int) -> str:
    header = ["table", "trainings", "confirming", "points", "error (noise)", "covered", "on the front"]
    header += ["sure of", "of these on it", "area"]
    return (
        aligned(header, list(_lines(found)), left=("table",))
        + f"\n\n{searches} searches each. error: mean of accuracy told less true, in deviations of one training; "
        "covered: how often a 95 % interval holds the truth; on the front: points that no other that was trained "
        "truly beats; area: what the points truly dominate, of what all that was trained does."
    )


def _lines(found: pd.DataFrame) -> Iterator[list[str]]:
    for _, row in found.iterrows():
        covered = "" if pd.isna(row["covered"]) else f"{row['covered']:.1%}"
        yield [
            str(row["table"]),
            str(row["trainings"]),
            f"{row['share']:.0%}",
            f"{row['points']:.1f}",
            f"{row['error']:+.3f}",
            covered,
            f"{row['leading']:.1%}",
            f"{row['sure']:.1%}" if row["share"] else "",
            f"{row['leading_of_sure']:.1%}" if row["share"] else "",
            f"{row['volume']:.1%}",
        ]
