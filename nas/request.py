"""From what a user asks for to the settings and the data of a run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from nas.budget import parse_budgets
from nas.data import Dataset, load
from nas.errors import UserError
from nas.fidelity import epochs_of
from nas.proposing import check_satisfiable
from nas.settings import ALL_BASELINES, SAMPLERS, SMALL_BASELINES, Settings
from nas.training import Fidelity, Recipe
from search_spaces import Arch, Space, spaces, zoo

T = TypeVar("T")


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

    def given(self) -> list[str]:
        """The options that were given, as they are written on the command line."""
        return [f"--{f.name.replace('_', '-')}" for f in fields(self) if getattr(self, f.name) is not None]


def new_run(
    request: Request, data_root: Path | None, notify: Callable[[str], None]
) -> tuple[Settings, Dataset]:
    """Settings and data of a new run. Raises UserError for what cannot be used, before anything is made."""
    parse_budgets(request.budget or ())  # before the data, which may take a while
    if request.fidelity is not None:
        if request.epochs is not None:
            raise UserError(
                "--fidelity and --epochs both say how long a trial is trained; give one of the two"
            )
        epochs_of(request.fidelity, 1)  # refuses what is none
    resolution = _or(request.train_resolution, 32)
    if not 8 <= resolution <= 1024:
        raise UserError(f"--train-resolution {resolution}: expected 8 to 1024 pixels")
    recipe = Recipe().changed(request.recipe) if request.recipe else Recipe()
    space_text = _space_text(_or(request.space, "mobile"))
    settings = Settings(
        budgets=tuple(request.budget or ()),
        space=space_text,
        fidelity=Fidelity(_or(request.epochs, 1.0), _or(request.subset, 1.0), resolution),
        recipe=recipe,
        data=_absolute(_or(request.data, "auto")),
        skip_corrupt=bool(request.skip_corrupt),
        granularity=_or(request.granularity, "stage"),
        objectives=tuple(part.strip() for part in _or(request.objectives, "accuracy,macs").split(",")),
        sampler=_or(request.sampler, SAMPLERS[0]),
        scheduler=_or(request.scheduler, "none"),
        control=_or(request.control, "none"),
        seed=_or(request.seed, 0),
        baselines=_baselines(_or(request.baselines, "small")),
        seed_baselines=bool(request.seed_baselines),
        target_resolution=_or(request.target_resolution, 224),
        target_classes=_or(request.target_classes, 1000),
    )
    check_satisfiable(space_of(settings), settings)
    data = _load(settings, data_root, notify)
    images = round(len(data.train()) * settings.fidelity.subset)
    if request.fidelity is not None:
        epochs, rungs = epochs_of(request.fidelity, images)
        settings = replace(settings.with_epochs(epochs), rungs=rungs)
    elif request.epochs is None:
        settings = settings.with_epochs(min(10.0, max(1.2, epochs_of("standard", images)[0])))
    if data.name == "digits" and "mirror" not in (request.recipe or ""):  # a mirrored 2 is no 2
        settings = replace(settings, recipe=replace(settings.recipe, mirror=False))
    return settings.with_data(data.name, data.fingerprint), data


def same_data(settings: Settings, data_root: Path | None, notify: Callable[[str], None]) -> Dataset:
    """The data of an existing run. Raises UserError where they are not what they were."""
    data = _load(settings, data_root, notify)
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
    from nas.runs import open_run

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


def _load(settings: Settings, root: Path | None, notify: Callable[[str], None]) -> Dataset:
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


def _absolute(spec: str) -> str:
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


def _or(value: T | None, default: T) -> T:
    return default if value is None else value
