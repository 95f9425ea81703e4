"""How the networks of a run are trained, settled: stored in the run's study, and found again when it is resumed."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from nas.common.decode import decoded, parsed
from nas.common.errors import UserError
from nas.common.sizes import CROP, GivenSize, Size, check_fit, read_size, sized, told
from nas.console.options import AnyPath
from nas.data.bands import MOST
from nas.data.dataset import BOUNDS, Dataset, Notify, absolute, channels_of, load
from nas.data.reading import check_channels
from nas.data.splitting import SHARE, check_folds
from nas.engine.terms import Terms
from nas.networks.cost import TARGET_CLASSES, TARGET_RESOLUTION
from nas.train.fidelity import epochs_of
from nas.train.metrics import ACCURACY, METRICS, check_metric
from nas.train.settings import brought_by
from nas.train.trainer import Fidelity, Recipe

T = TypeVar("T")
S = TypeVar("S", bound="Regime")
Asked = TypeVar("Asked", bound=Terms)

RESOLUTION = 32
"""Pixels that networks are trained at where nothing else is said."""


@dataclass(frozen=True, kw_only=True)
class Regime:
    """The terms as settled: all that a training's result depends on but its network.

    `data` is as given, `data_name` and `fingerprint` are of what was found there. Costs are those at
    `target_resolution`, `target_classes` and `target_channels`, the channels of the data, which `channels` are as
    given; `classes` are the data's, 0 before they are loaded and in runs of
    versions that did not store them. Stored in the study itself, so that a run can be resumed from its
    storage alone. `validation` is the share of the training images that is validated on, None before it is settled;
    where there are `folds`, each network is trained once for each of them instead, divided by its seed.
    """

    STORED: ClassVar[tuple[str, ...]] = ("recipe",)
    """Entries that every stored one has, whichever version stored it."""
    fidelity: Fidelity
    data: str = "auto"
    data_name: str = ""
    fingerprint: str = ""
    skip_corrupt: bool = False
    drop_duplicates: bool = False
    split: str | None = None
    validation: float | None = SHARE  # of runs of versions that did not store it
    folds: int = 0
    recipe: Recipe = field(default_factory=Recipe)
    seed: int = 0
    metric: str = ACCURACY
    target_resolution: Size = TARGET_RESOLUTION
    target_classes: int = TARGET_CLASSES
    classes: int = 0
    fit: str = CROP
    channels: int | None = None
    target_channels: int = 3

    def __post_init__(self) -> None:
        check_metric(self.metric)
        check_channels(self.channels)
        if not 1 <= self.target_channels <= MOST:
            raise UserError(f"target_channels {self.target_channels}: expected from 1 to {MOST}")
        check_folds(self.folds)
        if not 0 <= self.seed < 2**32:
            raise UserError(f"seed {self.seed}: expected a whole number from 0 to 4294967295")
        read_size(self.target_resolution, "--target-resolution", 8)
        check_fit(self.fit)
        if not 1 <= self.target_classes <= 10**6:
            raise UserError(f"target {self.target_classes} classes: expected 1 to 1000000")

    @property
    def judged_by(self) -> str:
        """What stands in the place of accuracy, as it is called in tables."""
        return METRICS[self.metric]

    @property
    def costed(self) -> tuple[Size, int, int]:
        """Resolution, classes and channels that costs are counted for."""
        return self.target_resolution, self.target_classes, self.target_channels

    @property
    def target(self) -> str:
        """What costs are counted for, in words."""
        return f"{in_words(*self.costed)}, batch 1"

    @property
    def other_targets(self) -> dict[str, tuple[Size, int, int]]:
        """What costs are counted for in papers and as trained, by these words, where it is not the target's."""
        every: dict[str, tuple[Size, int, int]] = {"as in the papers": (TARGET_RESOLUTION, TARGET_CLASSES, 3)}
        if self.classes:
            every["as trained and shipped"] = (self.fidelity.resolution, self.classes, self.target_channels)
        return {words: other for words, other in every.items() if other != self.costed}

    @property
    def trained(self) -> str:
        """How long a network is trained, in words."""
        fidelity = self.fidelity
        subset = "" if fidelity.subset == 1 else f" of {fidelity.subset:.0%} of the images"
        folds = f", the mean of {self.folds} folds" if self.folds else ""
        return (
            f"{fidelity.epochs:g} epochs{subset} at {sized(fidelity.resolution, self.fit, self.data)}{folds}"
        )

    def to_json(self) -> str:
        """As stored in the study."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`. Raises UserError for what another version wrote and this cannot read."""
        with suppress(ValueError, TypeError, AttributeError, KeyError):
            content = parsed(text)
            content["recipe"].setdefault("statistics_until", 0)  # runs made before go on as they began
            text = json.dumps(content)
        return decoded(text, cls, "the run's settings cannot be read by this version", cls.STORED)

    def load(self, root: AnyPath | None, notify: Notify) -> Dataset:
        """The data that it names, at the resolution of its fidelity."""
        return load(
            self.data,
            root=Path(root) if root else None,
            resolution=self.fidelity.resolution,
            fit=self.fit,
            split=self.split,
            validation=self.validation,
            skip_corrupt=self.skip_corrupt,
            channels=self.channels,
            drop_duplicates=self.drop_duplicates,
            folds=self.folds,
            notify=notify,
        )

    def reload(self, root: AnyPath | None, notify: Notify) -> Dataset:
        """The data of an existing run. Raises UserError where they are not what they were."""
        data = self.load(root, notify)
        if data.fingerprint != self.fingerprint:
            raise UserError(
                f"the data at {self.data!r} ({data.name}, fingerprint {data.fingerprint}) are not those of "
                f"the run ({self.data_name}, {self.fingerprint}); restore them, or start a new run"
            )
        return data


def in_words(resolution: Size, classes: int, channels: int) -> str:
    """What costs are counted for; of channels nothing where there are three."""
    others = f", {channels} channel{'s' * (channels > 1)}" if channels != 3 else ""
    return f"{told(resolution)}, {classes} classes{others}"


def target(terms: Terms) -> tuple[Size, int, int]:
    """Resolution, classes and channels that costs are counted for; the channels are those of the data.

    Raises UserError for what is no resolution, and for data that cannot be used.
    """
    return (
        _size(terms.target_resolution, TARGET_RESOLUTION, "--target-resolution", 8, 4096),
        default_to(terms.target_classes, TARGET_CLASSES),
        channels_of(default_to(terms.data, "auto"), terms.channels, split=terms.split),
    )


def aimed(terms: Asked, root: AnyPath | None) -> Asked:
    """The terms with their target in numbers: of the data, where `--target data` asks for those.

    What is given as a number stays. Raises UserError for another target, and for data that cannot be used.
    """
    if terms.target not in (None, "papers", "data"):
        raise UserError(f"--target {terms.target}: expected papers or data")
    if terms.target != "data":
        return terms
    regime = Regime(**opening(terms))
    classes = terms.target_classes
    if classes is None:
        classes = len(
            regime.load(root, lambda said: None).classes
        )  # what is to be said is said at the next loading
    resolution = default_to(terms.target_resolution, regime.fidelity.resolution)
    return replace(terms, target_resolution=resolution, target_classes=classes)


def bringing(terms: Asked, networks: Sequence[str]) -> Asked:
    """The terms with what the runs of RUN@TRIAL bring with their points: data, split, pixels and recipe, if not given.

    Raises UserError where points of different runs bring different data.
    """
    if terms.data is not None:
        return terms
    runs = {text: run for text in networks if (run := brought_by(text)).fingerprint}
    if not runs:
        return terms
    (first, run), *others = runs.items()
    for text, other in others:
        if (other.fingerprint, other.split) != (run.fingerprint, run.split):
            raise UserError(f"{first} and {text} are of runs on different data; say which with --data")
    recipe = run.recipe.wanted(terms.recipe, terms.class_weights) if run.recipe else None
    return replace(
        terms,
        metric=default_to(terms.metric, run.metric),
        data=run.data,
        split=default_to(terms.split, run.split),
        channels=default_to(terms.channels, run.channels),
        skip_corrupt=terms.skip_corrupt or run.skip_corrupt,
        drop_duplicates=terms.drop_duplicates or run.drop_duplicates,
        folds=default_to(terms.folds, run.folds or None),
        subset=default_to(terms.subset, run.subset if run.subset < 1 else None),
        train_resolution=default_to(terms.train_resolution, run.resolution),
        fit=default_to(terms.fit, run.fit),
        recipe=recipe.told("mirror", "class_weights") if recipe else terms.recipe,
    )


def opening(terms: Terms) -> dict[str, Any]:
    """The fields of a `Regime` as far as they are known before the data are loaded, which may take a while.

    Raises UserError for what is no training.
    """
    resolution = _size(terms.train_resolution, RESOLUTION, "--train-resolution", *BOUNDS)
    if terms.fidelity is not None:
        if terms.epochs is not None:
            raise UserError(
                "--fidelity and --epochs both say how long a trial is trained; give one of the two"
            )
        epochs_of(terms.fidelity, 1)  # refuses what is none
    target_resolution, target_classes, target_channels = target(terms)
    return {
        "fidelity": Fidelity(default_to(terms.epochs, 1.0), default_to(terms.subset, 1.0), resolution),
        "data": absolute(default_to(terms.data, "auto")),
        "split": terms.split,
        "skip_corrupt": terms.skip_corrupt,
        "drop_duplicates": terms.drop_duplicates,
        "folds": default_to(terms.folds, 0),
        "validation": None,
        "fit": check_fit(default_to(terms.fit, CROP)),
        "recipe": Recipe().wanted(terms.recipe, terms.class_weights),
        "metric": default_to(terms.metric, ACCURACY),
        "seed": default_to(terms.seed, 0),
        "target_resolution": target_resolution,
        "target_classes": target_classes,
        "channels": terms.channels,
        "target_channels": target_channels,
    }


def settled(regime: S, terms: Terms, data: Dataset) -> tuple[S, tuple[float, ...]]:
    """The regime on the data that were found, and the epochs of the rungs below its fidelity.

    Where nothing is said it is as standard, but from 1.2 to 10 epochs.
    """
    fidelity = regime.fidelity
    images = round(trained_on(data, regime.folds) * fidelity.subset)
    if terms.fidelity is not None:
        epochs, rungs = epochs_of(terms.fidelity, images)
    else:
        epochs, rungs = terms.epochs or min(10.0, max(1.2, epochs_of("standard", images)[0])), ()
    recipe = Recipe(mirror=data.name != "digits")  # a mirrored 2 is no 2
    regime = replace(
        regime,
        fidelity=replace(fidelity, epochs=epochs),
        recipe=recipe.wanted(terms.recipe, terms.class_weights),
        data_name=data.name,
        fingerprint=data.fingerprint,
        classes=len(data.classes),
        target_channels=data.channels,
        validation=data.share,
    )
    return regime, rungs


def trained_on(data: Dataset, folds: int) -> int:
    """How many images one training sees an epoch."""
    training = len(data.train())
    return training if not folds else (training + len(data.validation())) * (folds - 1) // folds


def validated_on(data: Dataset, folds: int) -> int:
    """How many images an accuracy is of: with folds, all that are trained on."""
    return len(data.validation()) + (len(data.train()) if folds else 0)


def _size(given: GivenSize | None, default: Size, what: str, least: int, most: int) -> Size:
    return default if given is None else read_size(given, what, least, most)


def default_to(value: T | None, default: T) -> T:
    """The value, or the default where none is given."""
    return default if value is None else value
