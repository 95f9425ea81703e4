"""Which training images are validated on: a share of each class, or each image once, in folds.

The share grows where images are few: a tenth of 400 is 40 images, one of which is worth 2.5 percentage points.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nas.common.errors import UserError

Indices = npt.NDArray[np.int64]

SHARE = 0.1
"""Of the training images, where there are enough of them."""
WANTED = 200
"""Images to validate on, where a tenth are fewer: one of so many is worth half a point ..."""
LARGEST = 0.25
"""... but no more than this share, because what is validated on is not trained on."""
FEW = 5
"""A class with fewer images to validate on is named."""
MOST_FOLDS = 20


def share_for(images: int) -> float:
    """The share of so many training images that is validated on where nothing is said: a tenth from 2,000 on."""
    return min(max(SHARE, round(WANTED / images, 3)), LARGEST) if images else SHARE


def split_indices(labels: Indices, validation: float, seed: int) -> tuple[Indices, Indices]:
    """Return the indices of training and of validation images, stratified, each in random order.

    Of each class (2 images or more) the share `validation` is set aside, rounded, at least 1 and never
    all. The order spreads every class evenly, so that any first n indices are stratified too.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    counts = np.bincount(labels)
    held = np.clip(np.floor(validation * counts + 0.5).astype(np.int64), 1, np.maximum(counts - 1, 1))
    rank = _ranks(labels, random)
    aside = rank < held[labels]
    part_rank = np.where(aside, rank, rank - held[labels])
    part_count = np.where(aside, held[labels], (counts - held)[labels])
    order = np.argsort((part_rank + random.random(len(labels))) / part_count, kind="stable")
    return order[~aside[order]], order[aside[order]]


def fold_indices(labels: Indices, folds: int, number: int, seed: int) -> tuple[Indices, Indices]:
    """Return the indices of training and of validation images of one of so many folds, each in random order.

    The folds' validation parts are disjoint and hold every image once; each has of every class as many as any other,
    to within one image, and as many in all. Any first n indices of a part are stratified, as those of a split.
    """
    random = np.random.Generator(np.random.PCG64([seed, folds]))
    counts = np.bincount(labels)
    rank = _ranks(labels, random)
    before = (
        np.cumsum(counts) - counts
    )  # dealing goes on where the last class ended: no fold gets all the rests
    fold = (before[labels] + rank) % folds
    aside = fold == number
    inside = np.zeros(len(labels), np.int64)  # the place of each image among those of its class and part
    for part in (aside, ~aside):
        for label in range(len(counts)):
            mine = np.flatnonzero(part & (labels == label))
            inside[mine[np.argsort(rank[mine])]] = np.arange(len(mine))
    sizes = np.stack(
        [
            np.bincount(labels[~aside], minlength=len(counts)),
            np.bincount(labels[aside], minlength=len(counts)),
        ]
    )
    order = np.argsort(
        (inside + random.random(len(labels))) / sizes[aside.astype(int), labels], kind="stable"
    )
    return order[~aside[order]], order[aside[order]]


def _ranks(labels: Indices, random: np.random.Generator) -> Indices:
    """The place of each image in a random order of those of its class."""
    lot, counts = random.random(len(labels)), np.bincount(labels)
    by_class = np.lexsort((lot, labels))
    rank = np.empty(len(labels), np.int64)
    rank[by_class] = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rank


def check_folds(folds: int, classes: Sequence[str] = (), counts: Sequence[int] = ()) -> None:
    """Raises UserError for a number of folds that is none (0: no folds), or that is more than a class has images."""
    if folds != 0 and not 2 <= folds <= MOST_FOLDS:
        raise UserError(f"--folds {folds}: expected from 2 to {MOST_FOLDS}")
    few = [f"{name!r} has {count}" for name, count in zip(classes, counts, strict=True) if count < folds]
    if few:
        more = f" and {len(few) - 5:,} more" if len(few) > 5 else ""
        raise UserError(
            f"--folds {folds}: every class needs as many images to train on, one for each fold; "
            f"{', '.join(few[:5])}{more}. Ask for fewer folds, add images or remove the class"
        )


def said_of(
    name: str, classes: Sequence[str], counts: Sequence[int], training: int, smallest: int = 5
) -> list[str]:
    """What a user is told of a validation part: counts of images by class, and how many are trained on.

    smallest: images of the smallest class in both, which bounds the folds that are recommended.

    Nothing where one image is worth half a percentage point or less and no class has fewer than FEW.
    """
    images, said = sum(counts), []
    if round(100 / images, 1) > 100 / WANTED:  # rounding by class may leave out a few of those wanted
        share = images / (images + training)
        folds = min(5, smallest)
        advice = f"; --folds {folds} of search, compare and ablate judges on all {images + training:,}"
        said.append(
            f"{name}: {images:,} images to validate on ({share:.0%}), each worth {100 / images:.2g} percentage points"
            + advice * (folds > 1)
        )
    few = [f"{label} ({count})" for label, count in zip(classes, counts, strict=True) if count < FEW]
    if few:
        more = f" and {len(few) - 5:,} more" if len(few) > 5 else ""
        said.append(f"{name}: classes with hardly an image to validate on: {', '.join(few[:5])}{more}")
    return said
