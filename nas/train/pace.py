"""How long a training will take, from a few of its steps: for whoever wants to know before it starts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch
from torch import nn

from nas.kernels.compute import best
from nas.train.batches import Batches, stratified
from nas.train.recipe import Fidelity, Recipe, schedule
from nas.train.stepping import EAGER_STEPS, Stepper
from nas.train.trainer import evaluate, find_device, prepare

if TYPE_CHECKING:
    from nas.data.dataset import Dataset

STEPS, IMAGES = 5, 200
"""What is timed, after as many untimed steps as warm a device up."""


def foreseen(
    model: nn.Module, data: Dataset, fidelity: Fidelity, recipe: Recipe, device: str, reports: int
) -> float:
    """Seconds that `nas.train.trainer.train` would take for this, on one thread of a CPU or on a GPU.

    model: as `train` takes it; it is a few steps further on afterwards. The machine as it is now: what runs beside it
    counts. Loading and the start of a process do not. Raises UserError as `train` does.
    """
    torch_device, threads = find_device(device), torch.get_num_threads()
    compute, split, validation = best(torch_device), data.train(), data.validation()
    rows = stratified(split.labels, fidelity.subset, 0)
    plan = schedule(recipe, fidelity, len(rows))
    torch.set_num_threads(1)
    try:
        batches = Batches(split, rows, data, plan, recipe, 0, torch_device)
        prepare(model, recipe, torch_device, compute)
        with compute.training(model, torch_device):
            stepper = Stepper(model, batches, plan, recipe, compute)
            timed = min(STEPS, max(1, plan.steps - EAGER_STEPS))
            for step in range(min(EAGER_STEPS + timed, plan.steps)):
                if step == min(EAGER_STEPS, plan.steps - 1):
                    stepper.recent_loss(1)  # waits for the device
                    began = time.perf_counter()
                stepper.step()
            stepper.recent_loss(1)
            step_seconds = (time.perf_counter() - began) / timed
        few = type(validation)(validation.images[:IMAGES], validation.labels[:IMAGES])
        began = time.perf_counter()
        evaluate(model, few, data, device, compute=compute)
        image_seconds = (time.perf_counter() - began) / len(few)
    finally:
        torch.set_num_threads(threads)
    return plan.steps * step_seconds + min(reports, plan.steps) * len(validation) * image_seconds
