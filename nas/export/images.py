"""The images that an export is compared, calibrated and judged on: those of the checkpoint's data where they are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.common.errors import UserError, briefly
from nas.common.sizes import sides
from nas.data.dataset import Dataset, load
from nas.data.splitting import SHARE
from nas.export.request import ModelExportRequest
from nas.networks.checkpoint import Card

Floats = npt.NDArray[np.float32]
Run = Callable[[Floats], Floats]
"""From images [N, channels, H, W] in [0, 1] to logits [N, classes]: a file that a runtime has loaded."""
AT_ONCE = 64
_PRINTED = {"CIFAR-10": "cifar10"}
"""Names of data as they are printed, where they are not what is asked for."""


@dataclass(frozen=True)
class Material:
    """Images: of a data set, or, where there is none, drawn at random. `said` is what a user is told of them."""

    card: Card
    data: Dataset | None
    said: str

    def some(self, count: int) -> npt.NDArray[np.uint8]:
        """So many images [N, H, W, 3] to compare on, fewer where the data have fewer: those validated on first."""
        if self.data is None:
            shape = (count, *sides(self.card.resolution), self.card.channels)
            return np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        parts = [part.images[:count] for part in (self.data.validation(), self.data.train())]
        return np.concatenate(parts)[:count]

    def training(self, count: int) -> npt.NDArray[np.uint8]:
        """So many of the images trained on, each class in its share. Raises UserError where there are none."""
        return np.array(self._data().train().images[:count])

    def validation(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """The images validated on, with their labels. Raises UserError where there are none."""
        split = self._data().validation()
        return split.images, split.labels

    def _data(self) -> Dataset:
        if self.data is None:
            raise UserError(f"{self.said}; name images to calibrate and to judge on with --data")
        return self.data


def find(card: Card, request: ModelExportRequest) -> Material:
    """The images of `--data`, else of the data that the card names, else random ones.

    How the trainer was given them stands in `card.made["images"]`: data, data_root, split, validation (a
    tenth where it is not noted), skip_corrupt, drop_duplicates; else
    `card.data` is tried. Raises UserError where data that are asked for cannot be had or have other classes.
    """
    asked = request.data is not None
    made: dict[str, Any] = dict(card.made.get("images") or {})
    noted = {} if asked else made
    shares = [made["validation"]] if "validation" in made else [None, SHARE]  # as now, and as it was before
    spec = request.data or noted.get("data") or _PRINTED.get(card.data, card.data)
    if not spec:
        return Material(card, None, "random pixels: the checkpoint names no data")
    root = request.data_root or noted.get("data_root")
    try:
        every = (
            load(
                spec,
                root=Path(str(root)) if root else None,
                resolution=card.resolution,
                fit=card.fit,
                split=request.split or noted.get("split"),
                validation=share,
                skip_corrupt=request.skip_corrupt or bool(noted.get("skip_corrupt")),
                drop_duplicates=bool(noted.get("drop_duplicates")),
                channels=_channels(card),
            )
            for share in shares
        )
        data = next(every)
        if card.fingerprint and data.fingerprint != card.fingerprint:
            data = next((other for other in every if other.fingerprint == card.fingerprint), data)
    except UserError as error:
        if asked:
            raise
        return Material(card, None, f"random pixels: {spec} cannot be read ({briefly(error)})")
    told = ""
    if data.channels != card.channels:
        told = f"{spec} has other channels than the checkpoint ({data.channels}, {card.channels})"
    elif data.classes != card.classes:
        told = f"{spec} has other classes than the checkpoint ({len(data.classes)}, {len(card.classes)})"
    if told:
        if asked:
            raise UserError(told)
        return Material(card, None, f"random pixels: {told}")
    other = bool(card.fingerprint) and data.fingerprint != card.fingerprint
    changed = "; NOT the content or split that was trained on: training images may be among those judged"
    return Material(card, data, data.name + changed * other)


def _channels(card: Card) -> int | None:
    """What the data are to be asked for, as the trainer was: grey is never found, it is asked for."""
    noted: dict[str, Any] = dict(card.made.get("images") or {})
    given = noted.get("channels")
    return int(given) if given else (1 if card.channels == 1 else None)


def as_input(images: npt.NDArray[np.uint8]) -> Floats:
    """From uint8 [N, H, W, channels] to float32 [N, channels, H, W] in [0, 1]."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32) / np.float32(255)


def logits(run: Run, images: npt.NDArray[np.uint8], batch: int | None) -> Floats:
    """Of all images, some at once: a file of a fixed batch is given as many, the last filled up with black."""
    return np.concatenate([run(chunk)[:filled] for chunk, filled in _chunks(images, batch)])


def _chunks(images: npt.NDArray[np.uint8], batch: int | None) -> Iterator[tuple[Floats, int]]:
    size = batch or AT_ONCE
    for start in range(0, len(images), size):
        some = as_input(images[start : start + size])
        missing = size - len(some) if batch else 0
        yield np.pad(some, ((0, missing), (0, 0), (0, 0), (0, 0))), len(some)
