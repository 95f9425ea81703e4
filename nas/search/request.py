"""From what a user asks for to the settings and the data of a run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from nas.common.errors import UserError
from nas.data.dataset import Dataset, load
from nas.latency.table.identity import TableId
from nas.search.budget import parse_budgets
from nas.search.finalists import identified, with_table
from nas.search.proposer import check_satisfiable
from nas.search.settings import ALL_BASELINES, SAMPLERS, SMALL_BASELINES, Settings
from nas.train.fidelity import epochs_of
from nas.train.trainer import Fidelity, Recipe, find_device
from search_spaces import Arch, Space, spaces, zoo

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from nas.latency.table.table import Table

T = TypeVar("T")


class _Trained(Protocol):
    """Of any run's settings: which images its networks are trained on."""

    @property
    def data(self) -> str: ...
    @property
    def data_name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def skip_corrupt(self) -> bool: ...
    @property
    def fidelity(self) -> Fidelity: ...


@dataclass(frozen=True)
class Request:
    """What defines a run, as asked for; None is the default."""

    budget: tuple[str, ...] | None = None
    data: str | None = None
    skip_corrupt: bool | None = None
    fidelity: str | None = None
    epochs: float | None = None
    subset: float | None = None
    train_resolution: int | None = None
    recipe: str | None = None
    space: str | None = None
    granularity: str | None = None
    objectives: str | None = None
    sampler: str | None = None
    scheduler: str | None = None
    control: str | None = None
    warm_start: tuple[str, ...] | None = None
    seed: int | None = None
    baselines: str | None = None
    seed_baselines: bool | None = None
    target_resolution: int | None = None
    target_classes: int | None = None
    latency_table: str | None = None

    def given(self) -> list[str]:
        """The options that were given, as they are written on the command line."""
        return given_options(self)


def given_options(asked: "DataclassInstance") -> list[str]:
    """The options that were given, as they are written on the command line: the fields that are not None."""
    return [f"--{f.name.replace('_', '-')}" for f in fields(asked) if getattr(asked, f.name) is not None]


def new_run(
    request: Request, data_root: Path | None, notify: Callable[[str], None]
) -> tuple[Settings, Dataset, "Table | None"]:
    """Settings, data and, where it has latencies, the table of a new run.

    Raises UserError for what cannot be used, before anything is made.
    """
    budgets = parse_budgets(request.budget or ())  # before the data, which may take a while
    timed = request.latency_table is not None or any(b.quantity == "latency_ms" for b in budgets)
    objectives = default_to(request.objectives, "accuracy,latency" if timed else "accuracy,macs")
    timed = timed or "latency" in objectives
    resolution = default_to(request.train_resolution, 32)
    check_training(request.fidelity, request.epochs, resolution)
    if request.recipe:
        Recipe().changed(request.recipe)  # refuses what is none, before the data
    space_text = _space_text(default_to(request.space, "mobile"))
    settings = Settings(
        budgets=tuple(request.budget or ()),
        space=space_text,
        fidelity=Fidelity(default_to(request.epochs, 1.0), default_to(request.subset, 1.0), resolution),
        data=absolute(default_to(request.data, "auto")),
        skip_corrupt=bool(request.skip_corrupt),
        granularity=default_to(request.granularity, "stage"),
        objectives=tuple(part.strip() for part in objectives.split(",")),
        sampler=default_to(request.sampler, SAMPLERS[0]),
        scheduler=default_to(request.scheduler, "none"),
        control=default_to(request.control, "none"),
        seed=default_to(request.seed, 0),
        baselines=_baselines(default_to(request.baselines, "small")),
        seed_baselines=bool(request.seed_baselines),
        target_resolution=default_to(request.target_resolution, 224),
        target_classes=default_to(request.target_classes, 1000),
        latency=TableId("", "", "", here=False) if timed else None,  # until it is found
    )
    table = None
    if timed:
        table = with_table(settings, request.latency_table, notify)
        settings = identified(settings, table)
    check_satisfiable(space_of(settings), settings, table)
    data = load_data(settings, data_root, notify)
    epochs, rungs = length(request.fidelity, request.epochs, data, settings.fidelity.subset)
    settings = replace(settings.with_epochs(epochs), rungs=rungs, recipe=recipe_for(data, request.recipe))
    return settings.with_data(data.name, data.fingerprint), data, table


def check_training(fidelity: str | None, epochs: float | None, resolution: int) -> None:
    """Raises UserError for a length or size of training that is none, before the data are loaded."""
    if fidelity is not None:
        if epochs is not None:
            raise UserError(
                "--fidelity and --epochs both say how long a trial is trained; give one of the two"
            )
        epochs_of(fidelity, 1)  # refuses what is none
    if not 8 <= resolution <= 1024:
        raise UserError(f"--train-resolution {resolution}: expected 8 to 1024 pixels")


def length(
    fidelity: str | None, epochs: float | None, data: Dataset, subset: float
) -> tuple[float, tuple[float, ...]]:
    """Epochs of a training, and those of the rungs below; without either: as standard, 1.2 to 10 epochs."""
    images = round(len(data.train()) * subset)
    if fidelity is not None:
        return epochs_of(fidelity, images)
    if epochs is not None:
        return epochs, ()
    return min(10.0, max(1.2, epochs_of("standard", images)[0])), ()


def recipe_for(data: Dataset, changes: str | None = None) -> Recipe:
    """The recipe that networks are trained by on these data, changed by a text as `Recipe.changed` takes it."""
    recipe = Recipe(mirror=data.name != "digits")  # a mirrored 2 is no 2
    return recipe.changed(changes) if changes else recipe


def check_bounds(minutes: float | None, concurrency: int | None, device: str) -> None:
    """Raises UserError for bounds of an execution that are none, and for a device that is not there."""
    if minutes is not None and not 0 < minutes < 1e6:
        raise UserError(f"--minutes {minutes:g}: expected a time above 0")
    if concurrency is not None and not 1 <= concurrency <= 1024:
        raise UserError(f"--concurrency {concurrency}: expected from 1 to 1024 trainings at a time")
    if device not in ("auto", "cpu", "cuda"):
        raise UserError(f"--device {device}: expected auto, cpu or cuda")
    if device == "cuda":
        find_device(device)  # refuses it where there is none, before every trial does


def same_data(settings: _Trained, data_root: Path | None, notify: Callable[[str], None]) -> Dataset:
    """The data of an existing run. Raises UserError where they are not what they were."""
    data = load_data(settings, data_root, notify)
    if data.fingerprint != settings.fingerprint:
        raise UserError(
            f"the data at {settings.data!r} ({data.name}, fingerprint {data.fingerprint}) are not those of "
            f"the run ({settings.data_name}, {settings.fingerprint}); restore them, or start a new run"
        )
    return data


def earlier_results(folders: Sequence[str], space: Space) -> list[dict[str, Any]]:
    """What earlier runs know of archs of this space: params, accuracy, share of its run's training, run.

    As JSON takes it, to be stored in the study. Raises UserError for a folder that is no run.
    """
    from nas.runs.folders import open_run

    known = []
    for folder in folders:
        record = open_run(Path(folder))
        for trial in record.trials():
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
    return known


def space_of(settings: Settings) -> Space:
    """The space of a run."""
    return spaces.parse(settings.space, settings.granularity)


def load_data(settings: _Trained, root: Path | None, notify: Callable[[str], None]) -> Dataset:
    """The data that settings name, at the resolution of their fidelity."""
    return load(
        settings.data,
        root=root,
        resolution=settings.fidelity.resolution,
        skip_corrupt=settings.skip_corrupt,
        notify=notify,
    )


def _space_text(name: str) -> str:
    """The YAML of a space; read once, so that a run does not change with the file."""
    spaces.get(name)  # refuses, with the reason, what is none
    return spaces.MOBILE if name == "mobile" else Path(name).read_text(encoding="utf-8")


def absolute(spec: str) -> str:
    """A folder's path made absolute: a run may be resumed from elsewhere."""
    kind, _, path = spec.partition(":")
    return f"folder:{Path(path).expanduser().resolve()}" if kind == "folder" and path else spec


def _baselines(text: str) -> tuple[str, ...]:
    if text in ("small", "all", "none"):
        return {"small": SMALL_BASELINES, "all": ALL_BASELINES, "none": ()}[text]
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        zoo.get(name)  # refuses, with the nearest names, what is none
    return names


def default_to(value: T | None, default: T) -> T:
    """The value, or the default where none is given."""
    return default if value is None else value
