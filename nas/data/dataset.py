"""Data sets: images decoded once into uint8 arrays on disk, split once, and mapped by every process.

    load("folder:~/flowers").train().images        # uint8 [N, 32, 32, 3]

`train/` is split into training and validation, stratified and fixed by the seed; `test/` is held out. What lies on
disk of a data set is described in `nas.data.entries`.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from nas.common.cache import cache_folder
from nas.common.errors import UserError, require
from nas.common.sizes import CROP, GivenSize, Size, check_fit, read_size
from nas.console.terminal import say
from nas.data import cifar
from nas.data.arrays import StoredEntry, find, publish, remove_oldest
from nas.data.checking import check_content, say_content
from nas.data.digits import read_digits
from nas.data.entries import Labels, moments, write_kept, write_pixels, write_split
from nas.data.folders import Content, Origin, Shares, list_file, list_folder
from nas.data.pictures import Pixels
from nas.data.reading import check_channels, find_channels, pages_told
from nas.data.splitting import check_folds, fold_indices, said_of, share_for

SPECS = "auto, cifar10, folder:PATH, list:FILE or digits"
_FORMAT = "1"  # to be raised whenever the same files would be decoded or split differently
_READER = "2"  # to be raised whenever the same files would be decoded otherwise, by a mended reader
_KEPT_SPLITS = 4
_PRINTED = ("cifar10", "digits")
_PIXELS, _KEPT = "pixels", "kept"  # entries of all images, and of those left where duplicates are dropped
BOUNDS = (8, 1024)
"""Pixels of a side of the images that networks are trained on, at the least and at the most."""
_TRAIN, _TEST = ("train", "train_labels"), ("test", "test_labels")

Notify = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Split:
    """Images uint8 [N, H, W, channels], RGB as a rule, and labels int64 [N], read-only memory maps, in random order.

    Training and validation are ordered such that the first n images hold each class in its share
    (to about one image), so that a subset is a slice. Open a split where it is used: pickling one
    copies its pixels, pickling the Dataset does not. Those of a fold are copies in memory.
    """

    images: Pixels
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class _Request:
    """What was asked for, made concrete: enough to build a missing or damaged cache again."""

    spec: str
    root: Path
    cache: Path
    resolution: Size
    seed: int
    validation: float | None
    skip_corrupt: bool
    shares: Shares | None = None
    fit: str = CROP
    drop_duplicates: bool = False
    channels: int | None = None

    @property
    def split(self) -> str:
        kept = "-kept" if self.drop_duplicates else ""
        return f"split-{self.seed}-{self.validation!r}{kept}"


@dataclass(frozen=True)
class Dataset:
    """A data set on disk: a small value, cheap to pickle, that holds paths and never pixels.

    `resolution` is the size of the stored images in pixels, to which pictures of other shapes come by `fit`; `mean`
    and `std` are those of the training
    part by channel, in [0, 1] units; `levels` are what became black and white of pixels of more than 8 bits, where
    there are any, of all bands or of each; `skipped` counts corrupt files left out, `dropped` duplicates. `fingerprint`
    is a hash over content, resolution, fit, validation share and seed: it does not depend on where the files lie.
    """

    name: str
    classes: tuple[str, ...]
    resolution: Size
    fingerprint: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    skipped: int
    levels: tuple[int, ...] | None
    _home: Path = field(repr=False)
    _training: int = field(repr=False)
    _request: _Request = field(repr=False)
    dropped: int = 0
    _pixels: str = field(default="pixels", repr=False)
    _fold: tuple[int, int, int] | None = field(default=None, repr=False)  # which, of how many, seed

    @property
    def share(self) -> float:
        """Of the training images, those that are validated on."""
        assert self._request.validation is not None  # settled when it was loaded
        return self._request.validation

    def fold(self, number: int, folds: int, seed: int) -> Self:
        """The same data with another split: `number` of so many folds, their assignment by this seed.

        The validation parts of all folds hold every image of training and validation part once, stratified. Images
        are never those of the test part. Raises UserError where a class has fewer images than there are folds.
        """
        images, labels = self._open(self._pixels, _TRAIN)
        check_folds(folds, self.classes, np.bincount(labels, minlength=len(self.classes)).tolist())
        mean, std = moments(images, fold_indices(labels, folds, number, seed)[0])
        return replace(self, mean=tuple(mean), std=tuple(std), _fold=(number, folds, seed))

    def _of_fold(self, fold: tuple[int, int, int], part: int) -> Split:
        images, labels = self._open(self._pixels, _TRAIN)
        number, folds, seed = fold
        rows = fold_indices(labels, folds, number, seed)[part]
        return Split(images[rows], labels[rows])

    @property
    def fit(self) -> str:
        """How pictures of other shapes came to the resolution: crop, pad or stretch."""
        return self._request.fit

    @property
    def channels(self) -> int:
        """Of each image: 3 of colours and grey, 1 of grey if asked for, else as many as the files have bands."""
        return len(self.mean)

    def train(self) -> Split:
        """Open the training part."""
        if self._fold is not None:
            return self._of_fold(self._fold, 0)
        images, labels = self._open(self._request.split, ("images", "labels"))
        return Split(images[: self._training], labels[: self._training])

    def validation(self) -> Split:
        """Open the validation part, which selection is based on."""
        if self._fold is not None:
            return self._of_fold(self._fold, 1)
        images, labels = self._open(self._request.split, ("images", "labels"))
        return Split(images[self._training :], labels[self._training :])

    def test(self) -> Split:
        """Open the held-out part: for the final comparison only."""
        return Split(*self._open(self._pixels, _TEST, verify=_TEST))

    def _open(self, entry_name: str, names: tuple[str, str], verify: tuple[str, ...] = ()) -> tuple[Any, Any]:
        for _ in range(3):
            entry = find(self._home / entry_name, verify)
            if entry is not None:
                with suppress(FileNotFoundError):  # cleared this very moment
                    return entry.open(names[0]), entry.open(names[1])
            # Cleared, damaged, or on another machine: build it again.
            again = _prepare(self._request, _to_stderr, verify)
            if again.fingerprint != self.fingerprint:
                raise UserError(
                    f"the data set {self.name} has changed since it was loaded (fingerprint "
                    f"{self.fingerprint}, now {again.fingerprint}): restore it or start anew"
                )
        raise OSError(f"the cache entry {self._home / entry_name} disappears as soon as it is built")


def _to_stderr(message: str) -> None:
    say(message, err=True)


def load(
    spec: str = "auto",
    *,
    root: Path | None = None,
    resolution: GivenSize = 32,
    fit: str = CROP,
    seed: int = 0,
    validation: float | None = None,
    split: str | None = None,
    skip_corrupt: bool = False,
    channels: int | None = None,
    drop_duplicates: bool = False,
    folds: int = 0,
    notify: Notify = _to_stderr,
) -> Dataset:
    """Make a data set ready on disk and return it.

    `spec` is `cifar10` (downloaded to `root`, default the user's data folder), `folder:PATH`
    (train/CLASS/*, and test/CLASS/* or val/CLASS/*; or CLASS/*), `list:FILE` (a path and a class a line), `digits`
    (scikit-learn's, always there), or `auto`: CIFAR-10 if it is on disk or can be downloaded, else digits, with a
    notice through `notify`. `resolution` is a number of pixels for squares, else height x width as in "64x128"; `fit`
    how pictures of other shapes come to it (`nas.data.fitting`). `validation` is the share of `train/` set aside by
    class, at least one image of each: a tenth where nothing is said, more of small sets
    (`nas.data.splitting.share_for`). `drop_duplicates` leaves out pictures that are there twice
    (`nas.data.duplicates`). `folds` refuses what cannot be divided into so many by `Dataset.fold`. `split`, as in
    "0.8/0.1/0.1", divides by class and the seed what has no parts of its own, instead.
    `channels`: 1 makes colours grey, 3 makes grey RGB, any other number is of bands, read as they are; where it is
    None 3, or as many as the files have where all are TIFFs of bands that are no colours.
    The cache is in $NAS_CACHE_DIR or the user's cache folder. The test part is decoded, but not opened.

    Raises UserError for data that cannot be used, OSError for a full disk (nothing half-written stays).
    """
    size, fit = read_size(resolution, "resolution", *BOUNDS), check_fit(fit)
    _check_asked(seed, validation, folds, channels)
    where = (root or cifar.default_root()).expanduser().absolute()
    base = _resolved(spec)
    shares = Shares.parse(split, seed) if split else None
    if shares and base in ("auto", *_PRINTED):
        raise UserError(f"--split {split}: {spec} has its parts; leave --split out")
    inner, cache = shares.inner if shares else validation and float(validation), cache_folder()
    request = _Request(
        base, where, cache, size, seed, inner, skip_corrupt, shares, fit, drop_duplicates, channels
    )
    if base != "auto":
        return _prepare(request, notify, folds=folds)
    try:
        return _prepare(replace(request, spec="cifar10"), notify, folds=folds)
    except cifar.CifarUnavailable as problem:
        notify(_notice(problem))
        return _prepare(replace(request, spec="digits"), notify, folds=folds)


def _check_asked(seed: int, validation: float | None, folds: int, channels: int | None) -> None:
    require(isinstance(seed, int) and seed >= 0, "seed", seed, "a whole number, 0 or more")
    share = "a share of the training images between 0 and 1"
    require(validation is None or 0.0 < validation < 1.0, "validation", validation, share)
    check_folds(folds)
    check_channels(channels)


def contents(data: Dataset) -> Content:
    """The items of a data set as they lie at their source, nothing decoded. Raises UserError as `load` does."""
    return _origin(data._request, lambda line: None).read()


def channels_of(spec: str, asked: int | None, *, split: str | None = None) -> int:
    """The channels that `load` would read a data set with, by the headers of its files alone.

    Raises UserError as `load` does.
    """
    check_channels(asked)
    base = _resolved(spec)
    if asked is not None or base in ("auto", "cifar10", "digits"):
        return asked or 3
    shares = Shares.parse(split) if split else None
    request = _Request(base, Path(), Path(), 0, 0, 0.0, skip_corrupt=False, shares=shares)
    return _channels(_origin(request, lambda line: None).read(), asked, base)


def _channels(content: Content, asked: int | None, name: str) -> int:
    return find_channels([*content.train, *content.test], asked, name)


def absolute(spec: str) -> str:
    """A data set's name with its path, if it has one, made absolute: a run may be resumed from elsewhere."""
    kind, _, path = spec.partition(":")
    return f"{kind}:{Path(path).expanduser().resolve()}" if kind in ("folder", "list") and path else spec


def _resolved(spec: str) -> str:
    """The data set's name with a path made absolute. Raises UserError for what is no name."""
    kind, colon, path = spec.partition(":")
    if kind in ("folder", "list") and colon:
        if not path:
            raise UserError(f"the data set '{spec}' names no {kind}: write {kind}:PATH")
        return absolute(spec)
    if spec not in ("auto", "cifar10", "digits"):
        kinds = {"folder": ("a folder of images", Path.is_dir), "list": ("a list of files", Path.is_file)}
        fits = [
            f"; for {what} write {kind}:{spec}" for kind, (what, found) in kinds.items() if found(Path(spec))
        ]
        hint = "".join(fits)
        raise UserError(f"unknown data set {spec!r}: expected {SPECS}{hint}")
    return spec


def _notice(problem: Exception) -> str:
    rule = "!" * 100
    return (
        f"{rule}\nNOT CIFAR-10: this run uses scikit-learn's handwritten DIGITS (1,797 images, 8x8 pixels)\n"
        f"instead. Its accuracies cannot be compared with any figure for CIFAR-10.\n{problem}\n{rule}"
    )


# ----------------------------------------------------------------------------- what is on disk


def _prepare(request: _Request, notify: Notify, verify: tuple[str, ...] = (), folds: int = 0) -> Dataset:
    """Find or build the entries of a request; `verify` names decoded arrays to be checked throughout."""
    origin = _origin(request, notify)
    home = request.cache / "images" / _digest(_keyed(request, origin))[:32]
    pixels = _pixels(home, origin, request, notify, verify)
    check_content(origin.name, pixels.info, request.skip_corrupt)
    dropped, near = request.drop_duplicates, request.spec not in _PRINTED
    say_content(origin.name, pixels.info, notify, dropped=dropped, near=near)
    classes, counts = tuple(pixels.info["classes"]), pixels.info["counts"]["train"]
    check_folds(folds, classes, counts)
    share = request.validation or share_for(sum(counts))
    request = replace(request, validation=share)
    split = find(home / request.split, ("images", "labels"))
    if split is None:
        pixels = _pixels(home, origin, request, notify, _TRAIN)
        split = publish(home / request.split, lambda folder: write_split(folder, pixels, share, request.seed))
        remove_oldest(home, "split-*", _KEPT_SPLITS)
    training = split.info["training"]
    held = np.bincount(split.open("labels")[training:], minlength=len(counts)).tolist()
    for line in () if folds else said_of(origin.name, classes, held, training, min(counts)):
        notify(line)
    surplus = pixels.info["surplus"]
    content = [_FORMAT, pixels.info["content"], *_sized(request), share, request.seed]
    return Dataset(
        name=origin.name,
        classes=classes,
        resolution=request.resolution,
        fingerprint=_digest(content)[:16],
        mean=tuple(split.info["mean"]),
        std=tuple(split.info["std"]),
        skipped=len(pixels.info["corrupt"]),
        levels=_levels(pixels.info),
        _home=home,
        _training=training,
        _request=request,
        dropped=sum(len(surplus[part]) for part in ("train", "test")) if request.drop_duplicates else 0,
        _pixels=pixels.folder.name,
    )


def _keyed(request: _Request, origin: Origin) -> list[object]:
    """What decoded images depend on."""
    reader = [_READER] if origin.key.startswith(("folder:", "list:")) else []
    channels = [f"{request.channels} channels"] if request.channels else []
    return [_FORMAT, origin.key, *_sized(request), *reader, *channels]


def _sized(request: _Request) -> list[object]:
    return [request.resolution] if request.fit == CROP else [request.resolution, request.fit]


def _levels(info: dict[str, Any]) -> tuple[int, ...] | None:
    found = info.get("levels")
    return tuple(map(int, found)) if found else None


def _digest(parts: Sequence[object]) -> str:
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def _origin(request: _Request, notify: Notify) -> Origin:
    if request.spec == "cifar10":
        return Origin("CIFAR-10", cifar.KEY, lambda: cifar.read_cifar10(request.root, notify))
    if request.spec == "digits":
        return Origin("digits", "digits", read_digits)
    kind, _, path = request.spec.partition(":")
    return (list_file if kind == "list" else list_folder)(Path(path), notify, request.shares)


def _pixels(
    home: Path, origin: Origin, request: _Request, notify: Notify, verify: tuple[str, ...]
) -> StoredEntry:
    """The decoded images, or what is left of them where duplicates are dropped and there are any."""
    entry = find(home / _PIXELS, verify)
    if entry is not None and "surplus" not in entry.info:  # of an older version
        shutil.rmtree(entry.folder, ignore_errors=True)
        entry = None
    if entry is None:
        content = origin.read()
        count = len(content.train) + len(content.test)
        channels = _channels(content, request.channels, origin.name)
        if said := pages_told([*content.train, *content.test], channels, origin.name):
            notify(said)
        notify(f"decoding the {count:,} images of {origin.name} once, into {home}")
        entry = publish(
            home / _PIXELS,
            lambda folder: write_pixels(folder, content, request.resolution, request.fit, channels),
        )
    whole, surplus = entry, entry.info["surplus"]
    if not request.drop_duplicates or not (surplus["train"] or surplus["test"]):
        return whole
    kept = find(home / _KEPT, verify)
    if kept is None:
        if find(home / _PIXELS, (*_TRAIN, *_TEST)) is None:
            shutil.rmtree(home / _PIXELS, ignore_errors=True)
            return _pixels(home, origin, request, notify, verify)
        kept = publish(home / _KEPT, lambda folder: write_kept(folder, whole))
    return kept
