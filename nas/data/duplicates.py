"""Pictures that a data set holds twice: the same file by its bytes, and what looks the same by a perceptual hash.

The hash is a difference hash (which of two neighbouring pixels is the brighter) of the picture at 8x8, both ways:
112 bits. Pictures that differ in few of them are neighbours in one of several sorted orders of the bits, so that each
is compared with some 130 others, however many there are; what is as near is then compared by its colours at 8x8.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

SIDE = 8
ORDERS = 8
"""Sorted orders: by the bits as they are, and begun at other places."""
WINDOW = 16
"""Neighbours in an order that a picture is compared with."""
BITS = 10
"""Of 112: pictures that differ in more are not alike ..."""
ALIKE = 0.1
"""... nor those whose colours at 8x8 differ by more, on average: a share of their standard deviation, and a level."""
NAMED = 3
_CHUNK = 2048


@dataclass(frozen=True)
class Surplus:
    """The rows of each part that go where duplicates are dropped, and why: counts of images.

    held_out: of the training part, which the test part has too. classes: the same picture in two classes, all of
    them. within: repeated within a class of one part.
    """

    train: tuple[int, ...]
    test: tuple[int, ...]
    held_out: int
    classes: int
    within: int


def find_surplus(train: Sequence[tuple[str, int]], test: Sequence[tuple[str, int]]) -> Surplus:
    """Which pictures go, given the hash and the label of each of both parts.

    The same picture in two classes: all of them. In training and in test: those in training. Else the first stays.
    """
    groups: dict[str, list[tuple[str, int, int]]] = {}
    for part, items in (("train", train), ("test", test)):
        for row, (digest, label) in enumerate(items):
            groups.setdefault(digest, []).append((part, row, label))
    gone: dict[str, list[int]] = {"train": [], "test": []}
    held_out = classes = within = 0
    for copies in groups.values():
        if len(copies) == 1:
            continue
        if len({label for _, _, label in copies}) > 1:
            classes += len(copies)
            for part, row, _ in copies:
                gone[part].append(row)
            continue
        tested = any(part == "test" for part, _, _ in copies)
        seen = False
        for part, row, _ in copies:
            if part == "train" and tested:
                held_out += 1
            elif not seen:
                seen = True
                continue
            else:
                within += 1
            gone[part].append(row)
    return Surplus(tuple(sorted(gone["train"])), tuple(sorted(gone["test"])), held_out, classes, within)


def thumbnails(images: npt.NDArray[Any]) -> Bytes:
    """Images [N, H, W, C] of 8 pixels a side or more, averaged down to uint8 [N, 8, 8, C]."""
    found = np.empty((len(images), SIDE, SIDE, images.shape[3]), np.uint8)
    ends = [np.linspace(0, side, SIDE + 1).round().astype(int) for side in images.shape[1:3]]
    areas = np.diff(ends[0])[:, None] * np.diff(ends[1])[None]
    for start in range(0, len(images), _CHUNK):
        some = np.asarray(images[start : start + _CHUNK])
        lines = np.add.reduceat(some, ends[0][:-1], axis=1, dtype=np.uint32)
        sums = np.add.reduceat(lines, ends[1][:-1], axis=2)
        found[start : start + _CHUNK] = (sums + areas[..., None] // 2) // areas[..., None]
    return found


def hashes(small: Bytes) -> Bytes:
    """The bits [N, 112] of thumbnails: whether each pixel is brighter than its left, and than its upper neighbour."""
    grey = small.sum(axis=3, dtype=np.int32)
    across, down = grey[:, :, 1:] > grey[:, :, :-1], grey[:, 1:] > grey[:, :-1]
    return np.concatenate([one.reshape(len(small), -1) for one in (across, down)], axis=1).astype(np.uint8)


def near(small: Bytes, group: Indices, skip: Sequence[str] = ()) -> list[tuple[int, int]]:
    """Pairs of thumbnails [N, 8, 8, C] of different groups that look the same, the first before the second, sorted.

    skip: what tells pictures apart that are known to be the same; pairs of those are left out.
    """
    if len(small) < 2:
        return []
    bits = hashes(small)
    words = np.packbits(bits, axis=1)
    words = np.pad(words, ((0, 0), (0, -words.shape[1] % 8))).view(np.uint64)
    same = np.unique(np.array(skip), return_inverse=True)[1] if len(skip) else np.arange(len(small))
    pairs: set[tuple[int, int]] = set()
    for turn in range(ORDERS):
        rolled = np.packbits(np.roll(bits, -turn * bits.shape[1] // ORDERS, axis=1), axis=1)
        keys = np.ascontiguousarray(rolled).view(f"S{rolled.shape[1]}").ravel()
        order = np.argsort(keys, kind="stable")
        for step in range(1, min(WINDOW, len(order) - 1) + 1):
            one, other = order[:-step], order[step:]
            apart = (group[one] != group[other]) & (same[one] != same[other])
            one, other = one[apart], other[apart]
            differ = np.bitwise_count(words[one] ^ words[other]).sum(axis=1)
            one, other = one[differ <= BITS], other[differ <= BITS]
            colours = np.abs(small[one].astype(np.int16) - small[other]).mean(axis=(1, 2, 3))
            alike = colours <= 1 + ALIKE * small[one].std(axis=(1, 2, 3))
            found = np.sort(np.stack([one, other], axis=1)[alike], axis=1)
            pairs.update((int(a), int(b)) for a, b in found)
    return sorted(pairs)


def near_pairs(
    images: Iterable[npt.NDArray[Any]],
    labels: Sequence[Indices],
    paths: Sequence[str],
    digests: Sequence[str],
) -> dict[str, list[tuple[str, str]]]:
    """The paths of pictures of training and test part that look the same: across `parts`, or across `classes`.

    images and labels are of both parts, paths and digests of all pictures in their order.
    """
    small = np.concatenate([thumbnails(part) for part in images])
    label = np.concatenate(labels)
    part = np.repeat([0, 1], [len(one) for one in labels])
    group = 2 * label + part
    told: dict[str, list[tuple[str, str]]] = {"parts": [], "classes": []}
    for one, other in near(small, group, digests):
        told["classes" if label[one] != label[other] else "parts"].append((paths[one], paths[other]))
    return told


def told(info: Mapping[str, Any], dropped: bool, near: bool = True) -> list[str]:
    """What a user is told of the duplicates that were noted of a data set, and of what was done about them."""
    repeated, surplus, said = info["repeated"], info["surplus"], []
    words = {"parts": "in training and in test", "classes": "in two classes", "within": "within a class"}
    pairs = {kind: repeated[kind] for kind in words if repeated[kind]}
    first, second = next(iter(pairs.values()), [("", "")])[0]
    if gone := len(surplus["train"]) + len(surplus["test"]) if dropped else 0:
        why = {
            "held_out": "training images that the held-out part has too",
            "classes": "in two classes, every copy",
            "within": "repeated within a class, all but the first",
        }
        counts = ", ".join(f"{surplus[kind]:,} {word}" for kind, word in why.items() if surplus[kind])
        said.append(f"{gone:,} duplicates dropped: {counts} (as {first} and {second})")
    elif "parts" in pairs or "classes" in pairs:
        counts = ", ".join(f"{len(found):,} {words[kind]}" for kind, found in pairs.items())
        said.append(
            f"the same picture {counts} (as {first} and {second}); accuracies on it mean little; "
            "--drop-duplicates leaves them out"
        )
    alike = {kind: info["near"][kind] for kind in words if near and info["near"].get(kind)}
    if alike:
        counts = ", ".join(
            f"{len(found):,} pair{'s' * (len(found) > 1)} {words[kind]}" for kind, found in alike.items()
        )
        shown = "; ".join(f"{one} and {other}" for one, other in next(iter(alike.values()))[:NAMED])
        said.append(f"pictures that look nearly the same: {counts} (as {shown})")
    return said
