"""Train one network at one fidelity: a plain loop for the CPU and for CUDA.

The pixels are one uint8 array; a batch is gathered, mirrored and shifted as a whole on the device, so that
no loader process competes with the arithmetic. How that is done fast is `nas.kernels.compute`'s to say. The
schedule counts optimiser steps, and all of its chance comes from one seed: with one thread, a CPU run repeats
bit for bit. `nas.train` is the command and re-exports what is public here; nothing in this module needs the
search's libraries.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from nas.common.errors import UserError
from nas.kernels.compute import Compute, best
from nas.train.batches import Batches, normaliser, stratified
from nas.train.recipe import DEFAULT, Fidelity, Recipe, require, schedule
from nas.train.stepping import Stepper, TrainingFailed, cuda_graph

if TYPE_CHECKING:
    from nas.data.dataset import Dataset, Split

__all__ = [
    "Fidelity",
    "Outcome",
    "Progress",
    "Recipe",
    "TrainingFailed",
    "evaluate",
    "find_device",
    "prepare",
    "seed_everything",
    "train",
]
CHECK_EVERY = 20
"""Steps between looks at the losses on a CPU; on CUDA, where a look waits for the device, once a report."""


@dataclass(frozen=True)
class Progress:
    """A report: share of the schedule in (0, 1], validation accuracy in [0, 1], training loss, seconds."""

    share: float
    accuracy: float
    loss: float
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What a training came to.

    accuracy: on the validation split, in [0, 1]. loss: mean training loss of the last tenth of the steps,
    label smoothing included. seconds: wall time of training and evaluation. images: training images seen,
    repeats counted. steps: optimiser steps. curve: the reports, the last of them at the end. test: accuracy on
    the held-out test images, where a final comparison has read them; `train` never does.
    """

    accuracy: float
    loss: float
    seconds: float
    images: int
    steps: int
    curve: tuple[Progress, ...]
    test: float | None = None


def train(
    model: nn.Module,
    data: Dataset,
    fidelity: Fidelity,
    recipe: Recipe = DEFAULT,
    *,
    seed: int = 0,
    device: str = "auto",
    reports: int = 4,
    report: Callable[[Progress], None] | None = None,
    compute: Compute | None = None,
) -> Outcome:
    """Train `model` in place on the training split and report its accuracy on the validation split.

    model: float images [N, 3, H, W] to logits [N, classes]; its initial weights are the caller's
    (`seed_everything` before building makes them repeatable). It ends on the device, in channels-last memory
    format, in evaluation mode, with the recipe's batch-norm momentum. reports: how many, at equal shares of
    the schedule, the last at its end; fewer if there are fewer steps. `report` is called with each, off the
    clock, and what it raises ends the training. seed: fixes subset, order, augmentation and dropout; the
    global random states neither influence the result nor are changed. compute: by default the fastest for the
    device. The number of threads is left to the caller.

    Raises UserError for a device that is not there or data that do not fit the fidelity, TrainingFailed when
    the loss is NaN or infinite.
    """
    started = time.perf_counter()
    place = find_device(device)
    require(reports >= 1, "reports", reports, "1 or more")
    if data.resolution != fidelity.resolution:
        raise UserError(
            f"fidelity resolution {fidelity.resolution}: {data.name} was loaded at {data.resolution}; "
            f"load the data with resolution={fidelity.resolution}"
        )
    split, validation = data.train(), data.validation()
    rows = stratified(split.labels, fidelity.subset, seed)
    plan = schedule(recipe, fidelity, len(rows))
    how = best(place) if compute is None else compute
    batches = Batches(split, rows, data, plan, recipe, seed, place)
    prepare(model, recipe, place, how)
    graphs = cuda_graph if how.graphs and place.type == "cuda" else None
    curve: list[Progress] = []
    with _private_chance(seed, place), how.training(model, place):
        stepper = Stepper(model, batches, plan, recipe, how, graphs)
        for share, loss in _run(stepper, plan.steps, reports, look=place.type == "cpu"):
            accuracy = evaluate(model, validation, data, device, compute=how)
            curve.append(Progress(share, accuracy, loss, time.perf_counter() - started))
            if report is not None:
                report(curve[-1])
                started = time.perf_counter() - curve[-1].seconds
    model.eval()
    last = curve[-1]
    images = plan.steps * plan.batch_size
    return Outcome(last.accuracy, last.loss, last.seconds, images, plan.steps, tuple(curve))


def evaluate(
    model: nn.Module,
    split: Split,
    data: Dataset,
    device: str = "auto",
    batch_size: int = 500,
    compute: Compute | None = None,
) -> float:
    """Accuracy in [0, 1] on a split of `data`, which gives the normalisation.

    The model is moved to the device, judged in evaluation mode and left in the mode it came in.
    """
    if len(split.labels) == 0:
        raise UserError(f"{data.name}: no images to evaluate on; give the split a larger share")
    place = find_device(device)
    how = best(place) if compute is None else compute
    model.to(place, memory_format=how.memory_format)  # type: ignore[call-overload]
    normalise = normaliser(data, place)
    was_training = model.training
    model.eval()
    correct = torch.zeros((), dtype=torch.int64, device=place)
    with torch.inference_mode(), how.evaluating(model), how.precision(place):
        for start in range(0, len(split.labels), batch_size):
            images = torch.from_numpy(np.array(split.images[start : start + batch_size])).to(place)
            labels = torch.from_numpy(np.array(split.labels[start : start + batch_size])).to(place)
            logits = model(normalise(images).contiguous(memory_format=how.memory_format))
            correct += (logits.argmax(1) == labels).sum()
    model.train(was_training)
    return correct.item() / len(split.labels)


def seed_everything(seed: int) -> None:
    """Seed torch's global random state, from which modules draw their weights: call before building."""
    torch.manual_seed(seed)


def find_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one, else the CPU. Raises UserError for anything that is not here."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind == "cpu" and not index:
        return torch.device("cpu")
    if kind == "cuda" and (not index or index.isdecimal()):
        if int(index or 0) < torch.cuda.device_count():
            return torch.device(name)
        raise UserError(f"device {name!r}: not on this machine; use 'auto' or 'cpu'")
    raise UserError(f"device {name!r}: expected 'auto', 'cpu', 'cuda' or 'cuda:N'")


def prepare(model: nn.Module, recipe: Recipe, place: torch.device, how: Compute) -> None:
    """Put the model on the device, in its format, in training mode, with the recipe's batch-norm momentum."""
    model.to(place, memory_format=how.memory_format)  # type: ignore[call-overload]
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = recipe.batch_norm_momentum


def _run(stepper: Stepper, steps: int, reports: int, *, look: bool) -> Iterator[tuple[float, float]]:
    """Take all the steps. At each report yield its share of the schedule and the latest training loss.

    look: whether to look at the losses in between.
    """
    due = {max(1, round(steps * n / reports)): n / reports for n in range(1, reports + 1)}
    looked = 0
    for done in range(1, steps + 1):
        stepper.step()
        if done in due or (look and done % CHECK_EVERY == 0):
            stepper.check_finite(done - looked)
            looked = done
        if done in due:
            yield due[done], stepper.recent_loss(max(1, steps // 10))


@contextmanager
def _private_chance(seed: int, place: torch.device) -> Iterator[None]:
    """Dropout draws from torch's global states: seed those of this device, and give them back afterwards."""
    cuda = [place] if place.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        if cuda:
            torch.cuda.manual_seed(seed)
        yield
