"""Search a space for the best networks under a budget.

python -m nas.search --budget 300MFLOPs
run = search("300MFLOPs", data="folder:flowers", trials=50); run.front
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from nas.common.errors import UserError
from nas.console import commands as console_module
from nas.console import options

if TYPE_CHECKING:  # each takes long to import, which --help need not wait for
    import pandas as pd
    from rich.console import Console

    from nas.data.dataset import Dataset
    from nas.engine.tune import Ending
    from nas.latency.table.table import Table
    from nas.search.proposer import Proposer
    from nas.search.record import Record
    from nas.search.settings import Settings
    from search_spaces import Space

DEFAULT_TRIALS = 50


@dataclass(frozen=True)
class Run:
    """A search that ended: its tables, with the columns of trials.csv, and its folder.

    `ending` says why it ended: "done", "late" (--minutes) or "interrupted" (Ctrl-C).
    """

    folder: Path
    trials: "pd.DataFrame"
    front: "pd.DataFrame"
    baselines: "pd.DataFrame"
    ending: "Ending"


def search(
    budget: str | Sequence[str] | None = None,
    *,
    data: str | None = None,
    data_root: Path | None = None,
    skip_corrupt: bool = False,
    trials: int | None = None,
    minutes: float | None = None,
    fidelity: str | None = None,
    epochs: float | None = None,
    subset: float | None = None,
    train_resolution: int | None = None,
    recipe: str | None = None,
    space: str | None = None,
    granularity: str | None = None,
    objectives: str | None = None,
    sampler: str | None = None,
    scheduler: str | None = None,
    control: str | None = None,
    warm_start: Sequence[str | Path] | None = None,
    seed: int | None = None,
    baselines: str | None = None,
    seed_baselines: bool = False,
    target_resolution: int | None = None,
    target_classes: int | None = None,
    latency_table: str | None = None,
    concurrency: int | None = None,
    device: str = "auto",
    out: Path | None = None,
    storage: str | None = None,
    resume: Path | None = None,
    console: "Console | None" = None,
) -> Run:
    """Search, or go on with a run, and write its results into its folder; the command calls this function.

    budget: bounds such as "300MFLOPs", one a quantity. data: "auto", "cifar10", "folder:PATH" or "digits".
    trials, minutes: when to stop, whichever comes first; 50 trials where neither is given. fidelity: "quick",
    "standard", "thorough" or "ladder", or epochs instead; with subset and train_resolution. recipe: what is to
    differ from `nas.train.Recipe`, as in "lr=0.3,cutout=0.5". objectives: "accuracy,macs" or another cost;
    "accuracy,latency" where a budget is in milliseconds or a table is named. latency_table: a file or the name of
    an import; this machine's table otherwise, made first where there is none. control: "random" trains as many
    networks drawn at random beside.
    warm_start: folders of runs whose results guide the sampler. baselines: "small", "all", "none" or names of
    the zoo, comma-separated. resume: the folder of a run to go on with; what defines the run stays as it was.

    Raises UserError for what cannot be used, before anything is made.
    """
    import optuna
    from rich.console import Console

    from nas.runs.folders import create_run, new_folder, open_run
    from nas.search.finalists import keep, reopened
    from nas.search.request import Request, check_bounds, earlier_results, new_run, same_data, space_of

    began = time.monotonic()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    console = console or Console()
    notify = _notify
    if trials is not None and trials < 1:
        raise UserError(f"--trials {trials}: expected at least 1")
    check_bounds(minutes, concurrency, device)
    request = Request(
        budget=(budget,) if isinstance(budget, str) else tuple(budget) if budget else None,
        data=data,
        skip_corrupt=skip_corrupt or None,
        fidelity=fidelity,
        epochs=epochs,
        subset=subset,
        train_resolution=train_resolution,
        recipe=recipe,
        space=space,
        granularity=granularity,
        objectives=objectives,
        sampler=sampler,
        scheduler=scheduler,
        control=control,
        warm_start=tuple(map(str, warm_start)) if warm_start else None,
        seed=seed,
        baselines=baselines,
        seed_baselines=seed_baselines or None,
        target_resolution=target_resolution,
        target_classes=target_classes,
        latency_table=None if resume else latency_table,
    )
    if resume is not None:
        if request.given() or out is not None:
            raise UserError(
                f"{', '.join(request.given() or ['--out'])} cannot be changed by --resume; it takes "
                "--trials, --minutes, --concurrency, --device, --data-root, --storage and --latency-table"
            )
        folder, record = resume, open_run(resume, storage)
        table = reopened(record.settings, folder, latency_table)
        loaded = same_data(record.settings, data_root, notify)
        if trials is None and minutes is None:
            trials = record.note("trials") or DEFAULT_TRIALS
    else:
        folder = new_folder(out)
        settings, loaded, table = new_run(request, data_root, notify)
        if trials is None and minutes is None:
            trials = DEFAULT_TRIALS
        prior = earlier_results(request.warm_start or (), space_of(settings))
        notes = {"trials": trials, "minutes": minutes, "skipped_images": loaded.skipped, "prior": prior}
        record = create_run(folder, storage, settings, notes)
        if table is not None:
            keep(table, folder)
    deadline = None if minutes is None else began + 60 * minutes
    return _carry_on(folder, record, table, loaded, trials, deadline, concurrency, device, console)


def _carry_on(
    folder: Path,
    record: "Record",
    table: "Table | None",
    data: "Dataset",
    trials: int | None,
    deadline: float | None,
    concurrency: int | None,
    device: str,
    console: "Console",
) -> Run:
    """Run what is missing of a run and write its results, also where it is ended early."""
    from nas.common.machine import cores
    from nas.engine.tune import run_jobs
    from nas.report import print_summary, results, write_results
    from nas.search.campaign import Campaign
    from nas.search.display import Display
    from nas.search.finalists import time_finalists
    from nas.search.proposer import Proposer
    from nas.search.record import is_over
    from nas.search.request import space_of

    settings = record.settings
    record.interrupt_running()
    space = space_of(settings)
    history = [trial for trial in record.trials() if is_over(trial)]
    if settings.granularity == "stage":
        _price_blocks(space, settings)
    proposer = Proposer(space, settings, history, prior=record.note("prior") or (), table=table)
    if settings.seed_baselines and not history:
        _enqueue_nearest(proposer, settings)
    control = None
    if settings.control != "none":
        drawn = [trial for trial in record.trials("control") if is_over(trial)]
        control = Proposer(space, settings, drawn, sampler=settings.control, table=table)
    console.print(
        f"{folder}: {settings.data_name}, {settings.fidelity.epochs:g} epochs a trial at "
        f"{settings.fidelity.resolution}x{settings.fidelity.resolution}; costs at {settings.target}; "
        f"budget {' and '.join(settings.budgets) or 'none'}"
        + (f"; latencies of {settings.latency.fingerprint}" if settings.latency else ""),
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    before = results(record)
    with Display(console, before, len(data.classes), trials=trials, deadline=deadline) as display:
        campaign = Campaign(
            record, proposer, trials=trials, control=control, deadline=deadline, notify=display.on
        )
        ending: Ending = "done"
        if not campaign.over:
            ending = run_jobs(
                campaign,
                data,
                concurrency=concurrency or cores(),
                deadline=deadline,
                device=device,
                scheduler=settings.scheduler,
            )
    if table is not None and ending != "interrupted":
        time_finalists(record, table, _notify)
    found = results(record)
    write_results(found, folder)
    print_summary(found, console)
    if campaign.exhausted:
        _notify("the space holds no further untried network within the budget")
    console.print(
        f"written to {folder}: front.html, front.png, front.csv, trials.csv, baselines.csv",
        markup=False,
        soft_wrap=True,
    )
    return Run(folder, found.trials, found.front, found.baselines, ending)


def _enqueue_nearest(proposer: "Proposer", settings: "Settings") -> None:
    """Offer the points closest to the hand-designed networks as first candidates, and say what differs."""
    from nas.search.request import space_of
    from search_spaces import zoo

    space = space_of(settings)
    for name in ("mobilenet_v3_small", "mobilenet_v3_large", "mobilenet_v2"):
        near = space.nearest(zoo.get(name))
        taken = "first candidate" if proposer.enqueue(near.arch) else "over budget, not tried"
        _notify(f"nearest to {name}: {taken}; differs in {'; '.join(near.differences) or 'nothing'}")


def _price_blocks(space: "Space", settings: "Settings") -> None:
    """Count the costs of a space's blocks now, on all cores, and not one by one between the trainings."""
    import numpy as np

    from nas.common.machine import cores
    from nas.networks.cost import default_table

    rng = np.random.default_rng(0)
    archs = [space.sample(rng) for _ in range(2000)]  # meets nearly every block; the rest is counted when met
    table, target = default_table(), (settings.target_resolution, settings.target_classes)
    missing = table.missing(archs, *target)
    if len(missing) > 100:
        _notify(f"counting the cost of {len(missing):,} blocks of the space once")
        table.fill(missing, cores())


def _notify(message: str) -> None:
    typer.echo(message, err=True)


def main(
    budget: Annotated[
        list[str] | None,
        Option(help="Upper bound: 300MFLOPs (multiply-adds), 4MParams, 4ms; repeatable.", metavar="BOUND"),
    ] = None,
    data: options.Data = None,
    data_root: options.DataRoot = None,
    skip_corrupt: options.SkipCorrupt = False,
    trials: Annotated[int | None, Option(help="Networks to train. [50, or as --minutes allow]")] = None,
    minutes: options.Minutes = None,
    fidelity: Annotated[
        str | None,
        Option(
            help="How long a trial is trained: quick (20,000 images), standard (60,000), thorough (200,000), "
            "or ladder (many quick, a third of them standard, a third of those thorough)."
        ),
    ] = None,
    epochs: options.Epochs = None,
    subset: options.Subset = None,
    train_resolution: options.TrainResolution = None,
    recipe: Annotated[
        str | None, Option(help="How trials are trained, where it is to differ: lr=0.3,batch_size=256,...")
    ] = None,
    space: Annotated[str | None, Option(help="mobile, or a YAML file. [mobile]")] = None,
    granularity: Annotated[str | None, Option(help="Choices per stage or per block. [stage]")] = None,
    objectives: Annotated[
        str | None,
        Option(
            help="accuracy and one of macs, params, activations, latency. [accuracy,macs; accuracy,latency "
            "with a budget in ms or a latency table]"
        ),
    ] = None,
    sampler: Annotated[str | None, Option(help="front, tpe, nsga2, random or gp. [front]")] = None,
    scheduler: Annotated[
        str | None, Option(help="none, or asha: Ray's, which stops trials that look bad. [none]")
    ] = None,
    control: Annotated[
        str | None, Option(help="random: train as many networks drawn at random, to compare. [none]")
    ] = None,
    warm_start: Annotated[
        list[str] | None, Option(help="A run whose results guide the sampler; repeatable.", metavar="RUN")
    ] = None,
    seed: Annotated[int | None, Option(help="From which all chance follows. [0]")] = None,
    baselines: Annotated[
        str | None, Option(help="Networks trained beside: small, all, none, or names. [small]")
    ] = None,
    seed_baselines: Annotated[
        bool, Option("--seed-baselines", help="Try the points nearest to MobileNetV2 and V3 first.")
    ] = False,
    target_resolution: options.TargetResolution = None,
    target_classes: options.TargetClasses = None,
    latency_table: Annotated[
        str | None,
        Option(
            help="Of which device milliseconds are: a table's file or imported name. [this machine, whose table "
            "is made where there is none]",
            metavar="TABLE",
        ),
    ] = None,
    concurrency: options.Concurrency = None,
    device: options.Device = "auto",
    out: options.Out = None,
    storage: options.Storage = None,
    resume: Annotated[Path | None, Option(help="Go on with the run in this folder.", metavar="RUN")] = None,
) -> int:
    """Search for the best networks under a budget; writes a front, tables and pictures into a folder.

    Costs are counted at 224x224, 1000 classes and batch 1 unless told otherwise, as in the papers' tables.
    """
    run = search(
        budget=budget,
        data=data,
        data_root=data_root,
        skip_corrupt=skip_corrupt,
        trials=trials,
        minutes=minutes,
        fidelity=fidelity,
        epochs=epochs,
        subset=subset,
        train_resolution=train_resolution,
        recipe=recipe,
        space=space,
        granularity=granularity,
        objectives=objectives,
        sampler=sampler,
        scheduler=scheduler,
        control=control,
        warm_start=warm_start,
        seed=seed,
        baselines=baselines,
        seed_baselines=seed_baselines,
        target_resolution=target_resolution,
        target_classes=target_classes,
        latency_table=latency_table,
        concurrency=concurrency,
        device=device,
        out=out,
        storage=storage,
        resume=resume,
    )
    if run.ending == "interrupted":
        _notify(f"interrupted; go on with: python -m nas.search --resume {run.folder}")
        return console_module.INTERRUPTED
    return 0
