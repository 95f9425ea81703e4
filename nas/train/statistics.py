"""Batch-norm statistics measured anew: what a briefly trained network is judged by.

Running statistics are an average over the last steps. In a schedule of a few dozen steps these are of weights that
have long moved on, and of activations that were still growing: a network can stand at chance that is right everywhere
once its statistics are those of its weights.
"""

import time
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from nas.kernels.compute import Compute

NORMS = nn.modules.batchnorm._BatchNorm


class Still:
    """What `train` of a frozen batch norm is: it does nothing. It stays in evaluation mode."""

    def __init__(self, norm: nn.Module) -> None:
        self._norm = norm

    def __call__(self, mode: bool = True) -> nn.Module:
        """The norm, as it was."""
        return self._norm


def is_still(norm: nn.Module) -> bool:
    """Whether a batch norm keeps its statistics."""
    return isinstance(vars(norm).get("train"), Still)


def measure_statistics(
    model: nn.Module, batches: Iterable[Tensor], device: torch.device, compute: Compute
) -> float:
    """Replace the running statistics of every batch norm by their mean over these batches; the seconds it took.

    batches: images [N, C, H, W] as the model takes them, of equal size, on the device. Nothing but the statistics
    changes; a model without batch norm is left as it is, and so is a frozen one (`nas.train.freezing`).
    """
    started = time.perf_counter()
    kept = [one for one in model.modules() if isinstance(one, NORMS) and one.running_mean is not None]
    norms = [one for one in kept if not is_still(one)]
    if not norms:
        return 0.0
    momenta, was_training = [norm.momentum for norm in norms], model.training
    model.eval()
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # torch's word for the mean over all batches
            norm.train()
        with torch.no_grad(), compute.precision(device):
            for images in batches:
                model(images.contiguous(memory_format=compute.memory_format))
    finally:
        model.train(was_training)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
    return time.perf_counter() - started
