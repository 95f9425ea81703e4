"""Start a comparison, find it again with more seeds, and train what is missing of it, seed by seed."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console

from nas.common.errors import UserError
from nas.common.machine import cores
from nas.compare.forecast import foresee
from nas.compare.trainings import Kind, Setup, Trainings
from nas.console.commands import notify
from nas.console.options import AnyPath, deadline
from nas.data.dataset import Dataset
from nas.engine.jobs import Ending, Event, Job, Result, too_late
from nas.engine.live import Live
from nas.engine.regime import Regime, opening, settled
from nas.engine.terms import Execution, Terms
from nas.engine.tune import run_jobs
from nas.networks.cost import cost
from nas.networks.references import Model
from nas.runs.drivers import Driver
from nas.runs.folders import create, find
from nas.runs.studies import INTERRUPTED
from nas.train.trainer import Outcome, Progress
from search_spaces import Arch

if TYPE_CHECKING:
    from nas.latency.table.table import Table

DEFAULT_SEEDS = 3
_FREE = ("seeds", "minutes", "concurrency", "device", "data_root", "storage", "resume")
"""What may be said anew when a comparison goes on."""


@dataclass(frozen=True)
class Training:
    """A training under way; `label` is what it is called on the terminal."""

    number: int
    network: str
    seed: int
    label: str


class Rounds:
    """Gives what is missing of a comparison to the engine and writes what becomes of it; a `nas.engine.tune.Source`.

    A round is one seed of every network, in the order of the setup: where time runs out, the networks differ by
    one seed at most; the first `whole` networks have all their rounds before the others. What failed for a reason of
    its own is not tried again; what was cut off is. `names` are what networks are called.
    """

    def __init__(
        self,
        trainings: Trainings,
        *,
        names: Mapping[str, str] | None = None,
        deadline: float | None = None,
        whole: int = 0,
        notify: Callable[[Event[Training]], None] = lambda event: None,
    ) -> None:
        self._trainings = trainings
        self._names = names or {}
        self._deadline = deadline
        self._notify = notify
        self._running: dict[str, Training] = {}
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)
        for trial in trainings.trials():
            if "outcome" in trial.user_attrs:
                self._seconds[trial.user_attrs["network"]].append(trial.user_attrs["outcome"]["seconds"])
        over = trainings.over()
        networks = trainings.setup.networks
        parts = (networks[:whole], networks[whole:])
        pairs = [(network, seed) for part in parts for seed in trainings.seeds for network in part]
        self._left = [pair for pair in pairs if pair not in over]

    @property
    def left(self) -> int:
        """How many trainings have not been started yet."""
        return len(self._left)

    def next(self) -> tuple[str, Job] | Literal["wait"] | None:
        """The next training, written as RUNNING; None at the end, or where it would not end in time."""
        if not self._left or self._too_late(self._left[0][0]):
            return None
        network, seed = self._left.pop(0)
        setup = self._trainings.setup
        number = self._trainings.launch(network, seed, setup.cost(network))
        job = self._running[str(number)] = Training(number, network, seed, self._names.get(network, network))
        self._notify(Event("launched", job))
        return str(number), Job(
            network, setup.fidelity, setup.recipe, seed, setup.test, setup.metric, setup.folds
        )

    def progressed(self, key: str, progress: Progress) -> None:
        """Passed on to the display."""
        self._notify(Event("progressed", self._running[key], progress=progress))

    def finished(self, key: str, result: Result | None) -> None:
        """Write the result; a training that was cut off will be run again by a resumed comparison."""
        job = self._running.pop(key)
        if isinstance(result, Outcome):
            self._trainings.complete(job.number, result)
            self._seconds[job.network].append(result.seconds)
        else:
            self._trainings.fail(job.number, result if isinstance(result, str) else INTERRUPTED)
        self._notify(Event("cut" if result is None else "finished", job, result=result))

    def _too_late(self, network: str) -> bool:
        known = self._seconds.get(network) or [s for each in self._seconds.values() for s in each]
        return too_late(self._deadline, known)


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
        cost(network, *setup.costed)
        cost(network, setup.fidelity.resolution, len(data.classes), data.channels)
    return settled(setup, terms, data)[0], data


def predicted(table: "Table | None", networks: Iterable[Model]) -> dict[str, Any]:
    """Notes: milliseconds by text, and on what. A library's classifier has none."""
    if table is None:
        return {}
    told = {str(network): table.predict(network).ms for network in networks if isinstance(network, Arch)}
    return {"latency_ms": told, "latency_of": str(table.fingerprint)}


def begin(
    folder: Path, execution: Execution, setup: Setup, seeds: int | None, notes: Mapping[str, Any], kind: Kind
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
    *,
    whole: bool = False,
) -> Ending:
    """Say what is ahead and train what is missing, until it is done, the minutes since `began` are over, or Ctrl-C.

    whole: where the minutes are too few for two seeds of each network, the first ones get all theirs.
    """
    with trainings.driven() as driver:
        trainings.interrupt_running()
        return _carry_on(trainings, data, names, execution, began, console, driver, whole=whole)


def _carry_on(
    trainings: Trainings,
    data: Dataset,
    names: Mapping[str, str],
    execution: Execution,
    began: float,
    console: Console,
    driver: Driver,
    *,
    whole: bool,
) -> Ending:
    until = deadline(execution.minutes, began)
    ahead = foresee(trainings, data, execution)
    for line in ahead.told(execution.minutes, whole=whole) if ahead else ():
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    wanted = {(network, seed) for network in trainings.setup.networks for seed in trainings.seeds}
    over = len(wanted & trainings.over())
    live: Live[Training] = Live(console, over=over, total=len(wanted), deadline=until)
    with live:
        first = ahead.whole(execution.minutes) if ahead and whole else 0
        rounds = Rounds(trainings, names=names, deadline=until, whole=first, notify=live.on)
        if not rounds.left:
            return "done"
        concurrency = execution.concurrency or cores()
        ending = run_jobs(
            rounds,
            data,
            concurrency=concurrency,
            deadline=until,
            allowed=driver.check,
            device=execution.device,
        )
    return "late" if ending == "done" and rounds.left else ending
