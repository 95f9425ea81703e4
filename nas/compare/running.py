"""Start a comparison, find it again with more seeds, and train what is missing of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from nas.common.errors import UserError
from nas.common.machine import cores
from nas.compare.display import Display
from nas.compare.rounds import Rounds
from nas.compare.setup import Setup
from nas.compare.trainings import Kind, Trainings
from nas.data.dataset import Dataset
from nas.engine.tune import Ending, run_jobs
from nas.networks.cost import TARGET_CLASSES, TARGET_RESOLUTION, cost
from nas.networks.references import Model
from nas.runs.folders import create, find
from nas.search.request import (
    absolute,
    check_training,
    default_to,
    given_options,
    length,
    load_data,
    recipe_for,
    same_data,
)
from nas.train.trainer import Fidelity

DEFAULT_SEEDS = 3
Notify = Callable[[str], None]


@dataclass(frozen=True)
class Terms:
    """How networks are to be trained, as asked for; None is the default."""

    data: str | None = None
    skip_corrupt: bool | None = None
    fidelity: str | None = None
    epochs: float | None = None
    subset: float | None = None
    train_resolution: int | None = None
    seed: int | None = None
    target_resolution: int | None = None
    target_classes: int | None = None

    def given(self) -> list[str]:
        """The options that were given, as they are written on the command line."""
        return given_options(self)

    @property
    def target(self) -> tuple[int, int]:
        """Resolution and classes that costs are counted for."""
        return (
            default_to(self.target_resolution, TARGET_RESOLUTION),
            default_to(self.target_classes, TARGET_CLASSES),
        )


def check_terms(terms: Terms, seeds: int | None) -> None:
    """Raises UserError for what is no training, before the data are loaded."""
    check_seeds(seeds)
    if terms.fidelity == "ladder":
        raise UserError("--fidelity ladder: every network is trained equally long; take quick or standard")
    check_training(terms.fidelity, terms.epochs, default_to(terms.train_resolution, 32))
    Fidelity(default_to(terms.epochs, 1.0), default_to(terms.subset, 1.0))  # refuses what is none
    resolution, classes = terms.target
    if not 8 <= resolution <= 4096 or not 1 <= classes <= 10**6:
        raise UserError(
            f"target {resolution} px, {classes} classes: expected 8 to 4096 px and at least one class"
        )


def check_seeds(seeds: int | None) -> None:
    """Raises UserError for a number of seeds that is none."""
    if seeds is not None and not 1 <= seeds <= 1000:
        raise UserError(f"--seeds {seeds}: expected from 1 to 1000")


def check_resumption(given: Sequence[str]) -> None:
    """Raises UserError where something is given that a run is defined by."""
    if given:
        raise UserError(
            f"{', '.join(given)} cannot be changed by --resume; it takes --seeds, --minutes, --concurrency, "
            "--device, --data-root and --storage"
        )


def prepare(
    networks: Sequence[Model], terms: Terms, *, test: bool, data_root: Path | None, notify: Notify
) -> tuple[Setup, Dataset]:
    """The setup and the data of a new comparison; a network given twice is in it once.

    Raises UserError for data that cannot be used and networks that cannot be trained on them.
    """
    resolution = default_to(terms.train_resolution, 32)
    setup = Setup(
        networks=tuple(dict.fromkeys(map(str, networks))),
        fidelity=Fidelity(default_to(terms.epochs, 1.0), default_to(terms.subset, 1.0), resolution),
        data=absolute(default_to(terms.data, "auto")),
        skip_corrupt=bool(terms.skip_corrupt),
        seed=default_to(terms.seed, 0),
        test=test,
        target_resolution=terms.target[0],
        target_classes=terms.target[1],
    )
    data = load_data(setup, data_root, notify)
    epochs, _ = length(terms.fidelity, terms.epochs, data, setup.fidelity.subset)
    for network in networks:
        _check_network(network, setup, len(data.classes))
    settled = {
        **{f.name: getattr(setup, f.name) for f in fields(setup)},
        "fidelity": Fidelity(epochs, setup.fidelity.subset, resolution),
        "recipe": recipe_for(data),
        "data_name": data.name,
        "fingerprint": data.fingerprint,
    }
    return Setup(**settled), data


def begin(
    folder: Path, storage: str | None, setup: Setup, seeds: int, notes: Mapping[str, Any], kind: Kind
) -> Trainings:
    """Make the folder and the study of a new comparison."""
    return create(folder, storage, setup, {**notes, "seeds": seeds}, partial(Trainings.create, kind=kind))


def resume(
    folder: Path,
    storage: str | None,
    kind: Kind,
    seeds: int | None,
    data_root: Path | None,
    notify: Notify,
) -> tuple[Trainings, Dataset]:
    """An existing comparison and its data; `seeds` raises how many each network is to have."""
    trainings = find(folder, storage, partial(Trainings.open, kind=kind))
    asked = len(trainings.seeds)
    if seeds is not None and seeds < asked:
        raise UserError(f"--seeds {seeds}: the run has {asked} already; ask for as many or more")
    data = same_data(trainings.setup, data_root, notify)
    if seeds is not None and seeds > asked:
        trainings.note("seeds", seeds)
    return trainings, data


def carry_on(
    trainings: Trainings,
    data: Dataset,
    names: Mapping[str, str],
    *,
    deadline: float | None,
    concurrency: int | None,
    device: str,
    console: Console,
) -> Ending:
    """Train what is missing, until it is done, the deadline has come, or Ctrl-C."""
    trainings.interrupt_running()
    with Display(console, trainings, names, deadline) as display:
        rounds = Rounds(trainings, deadline=deadline, notify=display.on)
        if not rounds.left:
            return "done"
        ending = run_jobs(rounds, data, concurrency=concurrency or cores(), deadline=deadline, device=device)
    return "late" if ending == "done" and rounds.left else ending


def _check_network(network: Model, setup: Setup, classes: int) -> None:
    """Raises UserError for a network that cannot be priced at the target or trained on the images."""
    cost(network, setup.target_resolution, setup.target_classes)
    cost(network, setup.fidelity.resolution, classes)
