"""Compare samplers on tables that answer for a training: which finds more of the front in fewer evaluations.

python -m nas.bench sampler
python -m nas.bench sampler --table nas-bench-macro_cifar10.json --workers 1 --workers 4 --noise --cap
python -m nas.bench sampler --timing
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.common.machine import cores

if TYPE_CHECKING:
    from nas.bench.samplers.playing import Scenario
    from nas.bench.samplers.standings import Score

DEFAULT = ("front", "nsga2-20", "nsga2", "tpe", "random")


def main(
    out: Annotated[Path, typer.Option(help="Folder of the results. What it has is not played again.")] = Path(
        "results/bench-sampler"
    ),
    table: Annotated[
        list[str] | None,
        typer.Option(
            help="NAS-Bench-Macro's JSON file or a synthetic table's name; repeat. All synthetic ones."
        ),
    ] = None,
    sampler: Annotated[
        list[str] | None,
        typer.Option(help=f"{', '.join(DEFAULT)} (these by default), front+features, gp; repeat."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Plays of each sampler.")] = 20,
    evaluations: Annotated[int, typer.Option(min=1, help="Trainings of a play.")] = 100,
    others: Annotated[int, typer.Option(min=0, help="The same for Optuna's samplers; 0: as many.")] = 0,
    workers: Annotated[
        list[int] | None, typer.Option(min=1, help="Points proposed at a time; repeat.")
    ] = None,
    noise: Annotated[
        bool, typer.Option(help="Also with one of a point's trainings shown, at random.")
    ] = False,
    cap: Annotated[
        bool, typer.Option(help="Also for the best value at a cost of at most the median.")
    ] = False,
    processes: Annotated[int, typer.Option(min=1, help="Plays at a time.")] = cores(),
    timing: Annotated[
        bool, typer.Option(help="Only the milliseconds a suggestion, by number of trials, on one thread.")
    ] = False,
) -> None:
    """Compare samplers by regret, evaluations needed, and milliseconds a suggestion."""
    from nas.bench.samplers.contestants import CONTESTANTS
    from nas.common.errors import UserError

    names = sampler or list(DEFAULT)
    for name in names:
        if name not in CONTESTANTS:
            raise UserError(f"--sampler {name}: expected one of {', '.join(CONTESTANTS)}")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--out {out}: cannot be made ({error.strerror}); name a folder to write to"
        ) from error
    if timing:
        _time(names, table or ["large"], out)
    else:
        lengths = {name: others if others and not name.startswith("front") else evaluations for name in names}
        _compare(table or [], lengths, _scenarios(workers or [1], noise, cap), seeds, processes, out)


def _scenarios(workers: list[int], noise: bool, cap: bool) -> list[Scenario]:
    from nas.bench.samplers.playing import Scenario

    found = [Scenario(f"{number} at a time", workers=number) for number in dict.fromkeys(workers)]
    found += [Scenario("noisy", noisy=True)] if noise else []
    return found + ([Scenario("under a cap", capped=True)] if cap else [])


def _compare(
    tables: list[str],
    lengths: dict[str, int],
    scenarios: list[Scenario],
    seeds: int,
    processes: int,
    out: Path,
) -> None:
    from nas.bench.samplers.contestants import CONTESTANTS
    from nas.bench.samplers.pictures import write_html, write_png
    from nas.bench.samplers.standings import curves, standings, summary
    from nas.bench.samplers.synthetic import SYNTHETIC
    from nas.bench.samplers.tournament import PlayJob, load, tournament
    from nas.common.files import write_whole

    loaded = {name: load(name) for name in tables or SYNTHETIC}
    jobs = [
        PlayJob(name, sampler, scenario, seed, length)
        for name, table in loaded.items()
        for scenario in scenarios
        if not scenario.noisy or table.trainings
        for sampler, length in lengths.items()
        if CONTESTANTS[sampler].takes_part(table)
        for seed in range(seeds)
    ]

    def report(done: int, total: int) -> None:
        typer.echo(f"\r{done} of {total} plays", nl=done == total, err=True)

    found = standings(tournament(jobs, out, processes, report))
    rows = summary(found)
    write_whole(out / "summary.csv", lambda file: rows.to_csv(file, index=False, float_format="%.5g"))
    write_whole(out / "curves.csv", lambda file: curves(found).to_csv(file, index=False, float_format="%.5g"))
    write_png(found, out / "curves.png")
    write_html(found, out / "curves.html")
    typer.echo(_table(found))
    typer.echo(
        f"\nMedians of {seeds} seeds. Written to {out}: summary.csv, curves.csv, curves.png, curves.html"
    )


def _table(found: list[Score]) -> str:
    from nas.bench.samplers.standings import LOOKED_AT, beside_random
    from nas.console.text_table import aligned

    looked_at = [n for n in LOOKED_AT if any(n <= s.regrets.shape[1] for s in found)]
    rows = []
    for s in found:
        middle, beside = s.quartiles()[1], beside_random(s, found)
        regrets = [f"{middle[n - 1]:.2f}" if n <= len(middle) else "" for n in looked_at]
        reached = [f"{i.median:g} [{i.low:g}, {i.high:g}]".replace("inf", "-") for i in s.reached.values()]
        gap = "" if beside is None else f"{beside:+.1f}"
        rows.append([s.table.name, s.scenario.name, s.sampler, *regrets, *reached, str(s.repeats), gap])
    header = ["table", "scenario", "sampler", *(f"@{n}" for n in looked_at)]
    header += [f"to {100 * share:.0f} % [95 %]" for share in found[0].reached] + ["repeats", "- random"]
    return aligned(header, rows, left=("table", "scenario", "sampler")) + (
        "\n\n@N: regret after N evaluations, in per cent of the true front's hypervolume (under a cap: in the "
        "value's unit).\nto 95 %: evaluations until 95 % of it is found, with a bootstrap interval of the median; "
        "-: not reached by half.\n- random: last regret less random's, in random's interquartile ranges."
    )


def _time(names: list[str], tables: list[str], out: Path) -> None:
    from nas.bench.samplers.timing import SIZES, timings
    from nas.common.files import write_whole
    from nas.console.text_table import aligned

    rows = timings(names, tables, SIZES, lambda text: typer.echo(text, err=True))
    write_whole(out / "timing.csv", lambda file: rows.to_csv(file, index=False, float_format="%.5g"))
    header = ["table", "dimensions", "sampler", "trials", "median ms", "mean ms", "longest ms", "peak MB"]
    lines = [
        [f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows.to_numpy()
    ]
    typer.echo(aligned(header, lines, left=("table", "sampler")))
    typer.echo(f"\nA suggestion of all parameters, on one thread. Written to {out / 'timing.csv'}")
