"""Samplers: which point of a space to try next.

`FrontSampler` is ours; the other names of `--sampler` are Optuna's own.
"""

from nas.samplers.front import FrontSampler, SpaceExhausted
from nas.samplers.history import FIDELITY, PARTIAL, PriorResult

__all__ = ["FIDELITY", "PARTIAL", "FrontSampler", "PriorResult", "SpaceExhausted"]
