"""A search from its request to its tables: settled, trained trial by trial, and read from its study."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from rich.console import Console

from nas.common.errors import UserError
from nas.common.machine import cores
from nas.common.quantities import LATENCY, MACS
from nas.console.commands import notify
from nas.console.options import deadline, several, takes
from nas.console.progress import progress_line
from nas.console.screen import SafeConsole
from nas.data.dataset import Dataset, Notify
from nas.engine.jobs import Ending
from nas.engine.regime import aimed, default_to, opening, settled, validated_on
from nas.engine.tune import run_jobs
from nas.latency.table.file import save
from nas.latency.table.identity import TableId
from nas.latency.table.table import Table
from nas.networks.cost import default_table
from nas.runs.drivers import Driver
from nas.runs.folders import new_folder
from nas.search.baselines import AUTO, MOST, named, that_matter
from nas.search.budget import find_board, parse_budgets, with_board
from nas.search.campaign import Campaign
from nas.search.confirm import Bounds, Confirmation, Phases
from nas.search.display import SearchDisplay
from nas.search.finalists import KEPT, is_here, reopened, time_finalists, with_table
from nas.search.finished import Run
from nas.search.price import pricer
from nas.search.proposer import Proposer, check_satisfiable
from nas.search.record import Record, create_run, is_over, open_run
from nas.search.request import Request
from nas.search.results import results
from nas.search.settings import SAMPLERS, Settings, space_of
from nas.search.tables import files, print_summary, write_results
from search_spaces import Arch, Space, spaces, zoo

DEFAULT_TRIALS = 50
LEAST_TRAININGS = 6
"""With fewer there is nothing to confirm: two networks, three seeds each."""
_FREE = ("trials", "minutes", "concurrency", "device", "data_root", "storage", "latency_table", "resume")
"""What may be said anew when a run goes on."""


@takes(Request)
def search(request: Request) -> Run:
    """Search, or go on with a run, and write its results into its folder.

    budget: bounds such as "300MFLOPs" or "60-80MFLOPs", one a quantity. board: a microcontroller, whose flash and
    RAM bound what no budget does. target: "papers" or "data", what costs are counted for. data: "auto", "cifar10",
    "folder:PATH" or "digits". trials, minutes: when to stop, whichever comes first; 50 trials where neither is
    given. fidelity: "quick", "standard", "thorough" or "ladder", or epochs instead; with subset and
    train_resolution. folds: each network is trained once for each, and judged by their mean. recipe: what is to
    differ from `nas.train.Recipe`, as in "lr=0.3,cutout=0.5". objectives:
    "accuracy,macs" or another cost; "accuracy,latency" where a budget is in milliseconds or a table is named.
    latency_table: a file or the name of an import; this machine's table otherwise, made first where there is none.
    control: "random" trains as many networks drawn at random beside. confirm: the share of the minutes, or of the
    trainings, in which what was selected is trained again (0.3). warm_start: folders of runs whose results guide
    the sampler. baselines: "auto", "small", "all", "none" or names of the zoo, comma-separated. resume: the folder
    of a run to go on with; what defines the run stays as it was.

    Raises UserError for what cannot be used, before anything is made.
    """
    return carry_out(request)


@dataclass(frozen=True)
class _Opened:
    """A run that is new or found again: all that it takes to go on."""

    folder: Path
    record: Record
    data: Dataset
    table: Table | None
    trials: int | None


def carry_out(request: Request) -> Run:
    """What `search` does, of a request."""
    began = time.monotonic()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if request.trials is not None and request.trials < 1:
        raise UserError(f"--trials {request.trials}: expected at least 1")
    request.check()
    run = _begin(request) if request.resume is None else _reopen(request)
    console = request.console or SafeConsole()
    with run.record.driven() as driver:
        run.record.interrupt_running()
        ending = _train(run, request, deadline(request.minutes, began), console, driver)
        if run.table is not None and ending != "interrupted":
            time_finalists(run.record, run.table, notify)
    found = results(run.record)
    write_results(found, run.folder)
    print_summary(found, console, run.folder)
    console.print(f"written to {run.folder}: {files(found)}", markup=False, soft_wrap=True)
    return Run(run.folder, found, ending)


def _begin(request: Request) -> _Opened:
    """A new run: its settings, its data, its folder and its study."""
    folder = new_folder(request.out)
    settings, data, table = new_run(request, notify)
    trials = _bound(request, DEFAULT_TRIALS)
    notes = {
        "trials": trials,
        "minutes": request.minutes,
        "skipped_images": data.skipped,
        "classes": len(data.classes),
        "validation_images": validated_on(data, settings.folds),
        "dropped_images": data.dropped,
        "prior": earlier_results(several(request.warm_start), space_of(settings)),
    }
    record = create_run(folder, request.storage, settings, notes)
    if table is not None:
        save(table, folder / KEPT)
    return _Opened(folder, record, data, table, trials)


def new_run(request: Request, notify: Notify) -> tuple[Settings, Dataset, Table | None]:
    """Settings, data and, where it has latencies, the table of a new run.

    Raises UserError for what cannot be used, before anything is made.
    """
    texts = several(request.budget)
    budgets = parse_budgets(texts)  # before the data, which may take a while
    if request.board is not None:
        texts = with_board(texts, board := find_board(request.board))
        notify(f"{board}")
        request = replace(request, target=default_to(request.target, "data"))
    request = aimed(request, request.data_root)
    timed = request.latency_table is not None or any(b.quantity == LATENCY.column for b in budgets)
    objectives = default_to(request.objectives, f"accuracy,{LATENCY.name if timed else MACS.name}")
    timed = timed or LATENCY.name in objectives
    settings = Settings(
        **opening(request),
        budgets=texts,
        space=_space_text(default_to(request.space, "mobile")),
        granularity=default_to(request.granularity, "stage"),
        objectives=tuple(part.strip() for part in objectives.split(",")),
        sampler=default_to(request.sampler, SAMPLERS[0]),
        scheduler=default_to(request.scheduler, "none"),
        control=default_to(request.control, "none"),
        baselines=named(default_to(request.baselines, AUTO)),
        confirm=default_to(request.confirm, 0.3),
        seed_baselines=request.seed_baselines,
        latency=TableId("", "", "", here=False) if timed else None,  # until it is found
    )
    table = None
    if timed:
        table = with_table(
            settings, request.latency_table, notify, deadline(request.minutes, time.monotonic())
        )
        settings = replace(settings, latency=TableId.of(table, is_here(table)))
    check_satisfiable(space_of(settings), settings, table)
    if AUTO in settings.baselines:
        settings = replace(settings, baselines=_that_matter(request, settings, table))
    data = settings.load(request.data_root, notify)
    settings, rungs = settled(settings, request, data)
    return replace(settings, rungs=rungs), data, table


def earlier_results(folders: Sequence[str], space: Space) -> list[dict[str, Any]]:
    """What earlier runs know of archs of this space: params, accuracy, share of its run's training, run.

    As JSON takes it, to be stored in the study. Raises UserError for a folder that is no run.
    """
    known: list[dict[str, Any]] = []
    for folder in folders:
        record, before = open_run(Path(folder)), len(known)
        for trial in (trials := record.trials()):
            arch = Arch.parse(trial.user_attrs["arch"])
            if trial.state.name == "COMPLETE" and space.contains(arch):
                known.append(
                    {
                        "params": space.params(arch),
                        "accuracy": trial.values[0],
                        "share": trial.user_attrs["epochs"] / record.settings.fidelity.epochs,
                        "run": f"{folder} ({record.settings.data_name})",
                    }
                )
        taken = len(known) - before
        notify(
            f"--warm-start {folder}: {taken} of its {len(trials)} trials are results of networks of this space"
        )
    return known


def _space_text(name: str) -> str:
    """The YAML of a space; read once, so that a run does not change with the file."""
    spaces.get(name)  # refuses, with the reason, what is none
    return spaces.text_of(name)


def _that_matter(request: Request, settings: Settings, table: Table | None) -> tuple[str, ...]:
    """The hand-designed networks of `auto`: without a bound in minutes at most half as many as trials."""
    most = MOST if request.minutes is not None else (_bound(request, DEFAULT_TRIALS) or MOST) // 2
    return that_matter(settings, pricer(settings, table), max(1, min(most, MOST)))


def _reopen(request: Request) -> _Opened:
    """An existing run, with its data and its table as they were."""
    request.check_resumed(_FREE)
    folder = Path(request.resume or "")
    record = open_run(folder, request.storage)
    record.check_free()  # before the data, which may take a while
    table = reopened(record.settings, folder, request.latency_table)
    data = record.settings.reload(request.data_root, notify)
    trials = _bound(request, record.note("trials") or DEFAULT_TRIALS)
    return _Opened(folder, record, data, table, trials)


def _bound(request: Request, default: int) -> int | None:
    """How many trials there may be; None for as many as the time allows."""
    return default if request.trials is None and request.minutes is None else request.trials


def _train(run: _Opened, request: Request, until: float | None, console: Console, driver: Driver) -> Ending:
    """Propose, train and record until all is done, the time is up, or Ctrl-C."""
    settings = run.record.settings
    proposer, control = _proposers(run)
    latency = f"; latencies of {settings.latency.fingerprint}" if settings.latency else ""
    console.print(
        f"{run.folder}: {settings.data_name}, trials of {settings.trained}; costs at {settings.target}; "
        f"budget {' and '.join(budget.said for budget in settings.limits) or 'none'}{latency}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    before = results(run.record)
    ending: Ending = "done"
    concurrency, share = request.concurrency or cores(), settings.confirm
    with SearchDisplay(console, before, len(run.data.classes), trials=run.trials, deadline=until) as display:
        searching = until if until is None or not share else until - share * (until - time.monotonic())
        campaign = Campaign(
            run.record, proposer, trials=run.trials, control=control, deadline=searching, notify=display.on
        )
        bounds = Bounds(share, until, concurrency)
        confirmation = Confirmation(run.record, lambda: _believed(run), bounds, display.on)
        source = Phases(campaign, confirmation) if share else campaign
        if not campaign.over or (share and confirmation.due):
            ending = run_jobs(
                source,
                run.data,
                concurrency=concurrency,
                deadline=until,
                allowed=driver.check,
                device=request.device,
                scheduler=settings.scheduler,
            )
    _remark(run, campaign, ending, concurrency)
    return ending


def _remark(run: _Opened, campaign: Campaign, ending: Ending, concurrency: int) -> None:
    """Say what there was no room for."""
    if campaign.exhausted:
        notify("the space holds no further untried network within the budget")
    if campaign.left_out:
        notify(f"baselines that time did not allow for: {', '.join(campaign.left_out)}")
    share, found = run.record.settings.confirm, results(run.record)
    if not len(found.front) and ending == "late":
        notify("no training came to its end in that time; go on with --resume and more --minutes")
    if share and ending != "interrupted" and len(found.front) and not found.is_confirmed:
        seconds = float(found.trials["seconds"].mean())
        minutes = LEAST_TRAININGS * seconds / share / concurrency / 60
        notify(
            f"nothing could be confirmed: that takes some {LEAST_TRAININGS} trainings of about {seconds:.0f} s; with "
            f"--minutes {max(2, math.ceil(minutes))} or --trials {math.ceil(LEAST_TRAININGS * (1 / share - 1))} in all "
            "there would have been time; --resume goes on"
        )


def _proposers(run: _Opened) -> tuple[Proposer, Proposer | None]:
    """Who proposes the search's trials, and who the control's, each knowing what has been trained."""
    record, settings = run.record, run.record.settings
    space = space_of(settings)
    if settings.granularity == "stage":
        _price_blocks(space, settings)
    history, drawn = (
        [trial for trial in record.trials(kind) if is_over(trial)] for kind in ("search", "control")
    )
    proposer = Proposer(space, settings, history, prior=record.note("prior") or (), table=run.table)
    if settings.seed_baselines and not history:
        _enqueue_nearest(proposer, space)
    if settings.control == "none":
        return proposer, None
    return proposer, Proposer(space, settings, drawn, sampler=settings.control, table=run.table)


def _believed(run: _Opened) -> dict[Arch, float]:
    """How likely each network that the search trained is believed to stand on its front, whoever proposed it."""
    record, settings = run.record, run.record.settings
    history = [trial for trial in record.trials() if is_over(trial)]
    prior = record.note("prior") or ()
    return Proposer(
        space_of(settings), settings, history, sampler="front", prior=prior, table=run.table
    ).chances()


def _enqueue_nearest(proposer: Proposer, space: Space) -> None:
    """Offer the points closest to the hand-designed networks as first candidates, and say what differs."""
    for name in ("mobilenet_v3_small", "mobilenet_v3_large", "mobilenet_v2"):
        near = space.nearest(zoo.get(name))
        taken = "first candidate" if proposer.enqueue(near.arch) else "over budget, not tried"
        notify(f"nearest to {name}: {taken}; differs in {'; '.join(near.differences) or 'nothing'}")


def _price_blocks(space: Space, settings: Settings) -> None:
    """Count the costs of a space's blocks now, on all cores, and not one by one between the trainings."""
    rng = np.random.default_rng(0)
    archs = [space.sample(rng) for _ in range(2000)]  # meets nearly every block; the rest is counted when met
    table = default_table()
    missing = table.missing(archs, *settings.costed)
    if len(missing) > 100:
        notify(f"counting the cost of {len(missing):,} blocks of the space once")
        with progress_line("counted", "blocks") as progress:
            table.fill(missing, cores(), progress)
