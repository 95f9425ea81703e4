"""Train one network at one fidelity: a plain loop for the CPU and for CUDA.

The pixels are one uint8 array; a batch is gathered, mirrored and shifted as a whole on the device, so that
no loader process competes with the arithmetic. How that is done fast is `nas.kernels.compute`'s to say. The
schedule counts optimiser steps, and all of its chance comes from one seed: with one thread, a CPU run repeats
bit for bit. `nas.train` is the command and re-exports what is public here; nothing in this module needs the
search's libraries.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from nas.common.errors import UserError, briefly, require
from nas.kernels.compute import Compute, best
from nas.train.batches import Batches, normaliser, stratified
from nas.train.recipe import DEFAULT, Fidelity, Recipe, Schedule, schedule
from nas.train.statistics import measure_statistics

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
EAGER_STEPS = 3
"""Before a graph is recorded: the optimiser's state and the libraries' workspaces must exist."""

Work = Callable[[], None]


class TrainingFailed(RuntimeError):
    """The loss became NaN or infinite. The message names the step and the value."""


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
    measuring: float = 0.0


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
) -> Outcome:
    """Train `model` in place on the training split and report its accuracy on the validation split.

    model: float images [N, 3, H, W] to logits [N, classes]; its initial weights are the caller's
    (`seed_everything` before building makes them repeatable). It ends on the device, in channels-last memory
    format, in evaluation mode, with the recipe's batch-norm momentum. reports: how many, at equal shares of
    the schedule, the last at its end; fewer if there are fewer steps. `report` is called with each, off the
    clock; where it returns True the training ends there, and what it raises ends it. seed: fixes subset, order,
    augmentation and dropout; the global random states neither influence the result nor are changed. compute: by
    default the fastest for the device. The number of threads is left to the caller.

    Raises UserError for a device that is not there or data that do not fit the fidelity, TrainingFailed when
    the loss is NaN or infinite.
    """
    started, torch_device = time.perf_counter(), find_device(device)
    compute = compute or best(torch_device)
    require(reports >= 1, "reports", reports, "1 or more")
    _check_loaded(data, fidelity.resolution)
    split, validation = data.train(), data.validation()
    rows = stratified(split.labels, fidelity.subset, seed)
    plan = schedule(recipe, fidelity, len(rows))
    batches = Batches(split, rows, data, plan, recipe, seed, torch_device)
    prepare(model, recipe, torch_device, compute)
    graph = cuda_graph if compute.graphs and torch_device.type == "cuda" else None
    curve, measuring = list[Progress](), 0.0
    with _private_chance(seed, torch_device), compute.training(model, torch_device):
        stepper = Stepper(model, batches, plan, recipe, compute, graph)
        for share, loss in _run(stepper, plan.steps, reports, look=torch_device.type == "cpu"):
            if stepper.done < recipe.statistics_until:
                measuring += measure_statistics(model, batches.plain(stepper.done), torch_device, compute)
            accuracy = evaluate(model, validation, data, device, compute=compute)
            curve.append(Progress(share, accuracy, loss, time.perf_counter() - started))
            if report is not None and report(curve[-1]):
                break
            started = time.perf_counter() - curve[-1].seconds
    model.eval()
    last, steps = curve[-1], stepper.done
    images = steps * plan.batch_size
    return Outcome(last.accuracy, last.loss, last.seconds, images, steps, tuple(curve), measuring=measuring)


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
    torch_device = find_device(device)
    compute = compute or best(torch_device)
    model.to(torch_device, memory_format=compute.memory_format)  # type: ignore[call-overload]
    normalise = normaliser(data, torch_device)
    was_training = model.training
    model.eval()
    correct = torch.zeros((), dtype=torch.int64, device=torch_device)
    with torch.inference_mode(), compute.evaluating(model), compute.precision(torch_device):
        for start in range(0, len(split.labels), batch_size):
            images = torch.from_numpy(np.array(split.images[start : start + batch_size])).to(torch_device)
            labels = torch.from_numpy(np.array(split.labels[start : start + batch_size])).to(torch_device)
            logits = model(normalise(images).contiguous(memory_format=compute.memory_format))
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


def prepare(model: nn.Module, recipe: Recipe, device: torch.device, compute: Compute) -> None:
    """Put the model on the device, in its format, in training mode, with the recipe's batch-norm momentum."""
    model.to(device, memory_format=compute.memory_format)  # type: ignore[call-overload]
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = recipe.batch_norm_momentum


def _check_loaded(data: Dataset, resolution: int) -> None:
    if data.resolution != resolution:
        raise UserError(
            f"fidelity resolution {resolution}: {data.name} was loaded at {data.resolution}; "
            f"load the data with resolution={resolution}"
        )


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
def _private_chance(seed: int, device: torch.device) -> Iterator[None]:
    """Dropout draws from torch's global states: seed those of this device, and give them back afterwards."""
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        if cuda:
            torch.cuda.manual_seed(seed)
        yield


class Stepper:
    """A network in training: the same work at every step, over tensors that stay where they are.

    So it can be recorded once as a CUDA graph and replayed, which spares a small network the launching of some
    thousand kernels a step; on the CPU, and where recording fails, the same function is called. Nothing in a step
    makes the CPU wait for the device: the learning rate, the losses and the step's number are tensors there.

    `done` counts its steps; `losses` [steps] holds theirs, on the device. capture: makes of a piece of work
    something that repeats it; None calls the work itself at every step.
    """

    def __init__(
        self,
        model: nn.Module,
        batches: Batches,
        plan: Schedule,
        recipe: Recipe,
        compute: Compute,
        capture: Callable[[Work], Work] | None = None,
    ) -> None:
        device = batches.device
        self.done = 0
        self.losses = torch.zeros(plan.steps, device=device)
        self._model, self._batches, self._plan, self._compute = model, batches, plan, compute
        self._smoothing, self._clip = recipe.label_smoothing, recipe.clip
        self._parameters = [one for one in model.parameters() if one.requires_grad]
        self._rate = torch.zeros((), device=device)
        self._optimizer = torch.optim.SGD(
            weight_groups(model, recipe.weight_decay),
            lr=self._rate,
            momentum=recipe.momentum,
            nesterov=recipe.momentum > 0,
            fused=True,  # the one form of it that takes the rate from a tensor without looking at it
        )
        shape = batches.choices, batches.batch_size
        self._chosen = torch.zeros(shape, dtype=torch.int64, device=device)
        self._at = torch.zeros(1, dtype=torch.int64, device=device)
        self._capture = capture
        self._repeat: Work | None = None

    def step(self) -> None:
        """Draw a batch and take one step on it."""
        chosen, on_cuda = self._batches.choose(), self._chosen.is_cuda
        self._chosen.copy_(chosen.pin_memory() if on_cuda else chosen, non_blocking=on_cuda)
        self._rate.fill_(self._plan.learning_rate(self.done))
        if self._repeat is None and self._capture is not None and self.done >= EAGER_STEPS:
            self._record(self._capture)
        if self._repeat is not None:
            self._repeat()
        elif self._capture is not None and on_cuda:
            _beside(self._work)
        else:
            self._work()
        self.done += 1

    def _work(self) -> None:
        images, labels = self._batches.make(self._chosen)
        with self._compute.precision(self._batches.device):
            logits = self._model(images.contiguous(memory_format=self._compute.memory_format))
        loss = functional.cross_entropy(logits.float(), labels, label_smoothing=self._smoothing)
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        if self._clip:
            clip(self._parameters, self._clip)
        self._optimizer.step()
        self.losses.index_copy_(0, self._at, loss.detach().view(1))
        self._at += 1

    def _record(self, capture: Callable[[Work], Work]) -> None:
        """Record the work, which does not do it; where that fails, go on without."""
        try:
            self._repeat = capture(self._work)
        except RuntimeError as error:  # a network that waits for the device, or asks it for a size
            self._capture = None
            warnings.warn(f"training without a CUDA graph, more slowly: {briefly(error)}", stacklevel=2)

    def recent_loss(self, steps: int) -> float:
        """Mean of the last so many losses. Waits for the device."""
        return self.losses[max(0, self.done - steps) : self.done].mean().item()

    def check_finite(self, steps: int) -> None:
        """Raise TrainingFailed at the first of the last so many losses that is not finite. Waits likewise."""
        start = max(0, self.done - steps)
        for step, loss in enumerate(self.losses[start : self.done].tolist(), start=start + 1):
            if not math.isfinite(loss):
                raise TrainingFailed(
                    f"the loss was {loss} at step {step} of {len(self.losses)}; lower the learning rate"
                )


def clip(parameters: list[nn.Parameter], most: float) -> None:
    """Scale the gradients down to a norm of `most`, all together, where it is larger.

    On the CPU, where a look costs nothing, they are left untouched where it is not; on CUDA always multiplied.
    """
    norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    if norm.is_cuda or norm > most:
        nn.utils.clip_grads_with_norm_(parameters, most, norm)


def cuda_graph(work: Work) -> Work:
    """The work recorded as a CUDA graph, without being done. Raises RuntimeError where it cannot be."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def _beside(work: Work) -> None:
    """Do the work on a stream of its own, as what is to be recorded later must have been."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        work()
    torch.cuda.current_stream().wait_stream(side)


def weight_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Optimiser groups: decay for the weights of convolutions and linear layers, none for all the rest."""
    layers = (nn.Conv1d, nn.Conv2d, nn.Linear)
    decayed = {id(module.weight) for module in model.modules() if isinstance(module, layers)}
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in parameters if id(p) in decayed], "weight_decay": weight_decay},
        {"params": [p for p in parameters if id(p) not in decayed], "weight_decay": 0.0},
    ]
