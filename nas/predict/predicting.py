"""What a trained network says of images, which are decoded as those it was trained on were."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from nas.common.errors import UserError
from nas.data.folders import HELD_OUT, TRAINING, class_folders, list_images
from nas.data.pictures import SIXTEEN, Item, Levels, Picture, decode_all
from nas.kernels.compute import best
from nas.networks.checkpoint import Card, Checkpoint
from nas.train.batches import normaliser
from nas.train.trainer import find_device

UNKNOWN = -1
"""The label of an image whose class is not known."""


@dataclass(frozen=True)
class ImagePrediction:
    """Of an image: the classes that are likeliest, the first first, each with its probability; what it is, if known."""

    image: str
    top: tuple[tuple[str, float], ...]
    truth: str | None = None


@dataclass(frozen=True)
class Predictions:
    """What was said of many images, and of which nothing could be said, with the reasons.

    labels, guesses: int64 [N], by the card's classes; a label is -1 where none is known. seconds: wall time,
    decoding included.
    """

    card: Card
    found: tuple[ImagePrediction, ...]
    unreadable: tuple[tuple[str, str], ...]
    labels: npt.NDArray[np.int64]
    guesses: npt.NDArray[np.int64]
    seconds: float

    @property
    def judged(self) -> bool:
        """Whether the class of every image is known."""
        return len(self.labels) > 0 and bool((self.labels != UNKNOWN).all())


def gather(
    paths: Sequence[str | Path], classes: Sequence[str], notify: Callable[[str], None] = lambda line: None
) -> list[Item]:
    """The images of files and folders. Labelled where it is one folder whose folders are named as classes.

    Raises UserError for a path that is not there, and a folder without an image.
    """
    items: list[Item] = []
    for path in map(Path, paths):
        if path.is_dir():
            found = list_images(path)
            if not found:
                raise UserError(f"no image in the folder {path}")
            folders = class_folders(path) if len(paths) == 1 else []
            if parts := [name for name in folders if name.lower() in (*TRAINING, *HELD_OUT)]:
                notify(f"{path} has parts; to have one judged, give {path / parts[0]} by itself")
            known = (
                {name: label for label, name in enumerate(classes)}
                if folders and {*folders} <= {*classes}
                else {}
            )
            items += [
                Item(str(path / one), known.get(one.partition("/")[0], UNKNOWN), path / one) for one in found
            ]
        elif path.exists():
            items.append(Item(str(path), UNKNOWN, path))
        else:
            raise UserError(f"{path}: no such file or folder")
    return items


def predict(
    checkpoint: Checkpoint,
    images: Sequence[str | Path],
    *,
    top: int = 3,
    batch_size: int = 64,
    device: str = "auto",
    notify: Callable[[str], None] = lambda line: None,
) -> Predictions:
    """Name the classes of the images in files and folders. `notify` is told of each that cannot be read.

    Raises UserError as `gather` does, and where the weights are not those of the checkpoint's network.
    """
    card, place = checkpoint.card, find_device(device)
    items = gather(images, card.classes, notify)
    started = time.perf_counter()
    found, unreadable = list[ImagePrediction](), list[tuple[str, str]]()
    labels, guesses = list[int](), list[int]()
    decoded = _decoded(items, card, unreadable, notify)
    for some, chances in _chances(checkpoint, decoded, batch_size, place):
        likeliest = chances.topk(min(top, len(card.classes)), dim=1)
        for item, values, rows in zip(
            some, likeliest.values.tolist(), likeliest.indices.tolist(), strict=True
        ):
            named = tuple((card.classes[row], value) for row, value in zip(rows, values, strict=True))
            truth = None if item.label == UNKNOWN else card.classes[item.label]
            found.append(ImagePrediction(item.path, named, truth))
            labels.append(item.label)
            guesses.append(rows[0])
    seconds = time.perf_counter() - started
    known, said = (np.array(one, np.int64) for one in (labels, guesses))
    return Predictions(card, tuple(found), tuple(unreadable), known, said, seconds)


def _decoded(
    items: Sequence[Item], card: Card, unreadable: list[tuple[str, str]], notify: Callable[[str], None]
) -> Iterator[tuple[Item, Picture]]:
    """The items that can be decoded; the others are noted."""
    levels = Levels.of(card.levels) if card.levels else SIXTEEN
    for item, picture in decode_all(items, card.resolution, levels, card.fit, card.channels):
        if isinstance(picture, str):
            notify(f"{item.path}: skipped, {picture}")
            unreadable.append((item.path, picture))
        else:
            yield item, picture


def _chances(
    checkpoint: Checkpoint, decoded: Iterator[tuple[Item, Picture]], batch_size: int, device: torch.device
) -> Iterator[tuple[list[Item], torch.Tensor]]:
    """Batches of items with their probabilities [N, classes], computed as training judges."""
    compute = best(device)
    model = checkpoint.network()
    model.to(device, memory_format=compute.memory_format)  # type: ignore[call-overload]
    normalise = normaliser(checkpoint.card, device)
    with torch.inference_mode(), compute.evaluating(model), compute.precision(device):
        while pairs := list(islice(decoded, batch_size)):
            pixels = torch.from_numpy(np.stack([picture.pixels for _, picture in pairs])).to(device)
            logits = model(normalise(pixels).contiguous(memory_format=compute.memory_format))
            yield [item for item, _ in pairs], logits.float().softmax(1).cpu()
