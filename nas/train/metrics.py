"""What a network is judged by, by name: accuracy, and what is fairer where classes are of unequal size.

Definitions are scikit-learn's. All are in [0, 1], the higher the better; a class without an image in the split that is
judged has no part in them.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from nas.common.errors import UserError, shown

ACCURACY = "accuracy"
METRICS = {
    ACCURACY: "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1": "macro F1",
    "auroc": "AUROC",
}
"""Every metric by its name, and what it is called in tables."""


def check_metric(name: str) -> None:
    """Raises UserError for a name that is none."""
    if name not in METRICS:
        raise UserError(f"metric {shown(name)}: expected one of {', '.join(METRICS)}")


def score(name: str, logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> float:
    """The metric of logits [N, classes] for images of these classes [N].

    balanced_accuracy: the mean over classes of the share of their images that is right. f1: the mean over classes of
    the harmonic mean of precision and recall. auroc: the mean over classes of the area under the curve of that class
    against the rest; of a split with one class alone it is not known, and NaN.
    """
    from sklearn.metrics import f1_score, recall_score, roc_auc_score

    guesses, present = logits.argmax(axis=1), np.unique(labels)
    if name == ACCURACY:
        return float(np.mean(guesses == labels))
    if name == "balanced_accuracy":
        return float(recall_score(labels, guesses, labels=present, average="macro", zero_division=0))
    if name == "f1":
        return float(f1_score(labels, guesses, labels=present, average="macro", zero_division=0))
    if len(present) < 2:
        return float("nan")
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Any = odds / odds.sum(axis=1, keepdims=True)
    return float(np.mean([roc_auc_score(labels == one, shares[:, one]) for one in present]))
