"""What defines a training at length: settled once, stored in its folder, and found again when it goes on."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from nas.common.decode import decoded, parsed
from nas.common.errors import UserError, require
from nas.common.files import write_text
from nas.common.sizes import CROP, Size, check_fit, read_size
from nas.console.options import AnyPath
from nas.data.dataset import BOUNDS, Dataset, absolute, load
from nas.data.splitting import SHARE
from nas.networks.pretrained import NORMALISATIONS, Pretrained, Triple
from nas.networks.references import parse
from nas.runs.manifest import environment
from nas.runs.naming import resolve, settings_of
from nas.train.metrics import ACCURACY, check_metric
from nas.train.recipe import Fidelity, Recipe
from nas.train.request import TrainRequest

MANIFEST = "manifest.json"
SMALL = 10_000
"""Training images below which the best weights by validation are kept where nothing is said."""
RESOLUTION = 32


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """All that a training's result depends on. `data` is as given; name and fingerprint are of what was found there.

    network: the text that says it by itself. reports: how often it is judged. best: whether it ends with the best
    weights by validation. init: where its first weights are from, as `nas.networks.pretrained.fetch` takes it. freeze:
    what is left as it is (`nas.train.freezing`). patience: it ends after so many reports in a row that are no better
    than the best; 0: at its end. normalisation: mean and deviation instead of the data's own.
    """

    network: str
    fidelity: Fidelity
    data: str
    data_name: str
    fingerprint: str
    split: str | None = None
    skip_corrupt: bool = False
    fit: str = CROP
    drop_duplicates: bool = False
    validation: float = SHARE  # the share of the training images, of trainings that did not store it
    recipe: Recipe = field(default_factory=Recipe)
    seed: int = 0
    metric: str = ACCURACY
    reports: int = 1
    best: bool = False
    init: str | None = None
    freeze: str | None = None
    patience: int = 0
    normalisation: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    channels: int | None = None

    def __post_init__(self) -> None:
        check_metric(self.metric)
        require(self.reports >= 1, "reports", self.reports, "1 or more")
        require(self.patience >= 0, "--patience", self.patience, "a number of reports, 1 or more")

    def to_json(self) -> str:
        """As stored; of channels nothing where they are not given, as before, so that what had begun can go on."""
        told = asdict(self)
        if self.channels is None:
            del told["channels"]
        return json.dumps(told, sort_keys=True)


@dataclass(frozen=True, kw_only=True)
class Brought:
    """What a run brings with a network of it."""

    data: str = "auto"
    fingerprint: str = ""
    split: str | None = None
    skip_corrupt: bool = False
    fit: str = CROP
    channels: int | None = None
    drop_duplicates: bool = False
    validation: float | None = SHARE
    folds: int = 0
    resolution: Size = RESOLUTION
    subset: float = 1.0
    recipe: Recipe | None = None
    metric: str = ACCURACY


def brought_by(network: str) -> Brought:
    """What the run of RUN@TRIAL brings; the defaults for every other network. Raises UserError as `resolve` does."""
    found = settings_of(network)
    if not found:
        return Brought()
    try:
        known = {name: found[name] for name in ("data", "fingerprint", "split", "skip_corrupt", "recipe")}
        also = {
            name: found[name]
            for name in ("metric", "fit", "drop_duplicates", "validation", "folds", "channels")
            if name in found
        }
        lengths = {name: found["fidelity"][name] for name in ("resolution", "subset")}
        content = json.dumps(known | also | lengths)
    except (KeyError, TypeError) as error:
        raise UserError(f"the settings of the run of {network} cannot be read: no {error}") from None
    return decoded(content, Brought, f"the settings of the run of {network} cannot be read by this version")


def settle(request: TrainRequest, given: Pretrained | None) -> tuple[TrainSettings, Dataset]:
    """What a request comes to, and its data; `given` are the weights of --init. Raises UserError for no training."""
    assert request.network is not None
    network = resolve(request.network)
    Recipe().wanted(request.recipe, request.class_weights)  # refuses what is none before the data are loaded
    run = brought_by(request.network)
    asked = run.resolution if request.train_resolution is None else request.train_resolution
    resolution = read_size(asked, "--train-resolution", *BOUNDS)
    fidelity = Fidelity(request.epochs, request.subset, resolution)
    spec = absolute(request.data or run.data)
    same = spec == run.data
    split = request.split or (run.split if same else None)
    fit = check_fit(request.fit or run.fit)
    channels = request.channels or (run.channels if same else None)
    drop = request.drop_duplicates or (same and run.drop_duplicates)
    skip = request.skip_corrupt or (same and run.skip_corrupt)
    validation = run.validation if same and run.fingerprint else None
    data = _load(spec, request.data_root, resolution, fit, split, validation, skip, drop, channels)
    mine = split, resolution, fit, drop, channels
    theirs = run.split, run.resolution, run.fit, run.drop_duplicates, run.channels
    if same and run.fingerprint and mine == theirs:
        _check_same(data, spec, run.fingerprint, "run")
    recipe = run.recipe or Recipe(mirror=data.name != "digits")  # a mirrored 2 is no 2
    settings = TrainSettings(
        network=str(network),
        fidelity=fidelity,
        data=spec,
        data_name=data.name,
        fingerprint=data.fingerprint,
        split=split,
        skip_corrupt=skip,
        fit=fit,
        channels=channels,
        drop_duplicates=drop,
        validation=data.share,
        recipe=recipe.wanted(request.recipe, request.class_weights),
        seed=request.seed,
        metric=request.metric or run.metric,
        reports=max(1, round(request.epochs)) * (1 if request.minutes is None else 4),
        best=_keeps_best(request, len(data.train())),
        patience=request.patience or 0,
        init=given.source if given else None,
        freeze=request.freeze,
        normalisation=_normalisation(request.normalise, given, data.channels),
    )
    settings = _decoded(settings.to_json(), "the settings")  # as they will be read: 6 epochs are 6.0
    return settings, _normalised(data, settings)


def _keeps_best(request: TrainRequest, images: int) -> bool:
    """Of few images, and where a training may end before the rate has fallen, unless said otherwise."""
    if request.keep is None:
        return images < SMALL or request.patience is not None
    return request.keep == "best"


def _normalisation(
    asked: str | None, given: Pretrained | None, channels: int
) -> tuple[Triple, Triple] | None:
    """Mean and deviation that a request asks for, or that come with its weights; None for those of the data.

    Those of weights for images of other channels are of no use. Raises UserError where asked for such.
    """
    if asked is not None:
        found = NORMALISATIONS.get(asked)
        if found and len(found[0]) != channels:
            raise UserError(f"--normalise {asked} is of 3 channels, the data have {channels}; give data")
        return found
    return (given.mean, given.std) if given and len(given.mean) == channels else None


def _normalised(data: Dataset, settings: TrainSettings) -> Dataset:
    """The data with the settings' normalisation."""
    if settings.normalisation is None:
        return data
    mean, std = settings.normalisation
    return replace(data, mean=mean, std=std)


def _decoded(text: str, refusal: str) -> TrainSettings:
    return decoded(text, TrainSettings, f"{refusal} cannot be read by this version")


def _load(
    spec: str,
    root: AnyPath | None,
    resolution: Size,
    fit: str,
    split: str | None,
    validation: float | None,
    skip_corrupt: bool,
    drop_duplicates: bool,
    channels: int | None,
) -> Dataset:
    return load(
        spec,
        root=Path(root) if root else None,
        resolution=resolution,
        fit=fit,
        split=split,
        validation=validation,
        skip_corrupt=skip_corrupt,
        drop_duplicates=drop_duplicates,
        channels=channels,
    )


def _check_same(data: Dataset, spec: str, fingerprint: str, whose: str) -> None:
    if data.fingerprint != fingerprint:
        raise UserError(
            f"the data at {spec!r} ({data.name}, fingerprint {data.fingerprint}) are not those of the {whose} "
            f"({fingerprint}); {'restore them' if whose == 'training' else 'restore them, or name others with --data'}"
        )


def begin(folder: Path, settings: TrainSettings) -> None:
    """Write the manifest of a new training into its folder."""
    content = {**environment(), "kind": "train", "settings": json.loads(settings.to_json())}
    write_text(folder / MANIFEST, json.dumps(content, indent=2) + "\n")


def reopen(folder: Path, root: AnyPath | None) -> tuple[TrainSettings, Dataset]:
    """The settings and data of a training that has begun. Raises UserError where the folder holds none."""
    file = folder / MANIFEST
    try:
        content: Any = parsed(file.read_text(encoding="utf-8"))
        kind, stored = content.get("kind"), content["settings"]
    except (OSError, ValueError, KeyError, AttributeError):
        raise UserError(f"{folder} is no training: it holds no readable {MANIFEST}") from None
    if kind != "train":
        raise UserError(f"{folder} is no training but a run; go on with it by the command that began it")
    settings = _decoded(json.dumps(stored), str(file))
    fidelity = settings.fidelity
    data = _load(
        settings.data,
        root,
        fidelity.resolution,
        settings.fit,
        settings.split,
        settings.validation,
        settings.skip_corrupt,
        settings.drop_duplicates,
        settings.channels,
    )
    _check_same(data, settings.data, settings.fingerprint, "training")
    parse(settings.network)  # refuses what is no network any more
    return settings, _normalised(data, settings)
