"""Start a comparison, find it again with more seeds, and train what is missing of it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from nas.common.errors import UserError
from nas.common.machine import cores
from nas.compare.rounds import Rounds, Training
from nas.compare.trainings import Kind, Setup, Trainings
from nas.console.commands import notify
from nas.console.options import AnyPath, deadline
from nas.data.dataset import Dataset
from nas.engine.jobs import Ending
from nas.engine.live import Live
from nas.engine.regime import Regime, opening, settled
from nas.engine.terms import Execution, Terms
from nas.engine.tune import run_jobs
from nas.networks.cost import cost
from nas.networks.references import Model
from nas.runs.folders import create, find
from search_spaces import Arch

if TYPE_CHECKING:
    from nas.latency.table.table import Table

DEFAULT_SEEDS = 3
_FREE = ("seeds", "minutes", "concurrency", "device", "data_root", "storage", "resume")
"""What may be said anew when a comparison goes on."""


def check_seeds(seeds: int | None) -> None:
    """Raises UserError for a number of seeds that is none."""
    if seeds is not None and not 1 <= seeds <= 1000:
        raise UserError(f"--seeds {seeds}: expected from 1 to 1000")


def check_terms(terms: Terms, seeds: int | None) -> None:
    """Raises UserError for what is no training, before the data are loaded."""
    check_seeds(seeds)
    if terms.fidelity == "ladder":
        raise UserError("--fidelity ladder: every network is trained equally long; take quick or standard")
    Regime(**opening(terms))


def prepare(
    networks: Sequence[Model], terms: Terms, data_root: AnyPath | None, *, test: bool
) -> tuple[Setup, Dataset]:
    """The setup and the data of a new comparison; a network given twice is in it once.

    Raises UserError for data that cannot be used and networks that cannot be trained on them.
    """
    setup = Setup(networks=tuple(dict.fromkeys(map(str, networks))), test=test, **opening(terms))
    data = setup.load(data_root, notify)
    for network in networks:  # refuses what cannot be priced at the target, or trained on the images
        cost(network, setup.target_resolution, setup.target_classes)
        cost(network, setup.fidelity.resolution, len(data.classes))
    return settled(setup, terms, data)[0], data


def predicted(table: "Table | None", networks: Iterable[Model]) -> dict[str, Any]:
    """Notes: milliseconds by text, and on what. A library's classifier has none."""
    if table is None:
        return {}
    told = {str(network): table.predict(network).ms for network in networks if isinstance(network, Arch)}
    return {"latency_ms": told, "latency_of": str(table.fingerprint)}


def begin(
    folder: Path,
    execution: Execution,
    setup: Setup,
    seeds: int | None,
    notes: Mapping[str, Any],
    kind: Kind,
) -> Trainings:
    """Make the folder and the study of a new comparison."""
    notes = {**notes, "minutes": execution.minutes, "seeds": DEFAULT_SEEDS if seeds is None else seeds}
    make = partial(Trainings.create, setup=setup, notes=notes, kind=kind)
    return create(folder, execution.storage, setup.to_json(), notes, make)


def resume(execution: Execution, seeds: int | None, kind: Kind) -> tuple[Trainings, Dataset]:
    """An existing comparison and its data; `seeds` raises how many each network is to have.

    Raises UserError for what --resume cannot change.
    """
    execution.check_resumed(_FREE)
    check_seeds(seeds)
    trainings = find(Path(execution.resume or ""), execution.storage, partial(Trainings.open, kind=kind))
    asked = len(trainings.seeds)
    if seeds is not None and seeds < asked:
        raise UserError(f"--seeds {seeds}: the run has {asked} already; ask for as many or more")
    data = trainings.setup.reload(execution.data_root, notify)
    if seeds is not None and seeds > asked:
        trainings.note("seeds", seeds)
    return trainings, data


def carry_on(
    trainings: Trainings,
    data: Dataset,
    names: Mapping[str, str],
    execution: Execution,
    began: float,
    console: Console,
) -> Ending:
    """Train what is missing, until it is done, the minutes since `began` are over, or Ctrl-C."""
    trainings.interrupt_running()
    until = deadline(execution.minutes, began)
    wanted = {(network, seed) for network in trainings.setup.networks for seed in trainings.seeds}
    over = len(wanted & trainings.over())
    live: Live[Training] = Live(console, over=over, total=len(wanted), deadline=until)
    with live:
        rounds = Rounds(trainings, names=names, deadline=until, notify=live.on)
        if not rounds.left:
            return "done"
        concurrency = execution.concurrency or cores()
        ending = run_jobs(rounds, data, concurrency=concurrency, deadline=until, device=execution.device)
    return "late" if ending == "done" and rounds.left else ending
