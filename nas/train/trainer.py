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
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from nas.common.errors import UserError, require
from nas.common.sizes import Size
from nas.kernels.compute import Compute, best
from nas.train.batches import Batches, normaliser, stratified
from nas.train.metrics import ACCURACY, score
from nas.train.outcome import Course, Outcome, Progress
from nas.train.recipe import DEFAULT, Fidelity, Recipe, schedule
from nas.train.statistics import measure_statistics
from nas.train.stepping import Stepper, TrainingFailed, Work, cuda_graph

if TYPE_CHECKING:
    from nas.data.dataset import Dataset, Split
    from nas.train.keeping import Keeper

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


def train(
    model: nn.Module,
    data: Dataset,
    fidelity: Fidelity,
    recipe: Recipe = DEFAULT,
    *,
    seed: int = 0,
    device: str = "auto",
    reports: int = 4,
    report: Callable[[Progress], bool | None] | None = None,
    compute: Compute | None = None,
    keeper: Keeper | None = None,
    metric: str = ACCURACY,
) -> Outcome:
    """Train `model` in place on the training split and report its accuracy on the validation split.

    model: float images [N, channels, H, W] to logits [N, classes]; its initial weights are the caller's
    (`seed_everything` before building makes them repeatable). It ends on the device, in channels-last memory
    format, in evaluation mode, with the recipe's batch-norm momentum. reports: how many, at equal shares of the
    schedule, the last at its end; fewer if there are fewer steps. `report` is called with each, off the clock; where
    it returns True the training ends there, and what it raises ends it. seed: fixes subset, order, augmentation and
    dropout; the global random states neither influence the result nor are changed. compute: by default the fastest
    for the device. keeper: keeps its state, and goes on from it. metric: judges it in the place of accuracy. The
    number of threads is left to the caller. Raises UserError for a device that is not there or data that do not fit
    the fidelity, TrainingFailed when the loss is NaN or infinite.
    """
    course, torch_device = Course(time.perf_counter()), find_device(device)
    compute = compute or best(torch_device)
    _check(data, fidelity.resolution, reports)
    split, validation = data.train(), data.validation()
    rows = stratified(split.labels, fidelity.subset, seed)
    plan = schedule(recipe, fidelity, len(rows))
    batches = Batches(split, rows, data, plan, recipe, seed, torch_device)
    prepare(model, recipe, torch_device, compute)
    with _private_chance(seed, torch_device), compute.training(model, torch_device):
        stepper = Stepper(model, batches, plan, recipe, compute, _capture(compute, torch_device))
        _restore(keeper, stepper, course)
        for share, loss in _run(stepper, plan.steps, reports, course, keeper):
            stepper.swap()  # what is judged is the average, where there is one
            if stepper.done < recipe.statistics_until:
                course.measuring += _measure(model, batches, stepper.done, compute)
            accuracy = evaluate(model, validation, data, device, compute=compute, metric=metric)
            course.report(share, accuracy, loss, time.perf_counter())
            _keep(keeper, model, stepper, course)
            if report is not None and report(course.curve[-1]):
                break
            course.started = time.perf_counter() - course.seconds
        stepper.swap()
    return _ended(model.eval(), stepper.done, plan.batch_size, course, keeper)


def _restore(keeper: Keeper | None, stepper: Stepper, course: Course) -> None:
    if keeper is not None:
        keeper.restore(stepper, course)
        course.started -= course.seconds


def _measure(model: nn.Module, batches: Batches, done: int, compute: Compute) -> float:
    return measure_statistics(model, batches.plain(done), batches.device, compute)


def _keep(keeper: Keeper | None, model: nn.Module, stepper: Stepper, course: Course) -> None:
    """Keep what was judged, and exchange the average for the weights that go on."""
    if keeper is not None:
        keeper.judged(model, course.curve[-1].accuracy)
    stepper.swap()
    if keeper is not None:
        keeper.save(stepper, course)


def _ended(model: nn.Module, steps: int, batch_size: int, course: Course, keeper: Keeper | None) -> Outcome:
    last = course.curve[-1]
    accuracy = last.accuracy if keeper is None else keeper.finish(model, last.accuracy)
    images, curve = steps * batch_size, tuple(course.curve)
    return Outcome(accuracy, last.loss, last.seconds, images, steps, curve, measuring=course.measuring)


def evaluate(
    model: nn.Module,
    split: Split,
    data: Dataset,
    device: str = "auto",
    batch_size: int = 500,
    compute: Compute | None = None,
    metric: str = ACCURACY,
) -> float:
    """Accuracy, or another metric, in [0, 1] on a split of `data`, which gives the normalisation.

    The model is moved to the device, judged in evaluation mode and left in the mode it came in.
    """
    if len(split.labels) == 0:
        raise UserError(f"{data.name}: no images to evaluate on; give the split a larger share")
    torch_device = find_device(device)
    compute = compute or best(torch_device)
    model.to(torch_device, memory_format=compute.memory_format)  # type: ignore[call-overload]
    normalise = normaliser(data, torch_device)
    was_training = model.training
    model.eval()
    correct, logits = torch.zeros((), dtype=torch.int64, device=torch_device), list[Tensor]()
    with torch.inference_mode(), compute.evaluating(model), compute.precision(torch_device):
        for start in range(0, len(split.labels), batch_size):
            images = torch.from_numpy(np.array(split.images[start : start + batch_size])).to(torch_device)
            labels = torch.from_numpy(np.array(split.labels[start : start + batch_size])).to(torch_device)
            told = model(normalise(images).contiguous(memory_format=compute.memory_format))
            correct += (told.argmax(1) == labels).sum()
            logits += [] if metric == ACCURACY else [told.float().cpu()]
    model.train(was_training)
    if metric == ACCURACY:
        return correct.item() / len(split.labels)
    return score(metric, torch.cat(logits).numpy(), np.asarray(split.labels))


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


def prepare(model: nn.Module, recipe: Recipe, device: torch.device, compute: Compute) -> None:
    """Put the model on the device, in its format, in training mode, with the recipe's batch-norm momentum."""
    model.to(device, memory_format=compute.memory_format)  # type: ignore[call-overload]
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = recipe.batch_norm_momentum


def _capture(compute: Compute, device: torch.device) -> Callable[[Work], Work] | None:
    return cuda_graph if compute.graphs and device.type == "cuda" else None


def _check(data: Dataset, resolution: Size, reports: int) -> None:
    require(reports >= 1, "reports", reports, "1 or more")
    if data.resolution != resolution:
        raise UserError(
            f"fidelity resolution {resolution}: {data.name} was loaded at {data.resolution}; "
            f"load the data with resolution={resolution}"
        )


def _run(
    stepper: Stepper, steps: int, reports: int, course: Course, keeper: Keeper | None
) -> Iterator[tuple[float, float]]:
    """Take the steps that are left. At each report yield its share of the schedule and the latest training loss.

    On the CPU the losses are looked at in between as well.
    """
    due = {max(1, round(steps * n / reports)): n / reports for n in range(1, reports + 1)}
    looked, look = stepper.done, not stepper.losses.is_cuda
    for done in range(stepper.done + 1, steps + 1):
        stepper.step()
        pause = done % CHECK_EVERY == 0
        keep = pause and keeper is not None and keeper.due(done, steps) and done not in due
        if done in due or keep or (look and pause):
            stepper.check_finite(done - looked)
            looked = done
        if keep and keeper is not None:
            course.seconds = time.perf_counter() - course.started
            keeper.save(stepper, course)
        if done in due:
            yield due[done], stepper.recent_loss(max(1, steps // 10))


@contextmanager
def _private_chance(seed: int, device: torch.device) -> Iterator[None]:
    """Dropout draws from torch's global states: seed those of this device, and give them back afterwards."""
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        if cuda:
            torch.cuda.manual_seed(seed)
        yield
