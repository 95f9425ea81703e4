"""How well a network names the classes of images whose classes are known."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from nas.predict.predicting import Predictions


@dataclass(frozen=True)
class ClassScore:
    """Of a class: how many images there are, and shares in [0, 1]; 0 where there is nothing to take a share of."""

    name: str
    images: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Scores:
    """In [0, 1]: accuracy, and means over the classes that there are images of: balanced accuracy and macro F1. How
    often an image of a class (row) was given a class (column): int64 [C, C]; by class.
    """

    accuracy: float
    balanced_accuracy: float
    f1: float
    confusion: npt.NDArray[np.int64]
    classes: tuple[ClassScore, ...]


def score(found: Predictions) -> Scores:
    """The scores of predictions that can be judged, of the classes that there are images of or that were named."""
    names = found.card.classes
    rows = list(range(len(names)))
    table = np.asarray(confusion_matrix(found.labels, found.guesses, labels=rows), np.int64)
    values = precision_recall_fscore_support(found.labels, found.guesses, labels=rows, zero_division=0)
    classes = [
        ClassScore(name, int(images), float(precision), float(recall), float(f1))
        for name, precision, recall, f1, images in zip(names, *values, strict=True)
    ]
    present = [one for one in classes if one.images]
    recall, f1 = (float(np.mean([getattr(one, name) for one in present])) for name in ("recall", "f1"))
    return Scores(float(np.trace(table) / table.sum()), recall, f1, table, tuple(classes))
