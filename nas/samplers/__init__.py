"""Samplers: which point of a space to try next.

`FrontSampler` is ours; the other names of `--sampler` are Optuna's own (see nas.samplers.register).
"""

from typing import TYPE_CHECKING

from nas.common.lazy import exports

if TYPE_CHECKING:
    from nas.samplers.front import FrontSampler, SpaceExhausted
    from nas.samplers.history import FIDELITY, FOLDS, PARTIAL, PriorResult

_HOMES = {
    "FIDELITY": "history",
    "FOLDS": "history",
    "PARTIAL": "history",
    "FrontSampler": "front",
    "PriorResult": "history",
    "SpaceExhausted": "front",
}
__all__ = ["FIDELITY", "FOLDS", "PARTIAL", "FrontSampler", "PriorResult", "SpaceExhausted"]
__getattr__, __dir__ = exports(__name__, _HOMES)
