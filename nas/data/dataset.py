"""Data sets: images decoded once into uint8 arrays on disk, split once, and mapped by every process.

    load("folder:~/flowers").train().images        # uint8 [N, 32, 32, 3]

`train/` is split into training and validation, stratified and fixed by the seed; `test/` is held out.
On disk (array_cache) a data set has one entry of decoded images in the source's order, in which the
test part is a file of its own, and one entry a split, in which training and validation images lie one
after the other in random order, so that each part is a plain contiguous array.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.common.cache import cache_folder
from nas.common.errors import UserError
from nas.data import cifar
from nas.data.arrays import ArrayWriter, CacheEntry, StoredArray, find, publish, remove_oldest
from nas.data.folders import Content, ImageSource, Item, Pixels, decode_all, list_folder

SPECS = "auto, cifar10, folder:PATH or digits"
_FORMAT = "1"  # to be raised whenever the same files would be decoded or split differently
_KEPT_SPLITS = 4
_TRAIN, _TEST = ("train", "train_labels"), ("test", "test_labels")

Labels = npt.NDArray[np.int64]
Notify = Callable[[str], None]
_Built = tuple[dict[str, Any], dict[str, StoredArray]]


@dataclass(frozen=True, eq=False)
class Split:
    """Images uint8 [N, H, W, 3] (RGB) and labels int64 [N], read-only memory maps, in random order.

    Training and validation are ordered such that the first n images hold each class in its share
    (to about one image), so that a subset is a slice. Open a split where it is used: pickling one
    copies its pixels, pickling the Dataset does not.
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
    resolution: int
    seed: int
    validation: float
    skip_corrupt: bool

    @property
    def split(self) -> str:
        return f"split-{self.seed}-{self.validation!r}"


@dataclass(frozen=True)
class Dataset:
    """A data set on disk: a small value, cheap to pickle, that holds paths and never pixels.

    `resolution` is the side of the stored images in pixels; `mean` and `std` are those of the training
    part by channel, in [0, 1] units; `skipped` counts corrupt files left out. `fingerprint` is a hash
    over content, resolution, validation share and seed: it does not depend on where the files lie.
    """

    name: str
    classes: tuple[str, ...]
    resolution: int
    fingerprint: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    skipped: int
    _home: Path = field(repr=False)
    _training: int = field(repr=False)
    _request: _Request = field(repr=False)

    def train(self) -> Split:
        """Open the training part."""
        images, labels = self._open(self._request.split, ("images", "labels"))
        return Split(images[: self._training], labels[: self._training])

    def validation(self) -> Split:
        """Open the validation part, which selection is based on."""
        images, labels = self._open(self._request.split, ("images", "labels"))
        return Split(images[self._training :], labels[self._training :])

    def test(self) -> Split:
        """Open the held-out part: for the final comparison only."""
        return Split(*self._open("pixels", _TEST, verify=_TEST))

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
    print(message, file=sys.stderr, flush=True)


def load(
    spec: str = "auto",
    *,
    root: Path | None = None,
    resolution: int = 32,
    seed: int = 0,
    validation: float = 0.1,
    skip_corrupt: bool = False,
    notify: Notify = _to_stderr,
) -> Dataset:
    """Make a data set ready on disk and return it.

    `spec` is `cifar10` (downloaded to `root`, default the user's data folder), `folder:PATH`
    (train/CLASS/*, and test/CLASS/* or val/CLASS/*), `digits` (scikit-learn's, always there), or `auto`:
    CIFAR-10 if it is on disk or can be downloaded, else digits, with a notice through `notify`.
    `validation` is the share of `train/` set aside by class, at least one image of each.
    The cache is in $NAS_CACHE_DIR or the user's cache folder. The test part is decoded (corrupt files
    must show before a search) but not opened.

    Raises UserError for data that cannot be used, OSError for a full disk (nothing half-written stays).
    """
    _check_arguments(resolution, seed, validation)
    where = (root or cifar.default_root()).expanduser().absolute()
    base = spec
    if spec.startswith("folder:"):
        path = spec.removeprefix("folder:")
        if not path:
            raise UserError("the data set 'folder:' names no folder: write folder:PATH")
        base = f"folder:{Path(path).expanduser().resolve()}"
    elif spec not in ("auto", "cifar10", "digits"):
        hint = f"; for a folder of images write folder:{spec}" if Path(spec).is_dir() else ""
        raise UserError(f"unknown data set {spec!r}: expected {SPECS}{hint}")

    def request(name: str) -> _Request:
        return _Request(name, where, cache_folder(), resolution, seed, float(validation), skip_corrupt)

    if base != "auto":
        return _prepare(request(base), notify)
    try:
        return _prepare(request("cifar10"), notify)
    except cifar.CifarUnavailable as problem:
        notify(_notice(problem))
        return _prepare(request("digits"), notify)


def _check_arguments(resolution: int, seed: int, validation: float) -> None:
    if not isinstance(resolution, int) or not 8 <= resolution <= 1024:
        raise UserError(f"resolution {resolution!r}: expected a whole number of pixels from 8 to 1024")
    if not isinstance(seed, int) or seed < 0:
        raise UserError(f"seed {seed!r}: expected a whole number, 0 or more")
    if not 0.0 < validation < 1.0:
        raise UserError(f"validation {validation!r}: expected a share of the training images between 0 and 1")


def _notice(problem: Exception) -> str:
    rule = "!" * 100
    return (
        f"{rule}\nNOT CIFAR-10: this run uses scikit-learn's handwritten DIGITS (1,797 images, 8x8 pixels)\n"
        f"instead. Its accuracies cannot be compared with any figure for CIFAR-10.\n{problem}\n{rule}"
    )


# ----------------------------------------------------------------------------- what is on disk


def _prepare(request: _Request, notify: Notify, verify: tuple[str, ...] = ()) -> Dataset:
    """Find or build the two entries of a request; `verify` names decoded arrays to be checked throughout."""
    source = _source(request, notify)
    home = request.cache / "images" / _digest([_FORMAT, source.key, request.resolution])[:32]
    pixels = _pixels(home, source, request.resolution, notify, verify)
    _check_content(source.name, pixels.info, request.skip_corrupt)
    split = find(home / request.split, ("images", "labels"))
    if split is None:
        pixels = _pixels(home, source, request.resolution, notify, _TRAIN)
        split = publish(home / request.split, partial(_write_split, pixels=pixels, request=request))
        remove_oldest(home, "split-*", _KEPT_SPLITS)
    content = [_FORMAT, pixels.info["content"], request.resolution, request.validation, request.seed]
    return Dataset(
        name=source.name,
        classes=tuple(pixels.info["classes"]),
        resolution=request.resolution,
        fingerprint=_digest(content)[:16],
        mean=tuple(split.info["mean"]),
        std=tuple(split.info["std"]),
        skipped=len(pixels.info["corrupt"]),
        _home=home,
        _training=split.info["training"],
        _request=request,
    )


def _digest(parts: Sequence[object]) -> str:
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def _source(request: _Request, notify: Notify) -> ImageSource:
    if request.spec == "cifar10":
        return ImageSource("CIFAR-10", cifar.KEY, partial(cifar.read_cifar10, request.root, notify))
    if request.spec == "digits":
        return ImageSource("digits", "digits", _read_digits)
    return list_folder(Path(request.spec.removeprefix("folder:")), notify)


def _read_digits() -> Content:
    """Return scikit-learn's digits, 8x8 in 17 grey levels; every fifth image of a class is for testing."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = np.round(digits.images * (255 / 16)).astype(np.uint8)
    train: list[Item] = []
    test: list[Item] = []
    for label in range(10):
        for n, index in enumerate(np.flatnonzero(digits.target == label)):
            part, name = (test, "test") if n % 5 == 4 else (train, "train")
            part.append(Item(f"{name}/{label}/{index:04d}", label, grey[index]))
    return Content(tuple(map(str, range(10))), train, test)


def _pixels(
    home: Path, source: ImageSource, resolution: int, notify: Notify, verify: tuple[str, ...]
) -> CacheEntry:
    entry = find(home / "pixels", verify)
    if entry is None:
        content = source.read()
        count = len(content.train) + len(content.test)
        notify(f"decoding the {count:,} images of {source.name} once, into {home}")
        entry = publish(home / "pixels", partial(_write_pixels, content=content, resolution=resolution))
    return entry


def _write_pixels(folder: Path, content: Content, resolution: int) -> _Built:
    """Decode both parts, leaving out and noting what is corrupt: whether to accept that is decided later."""
    arrays: dict[str, StoredArray] = {}
    corrupt: list[tuple[str, str]] = []
    counts: dict[str, list[int]] = {}
    content_hash = hashlib.sha256("\n".join(content.classes).encode())
    for part, items in (("train", content.train), ("test", content.test)):
        count = np.zeros(len(content.classes), np.int64)
        with (
            ArrayWriter(folder, part, (resolution, resolution, 3), np.uint8) as images,
            ArrayWriter(folder, f"{part}_labels", (), np.int64) as labels,
        ):
            for chunk in decode_all(items, resolution):
                corrupt += chunk.corrupt
                if not chunk.items:
                    continue
                images.append(chunk.images)
                new = np.array([item.label for item in chunk.items], np.int64)
                labels.append(new)
                count += np.bincount(new, minlength=len(count))
                for item, digest in zip(chunk.items, chunk.digests, strict=True):
                    # Without the part's name: that of the held-out folder may be test or val.
                    inside = item.path.split("/", 1)[1]
                    content_hash.update(
                        f"{part}\0{item.label}\0{inside}\0{digest}\n".encode("utf-8", "surrogateescape")
                    )
            arrays[part], arrays[f"{part}_labels"] = images.finish(), labels.finish()
        counts[part] = count.tolist()
    info = {
        "classes": content.classes,
        "content": content_hash.hexdigest(),
        "counts": counts,
        "corrupt": corrupt,
    }
    return info, arrays


def _check_content(name: str, info: dict[str, Any], skip_corrupt: bool) -> None:
    """Refuse corrupt files unless they may be skipped, and classes too small to be split."""
    corrupt, counts = info["corrupt"], info["counts"]
    if corrupt and not skip_corrupt:
        total = sum(map(sum, counts.values())) + len(corrupt)
        shown = ", ".join(f"{path} ({reason})" for path, reason in corrupt[:5])
        more = f" and {len(corrupt) - 5:,} more" if len(corrupt) > 5 else ""
        raise UserError(
            f"{len(corrupt):,} of the {total:,} images of {name} cannot be decoded: {shown}{more}. "
            "Repair or remove them, or leave them out with --skip-corrupt (skip_corrupt=True)"
        )
    for part, needed in (("train", 2), ("test", 1)):
        for label, count in zip(info["classes"], counts[part], strict=True):
            if count < needed:
                why = "one to train on and one to validate on" if part == "train" else "one to test on"
                raise UserError(
                    f"class {label!r} of {name} has {count} readable images in {part}: at least {needed} "
                    f"needed, {why}. Add images or remove the class"
                )


# ------------------------------------------------------------------------------------ splitting


def _write_split(folder: Path, pixels: CacheEntry, request: _Request) -> _Built:
    """Write the training images, then the validation images, and note the former's mean and deviation."""
    images, labels = pixels.open("train"), pixels.open("train_labels")
    training, held = split_indices(labels, request.validation, request.seed)
    levels = np.zeros((3, 256), np.int64)
    with (
        ArrayWriter(folder, "images", images.shape[1:], np.uint8) as out,
        ArrayWriter(folder, "labels", (), np.int64) as out_labels,
    ):
        for rows in _blocks(training, images[0].nbytes):
            block = images[rows]
            out.append(block)
            for channel in range(3):
                levels[channel] += np.bincount(block[..., channel].ravel(), minlength=256)
        for rows in _blocks(held, images[0].nbytes):
            out.append(images[rows])
        out_labels.append(labels[np.concatenate([training, held])])
        arrays = {"images": out.finish(), "labels": out_labels.finish()}
    mean, std = _moments(levels)
    return {"training": len(training), "mean": mean, "std": std}, arrays


def _blocks(indices: npt.NDArray[np.int64], row_bytes: int) -> Iterable[npt.NDArray[np.int64]]:
    rows = max(1, 8 * 2**20 // row_bytes)
    return (indices[i : i + rows] for i in range(0, len(indices), rows))


def _moments(levels: npt.NDArray[np.int64]) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation in [0, 1] units by channel, from how often each level occurs."""
    value = np.arange(256) / 255
    share = levels / levels.sum(axis=1, keepdims=True)
    mean = share @ value
    variance = share @ value**2 - mean**2
    # A channel that is the same everywhere has no deviation to divide by: at least one grey level.
    std = np.sqrt(np.maximum(variance, (1 / 255) ** 2))
    return mean.tolist(), std.tolist()


def split_indices(
    labels: Labels, validation: float, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the indices of training and of validation images, stratified, each in random order.

    Of each class (2 images or more) the share `validation` is set aside, rounded, at least 1 and never
    all. The order spreads every class evenly, so that any first n indices are stratified too.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    lot = random.random(len(labels))
    counts = np.bincount(labels)
    held = np.clip(np.floor(validation * counts + 0.5).astype(np.int64), 1, np.maximum(counts - 1, 1))
    by_class = np.lexsort((lot, labels))
    rank = np.empty(len(labels), np.int64)
    rank[by_class] = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    aside = rank < held[labels]
    part_rank = np.where(aside, rank, rank - held[labels])
    part_count = np.where(aside, held[labels], (counts - held)[labels])
    order = np.argsort((part_rank + random.random(len(labels))) / part_count, kind="stable")
    return order[~aside[order]], order[aside[order]]
