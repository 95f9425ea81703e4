"""Compare samplers on tables that answer for a training: which finds more of the front in fewer evaluations.

python -m nas.bench sampler
python -m nas.bench sampler --table nas-bench-macro_cifar10.json --workers 1 --workers 4 --noise --cap
python -m nas.bench sampler --timing
"""

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from nas.bench.output import made, write_table
from nas.bench.samplers.pictures import regret_sheet
from nas.bench.samplers.playing import CONTESTANTS, Scenario
from nas.bench.samplers.scores import LABELS, LOOKED_AT, Score, curves, scores, summary
from nas.bench.samplers.synthetic import SYNTHETIC
from nas.bench.samplers.timing import timings
from nas.bench.samplers.tournament import PlayJob, load, tournament
from nas.common.errors import UserError
from nas.common.files import write_text
from nas.common.machine import cores
from nas.console.text_table import aligned

FOLDER = Path("results/bench-sampler")
DEFAULT = ("front", "nsga2-20", "nsga2", "tpe", "random")


def main(
    out: Annotated[Path, Option(help="Folder of the results. What it has is not played again.")] = FOLDER,
    table: Annotated[
        list[str] | None,
        Option(help="NAS-Bench-Macro's JSON file or a synthetic table's name; repeat. All synthetic ones."),
    ] = None,
    sampler: Annotated[
        list[str] | None,
        Option(help=f"{', '.join(DEFAULT)} (these by default), front+features, gp; repeat."),
    ] = None,
    seeds: Annotated[int, Option(min=1, help="Plays of each sampler.")] = 20,
    evaluations: Annotated[int, Option(min=1, help="Trainings of a play.")] = 100,
    others: Annotated[int, Option(min=0, help="The same for Optuna's samplers; 0: as many.")] = 0,
    workers: Annotated[list[int] | None, Option(min=1, help="Points proposed at a time; repeat.")] = None,
    noise: Annotated[bool, Option(help="Also with one of a point's trainings shown, at random.")] = False,
    cap: Annotated[bool, Option(help="Also for the best value at a cost of at most the median.")] = False,
    concurrency: Annotated[
        int, Option("--concurrency", "--processes", min=1, help="Plays at a time.")
    ] = cores(),
    timing: Annotated[
        bool, Option(help="Only the milliseconds a suggestion, by number of trials, on one thread.")
    ] = False,
) -> None:
    """Compare samplers by regret, evaluations needed, and milliseconds a suggestion."""
    names = list(dict.fromkeys(sampler or DEFAULT))
    for name in names:
        if name not in CONTESTANTS:
            raise UserError(f"--sampler {name}: expected one of {', '.join(CONTESTANTS)}")
    made(out)
    if timing:
        _time(names, table or ["large"], out)
        return
    scenarios = [Scenario(f"{number} at a time", workers=number) for number in dict.fromkeys(workers or [1])]
    scenarios += [Scenario("noisy", noisy=True)] if noise else []
    scenarios += [Scenario("under a cap", capped=True)] if cap else []
    lengths = {name: others if others and not name.startswith("front") else evaluations for name in names}
    jobs = [  # with noise only tables that have some, with features only those that have any
        PlayJob(name, sampler, scenario, seed, length)
        for name in dict.fromkeys(table or SYNTHETIC)
        for scenario in scenarios
        if not scenario.noisy or load(name).trainings
        for sampler, length in lengths.items()
        if not CONTESTANTS[sampler].features or load(name).features
        for seed in range(seeds)
    ]
    _compare(jobs, concurrency, out)
    typer.echo(
        f"\nMedians of {seeds} seeds. Written to {out}: summary.csv, curves.csv, curves.png, curves.html"
    )


def _compare(jobs: list[PlayJob], concurrency: int, out: Path) -> None:
    from nas.figures.page import document  # takes a second to import
    from nas.figures.picture import save_png

    def report(done: int, total: int) -> None:
        typer.echo(f"\r{done} of {total} plays", nl=done == total, err=True)

    found = scores(tournament(jobs, out, concurrency, report))
    write_table(summary(found), out, "summary.csv")
    write_table(curves(found), out, "curves.csv")
    sheet = regret_sheet(found)
    save_png(sheet, out / "curves.png")
    write_text(out / "curves.html", document([sheet]))
    typer.echo(_table(found))


def _table(found: list[Score]) -> str:
    looked_at = [n for n in LOOKED_AT if any(n <= s.regrets.shape[1] for s in found)]
    rows = []
    for s in found:
        middle, beside = s.quartiles()[1], s.beside_random(found)
        regrets = [f"{middle[n - 1]:.2f}" if n <= len(middle) else "" for n in looked_at]
        reached = ["{:g} [{:g}, {:g}]".format(*one).replace("inf", "-") for one in s.reached.values()]
        gap = "" if beside is None else f"{beside:+.1f}"
        rows.append([*s.labels.values(), *regrets, *reached, str(s.repeats), gap])
    header = [*LABELS, *(f"@{n}" for n in looked_at)]
    header += [f"to {100 * share:.0f} % [95 %]" for share in found[0].reached] + ["repeats", "- random"]
    return aligned(header, rows, left=LABELS) + (
        "\n\n@N: regret after N evaluations, in per cent of the true front's hypervolume (under a cap: in the "
        "value's unit).\nto 95 %: evaluations until 95 % of it is found, with a bootstrap interval of the median; "
        "-: not reached by half.\n- random: last regret less random's, in random's interquartile ranges."
    )


def _time(names: list[str], tables: list[str], out: Path) -> None:
    rows = timings(names, tables, lambda text: typer.echo(text, err=True))
    write_table(rows, out, "timing.csv")
    header = ["table", "dimensions", "sampler", "trials", "median ms", "mean ms", "longest ms", "peak MB"]
    lines = [
        [f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows.to_numpy()
    ]
    typer.echo(aligned(header, lines, left=("table", "sampler")))
    typer.echo(f"\nA suggestion of all parameters, on one thread. Written to {out / 'timing.csv'}")
