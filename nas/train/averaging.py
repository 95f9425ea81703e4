"""An exponential moving average of a network's weights, which is often better than the last of them.

Polyak and Juditsky 1992; with the rising decay of the first steps as in TensorFlow and timm.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Average:
    """What a network's weights and batch-norm statistics have been of late, beside the network.

    Step n (from 0) keeps min(decay, (1 + n) / (10 + n)) of what was there, so that the weights drawn at the
    start are soon forgotten. What it does at a step can be recorded as part of a CUDA graph.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        floating = [one for one in model.buffers() if one.is_floating_point()]
        self._live = [one.detach() for one in (*model.parameters(), *floating)]
        self._kept = [one.clone() for one in self._live]
        self._decay = decay
        self._share = torch.zeros((), device=self._live[0].device)

    def prepare(self, step: int) -> None:
        """Say which step comes."""
        self._share.fill_(1 - min(self._decay, (1 + step) / (10 + step)))

    def follow(self) -> None:
        """Move towards the weights as they are."""
        for kept, live in zip(self._kept, self._live, strict=True):
            kept.lerp_(live, self._share)

    def swap(self) -> None:
        """Exchange the network's weights and the average; twice is as before."""
        for kept, live in zip(self._kept, self._live, strict=True):
            before = live.clone()
            live.copy_(kept)
            kept.copy_(before)

    def state(self) -> list[Tensor]:
        """The average, as `restore` takes it."""
        return self._kept

    def restore(self, state: Sequence[Tensor]) -> None:
        """Go on from a state. Raises ValueError where it is not of this network."""
        for kept, given in zip(self._kept, state, strict=True):
            if kept.shape != given.shape:
                raise ValueError("the averaged weights are another network's")
            kept.copy_(given)
