"""The entries of a data set in the cache: its decoded images, and one split of them.

The first holds the images in their source's order, the test part in a file of its own (and another, where duplicates
are dropped, what is left of them); in the second training and validation images lie one after the other in random
order, so that each part is a plain contiguous array.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.common.sizes import CROP, Size, sides
from nas.data.arrays import ArrayWriter, StoredArray, StoredEntry, write_array
from nas.data.duplicates import find_surplus, near_pairs
from nas.data.folders import Content
from nas.data.pictures import SIXTEEN, Item, Levels, decode_all
from nas.data.reading import find_levels
from nas.data.splitting import split_indices

Labels = npt.NDArray[np.int64]
Built = tuple[dict[str, Any], dict[str, StoredArray]]
"""What is written down about an entry, and its arrays."""


def write_pixels(
    folder: Path, content: Content, resolution: Size, fit: str = CROP, channels: int = 3
) -> Built:
    """Decode both parts, leaving out and noting what is corrupt: whether to accept that is decided later."""
    arrays: dict[str, StoredArray] = {}
    corrupt: list[tuple[str, str]] = []
    counts: dict[str, list[int]] = {}
    seen: dict[str, Item] = {}
    repeated: dict[str, list[tuple[str, str]]] = {"parts": [], "classes": [], "within": []}
    known: dict[str, list[tuple[str, int]]] = {"train": [], "test": []}  # hash and label of each image
    paths: list[str] = []
    levels = find_levels([*content.train, *content.test], channels)
    content_hash = hashlib.sha256(_read_as(content, levels, channels).encode())
    for part, items in (("train", content.train), ("test", content.test)):
        labels: list[int] = []
        with ArrayWriter(folder, part, (*sides(resolution), channels), np.uint8) as images:
            for item, decoded in decode_all(items, resolution, levels or SIXTEEN, fit, channels):
                if isinstance(decoded, str):
                    corrupt.append((item.path, decoded))
                    continue
                images.append(decoded.pixels[None])
                labels.append(item.label)
                known[part].append((decoded.sha256, item.label))
                paths.append(item.path)
                first = seen.setdefault(decoded.sha256, item)
                if first.label != item.label:
                    repeated["classes"].append((first.path, item.path))
                elif part == "test" and first.path.partition("/")[0] != item.path.partition("/")[0]:
                    repeated["parts"].append((first.path, item.path))
                elif first is not item:
                    repeated["within"].append((first.path, item.path))
                # Without the part's name: that of the held-out folder may be test or val.
                inside = item.path.split("/", 1)[1]
                line = f"{part}\0{item.label}\0{inside}\0{decoded.sha256}\n"
                content_hash.update(line.encode("utf-8", "surrogateescape"))
            arrays[part] = images.finish()
        classes = np.array(labels, np.int64)
        arrays[f"{part}_labels"] = write_array(folder, f"{part}_labels", classes)
        counts[part] = np.bincount(classes, minlength=len(content.classes)).tolist()
    near = near_pairs(
        [np.load(folder / f"{part}.npy", mmap_mode="r") for part in known],
        [np.array([label for _, label in known[part]], np.int64) for part in known],
        paths,
        [digest for part in known.values() for digest, _ in part],
    )
    notes: dict[str, Any] = {"content": content_hash.hexdigest(), "counts": counts, "corrupt": corrupt}
    notes |= {"repeated": repeated, "near": near, "surplus": asdict(find_surplus(**known))}
    notes |= {"levels": levels and list(levels.numbers), "channels": channels}
    return {"classes": content.classes} | notes, arrays


def _read_as(content: Content, levels: Levels | None, channels: int) -> str:
    """What the content's hash begins with; of 8 or 16 bits and three channels the classes alone."""
    scaled = f"{levels!r}{levels.each or ''}" if levels and levels != SIXTEEN else ""
    return "\n".join(content.classes) + scaled + f"{channels} channels" * (channels != 3)


def write_kept(folder: Path, pixels: StoredEntry) -> Built:
    """Write what is left of the images where duplicates are dropped."""
    surplus, classes = pixels.info["surplus"], len(pixels.info["classes"])
    arrays: dict[str, StoredArray] = {}
    counts: dict[str, list[int]] = {}
    for part in ("train", "test"):
        images, labels = pixels.open(part), pixels.open(f"{part}_labels")
        rows = np.setdiff1d(np.arange(len(labels)), np.array(surplus[part], np.int64))
        with ArrayWriter(folder, part, images.shape[1:], images.dtype) as out:
            for some in _blocks(rows, images[0].nbytes):
                out.append(images[some])
            arrays[part] = out.finish()
        arrays[f"{part}_labels"] = write_array(folder, f"{part}_labels", labels[rows])
        counts[part] = np.bincount(labels[rows], minlength=classes).tolist()
    dropped = [pixels.info["content"], *(f"{part} {list(surplus[part])}" for part in ("train", "test"))]
    content = hashlib.sha256("\n".join(dropped).encode()).hexdigest()
    return pixels.info | {"content": content, "counts": counts, "kept": True}, arrays


def write_split(folder: Path, pixels: StoredEntry, validation: float, seed: int) -> Built:
    """Write the training images, then the validation images, and note the former's mean and deviation."""
    images, labels = pixels.open("train"), pixels.open("train_labels")
    training, held = split_indices(labels, validation, seed)
    with ArrayWriter(folder, "images", images.shape[1:], np.uint8) as out:
        for rows in _blocks(training, images[0].nbytes):
            out.append(images[rows])
        for rows in _blocks(held, images[0].nbytes):
            out.append(images[rows])
        stored = out.finish()
    order = np.concatenate([training, held])
    arrays = {"images": stored, "labels": write_array(folder, "labels", labels[order])}
    mean, std = moments(images, training)
    return {"training": len(training), "mean": mean, "std": std}, arrays


def _blocks(indices: npt.NDArray[np.int64], row_bytes: int) -> Iterable[npt.NDArray[np.int64]]:
    rows = max(1, 8 * 2**20 // row_bytes)
    return (indices[i : i + rows] for i in range(0, len(indices), rows))


def moments(images: npt.NDArray[Any], rows: npt.NDArray[np.int64]) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation in [0, 1] units by channel of some of the images, uint8 [N, H, W, C]."""
    levels = np.zeros((images.shape[3], 256), np.int64)  # how often each occurs
    for some in _blocks(rows, images[0].nbytes):
        block = images[some]
        for channel in range(images.shape[3]):
            levels[channel] += np.bincount(block[..., channel].ravel(), minlength=256)
    value = np.arange(256) / 255
    share = levels / levels.sum(axis=1, keepdims=True)
    mean = share @ value
    variance = share @ value**2 - mean**2
    # A channel that is the same everywhere has no deviation to divide by: at least one grey level.
    std = np.sqrt(np.maximum(variance, (1 / 255) ** 2))
    return mean.tolist(), std.tolist()
