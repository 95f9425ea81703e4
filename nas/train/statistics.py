"""Batch-norm statistics measured anew: what a briefly trained network is judged by.

Running statistics are an average over the last steps. In a schedule of a few dozen steps these are of weights that
have long moved on, and of activations that were still growing: a network can stand at chance that is right everywhere
once its statistics are those of its weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from nas.kernels.compute import Compute
from nas.train.batches import normaliser

if TYPE_CHECKING:
    from nas.data.dataset import Dataset, Split

BATCH = 100
LEAST, MOST = 200, 1000
"""Images that statistics are measured on, where there are so many: each pixel of a map is a sample."""
SHARE = 8
"""Between these bounds, one image for so many that were trained on, which bounds the time."""


def measure_statistics(
    model: nn.Module,
    split: Split,
    rows: torch.Tensor,
    data: Dataset,
    device: torch.device,
    compute: Compute,
    seed: int = 0,
    wanted: int = MOST,
) -> None:
    """Replace the running statistics of every batch norm by the mean over batches of images without augmentation.

    The images are `wanted` of `rows` of the split, LEAST to MOST, chosen by the seed, in equal batches of up to BATCH.
    Nothing but the statistics changes; a model without batch norm is left as it is.
    """
    norms = [
        module
        for module in model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None
    ]
    if not norms:
        return
    chance = torch.Generator().manual_seed(seed)
    wanted = min(max(wanted, LEAST), MOST)
    chosen = rows[torch.randperm(len(rows), generator=chance)[:wanted]].numpy()
    normalise, was_training = normaliser(data, device), model.training
    momenta = [norm.momentum for norm in norms]
    model.eval()
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # torch's word for the mean over all batches
            norm.train()
        with torch.no_grad(), compute.precision(device):
            for some in np.array_split(chosen, -(-len(chosen) // BATCH)):
                images = normalise(torch.from_numpy(split.images[np.sort(some)]).to(device))
                model(images.contiguous(memory_format=compute.memory_format))
    finally:
        model.train(was_training)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
