"""Training: the trainer, its recipes and fidelities. `python -m nas.train` trains one network at length.

from nas.train import Fidelity, Recipe, train
"""

from typing import TYPE_CHECKING

from nas.common.lazy import exports

if TYPE_CHECKING:
    from nas.train.trainer import (
        Fidelity,
        Outcome,
        Progress,
        Recipe,
        TrainingFailed,
        evaluate,
        seed_everything,
        train,
    )

__all__ = [
    "Fidelity",
    "Outcome",
    "Progress",
    "Recipe",
    "TrainingFailed",
    "evaluate",
    "seed_everything",
    "train",
]
__getattr__, __dir__ = exports(__name__, dict.fromkeys(__all__, "trainer"))
