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
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.errors import UserError
from nas.kernels.compute import Compute, best

if TYPE_CHECKING:
    from nas.data import Dataset, Split

SMALLEST_BATCH = 16  # below it batch norm's statistics are mostly noise
CHECK_EVERY = 20  # steps between looks at the losses: each look makes the CPU wait for a CUDA device


def _require(holds: bool, name: str, value: object, expected: str) -> None:
    if not holds:
        raise UserError(f"{name} {value!r}: expected {expected}")


class TrainingFailed(RuntimeError):
    """The loss became NaN or infinite. The message names the step and the value."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; the defaults are measured, on CIFAR-10 (0.4 to 9 epochs) and on digits.

    SGD with Nesterov momentum. The learning rate rises linearly over the first `warmup` share of the steps to
    `lr` and falls linearly to 0. `lr` is meant for `batch_size`: where a schedule would have fewer than
    `min_steps` steps the batch is halved, down to 16 at the least, and the rate goes with its square root.
    Images are mirrored at random if `mirror`, and shifted by up to an eighth of their side (the border
    reflected) in schedules of at least `shift_from` epochs: in 2, 4 and 9 epochs of CIFAR-10 shifting cost a
    small network 2 to 3 points. `batch_norm_momentum` replaces the modules' own, which is often tuned for
    schedules of weeks. Decay is for the weights of convolutions and linear layers alone.
    """

    lr: float = 0.4
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warmup: float = 0.2
    label_smoothing: float = 0.1
    batch_size: int = 128
    min_steps: int = 120
    batch_norm_momentum: float = 0.1
    mirror: bool = True
    shift_from: float = 10.0

    def __post_init__(self) -> None:
        _require(0 < self.lr < math.inf, "lr", self.lr, "a number above 0")
        _require(0 <= self.momentum < 1, "momentum", self.momentum, "a number in [0, 1)")
        _require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "a number from 0")
        _require(0 <= self.warmup < 1, "warmup", self.warmup, "a share of the steps in [0, 1)")
        _require(0 <= self.label_smoothing < 1, "label_smoothing", self.label_smoothing, "a number in [0, 1)")
        _require(self.batch_size >= 2, "batch_size", self.batch_size, "2 or more")
        _require(self.min_steps >= 0, "min_steps", self.min_steps, "0 or more")
        momentum = self.batch_norm_momentum
        _require(0 < momentum <= 1, "batch_norm_momentum", momentum, "a number in (0, 1]")
        _require(self.shift_from >= 0, "shift_from", self.shift_from, "a number of epochs from 0")


@dataclass(frozen=True)
class Fidelity:
    """How briefly a network is trained: epochs (decimals allowed) over a share of the training images."""

    epochs: float
    subset: float = 1.0
    resolution: int = 32

    def __post_init__(self) -> None:
        _require(0 < self.epochs < math.inf, "epochs", self.epochs, "a number above 0")
        _require(0 < self.subset <= 1, "subset", self.subset, "a share of the images in (0, 1]")
        _require(self.resolution >= 1, "resolution", self.resolution, "pixels, 1 or more")


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


@dataclass(frozen=True)
class Schedule:
    """What a recipe comes to at one fidelity on a given number of images."""

    steps: int
    batch_size: int
    lr: float
    warmup: float
    shift: bool

    def learning_rate(self, step: int) -> float:
        """The rate of a step, counted from 0: up to `lr` over the warm-up, then down to 0, both linear."""
        done = (step + 0.5) / self.steps  # the middle of the step: never quite 0, even in a single step
        return self.lr * (done / self.warmup if done < self.warmup else (1 - done) / (1 - self.warmup))


def schedule(recipe: Recipe, fidelity: Fidelity, images: int) -> Schedule:
    """The steps, batch size and learning rate for so many training images."""
    if images < 2:
        raise UserError(
            f"{images} training image(s): at least 2 are needed; give more images or a larger subset"
        )
    batch = recipe.batch_size
    while fidelity.epochs * images / batch < recipe.min_steps and batch // 2 >= SMALLEST_BATCH:
        batch //= 2
    batch = min(batch, images)
    return Schedule(
        steps=max(1, round(fidelity.epochs * images / batch)),
        batch_size=batch,
        lr=recipe.lr * math.sqrt(batch / recipe.batch_size),
        warmup=recipe.warmup,
        shift=fidelity.epochs >= recipe.shift_from,
    )


def train(
    model: nn.Module,
    data: Dataset,
    fidelity: Fidelity,
    recipe: Recipe = Recipe(),
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
    _require(reports >= 1, "reports", reports, "1 or more")
    if data.resolution != fidelity.resolution:
        raise UserError(
            f"fidelity resolution {fidelity.resolution}: {data.name} was loaded at {data.resolution}; "
            f"load the data with resolution={fidelity.resolution}"
        )
    split, validation = data.train(), data.validation()
    rows = stratified(split.labels, fidelity.subset, seed)
    plan = schedule(recipe, fidelity, len(rows))
    how = best(place) if compute is None else compute
    batches = _Batches(split, rows, data, plan, recipe.mirror, seed, place)
    prepare(model, recipe, place, how)
    curve: list[Progress] = []
    with _private_chance(seed, place), how.training(model, place):
        for share, loss in _optimise(model, batches, plan, recipe, reports, how):
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
    normalise = _normaliser(data, place)
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


def stratified(labels: npt.NDArray[np.int64], share: float, seed: int) -> Tensor:
    """The same share of every class, at least one image of each: rows, int64, ascending."""
    if share == 1:
        return torch.arange(len(labels))
    chance = torch.Generator().manual_seed(seed)
    kept = []
    for label in np.unique(labels):
        rows = torch.from_numpy(np.flatnonzero(labels == label))
        order = torch.randperm(len(rows), generator=chance)
        kept.append(rows[order[: max(1, round(share * len(rows)))]])
    return torch.cat(kept).sort().values


def prepare(model: nn.Module, recipe: Recipe, place: torch.device, how: Compute) -> None:
    """Put the model on the device, in its format, in training mode, with the recipe's batch-norm momentum."""
    model.to(place, memory_format=how.memory_format)  # type: ignore[call-overload]
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = recipe.batch_norm_momentum


def weight_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Optimiser groups: decay for the weights of convolutions and linear layers, none for all the rest."""
    layers = (nn.Conv1d, nn.Conv2d, nn.Linear)
    decayed = {id(module.weight) for module in model.modules() if isinstance(module, layers)}
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in parameters if id(p) in decayed], "weight_decay": weight_decay},
        {"params": [p for p in parameters if id(p) not in decayed], "weight_decay": 0.0},
    ]


class _Batches:
    """An endless stream of augmented, normalised batches: every image once an epoch, no gap between epochs.

    All chance is drawn on the CPU from one generator, so that the stream is the same on every device.
    """

    def __init__(
        self,
        split: Split,
        rows: Tensor,
        data: Dataset,
        plan: Schedule,
        mirror: bool,
        seed: int,
        place: torch.device,
    ) -> None:
        with warnings.catch_warnings():  # torch warns that the memory map is read-only; it is only read
            warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
            images = torch.from_numpy(split.images)
        self.side = data.resolution
        self.pixels = images.to(place).reshape(-1, 3)  # no copy on the CPU: workers share the mapped pages
        self.labels = torch.from_numpy(np.array(split.labels)).to(place)
        self.rows, self.queue = rows, rows[:0]
        self.batch_size = plan.batch_size
        self.mirror = mirror
        self.reach = self.side // 8 if plan.shift else 0
        self.chance = torch.Generator().manual_seed(seed)
        self.normalise = _normaliser(data, place)
        self.place = place

    def draw(self) -> tuple[Tensor, Tensor]:
        """Images [N, 3, H, W] float, channels-last, and labels [N] int64, on the device."""
        row, flip, down, right = self._choices().to(self.place, non_blocking=True).unsqueeze(2)
        line = torch.arange(self.side, device=self.place)
        y = _reflect(line + down, self.side)
        x = _reflect(line + right, self.side)
        x = torch.where(flip == 1, self.side - 1 - x, x)
        source = (row * self.side + y).unsqueeze(2) * self.side + x.unsqueeze(1)
        images = self.pixels.index_select(0, source.flatten()).view(-1, self.side, self.side, 3)
        return self.normalise(images), self.labels[row.flatten()]

    def _choices(self) -> Tensor:
        """Row, mirrored or not, shift down, shift right of each image of the next batch: int64 [4, N]."""
        while len(self.queue) < self.batch_size:
            order = torch.randperm(len(self.rows), generator=self.chance)
            self.queue = torch.cat([self.queue, self.rows[order]])
        row, self.queue = self.queue[: self.batch_size], self.queue[self.batch_size :]
        flip = torch.randint(2, row.shape, generator=self.chance) * int(self.mirror)
        shift = torch.randint(-self.reach, self.reach + 1, (2, len(row)), generator=self.chance)
        return torch.cat([row[None], flip[None], shift])


def _reflect(position: Tensor, side: int) -> Tensor:
    """Positions beyond either border, mirrored back into [0, side)."""
    return side - 1 - (side - 1 - position.abs()).abs()


def _normaliser(data: Dataset, place: torch.device) -> Callable[[Tensor], Tensor]:
    """From uint8 [N, H, W, 3] to float [N, 3, H, W], channels-last, of mean 0 and deviation 1 a channel."""
    # One whole line of pixels a row, so that the arithmetic runs over long rows and not over three numbers.
    mean = (torch.tensor(data.mean) * 255).repeat(data.resolution).to(place)
    scale = 1 / (torch.tensor(data.std) * 255).repeat(data.resolution).to(place)

    def normalise(images: Tensor) -> Tensor:
        lines = images.flatten(2).float()
        return lines.sub_(mean).mul_(scale).view(images.shape).permute(0, 3, 1, 2)

    return normalise


def _optimise(
    model: nn.Module, batches: _Batches, plan: Schedule, recipe: Recipe, reports: int, how: Compute
) -> Iterator[tuple[float, float]]:
    """Run the schedule. At each report yield its share of the schedule and the latest training loss."""
    groups = weight_groups(model, recipe.weight_decay)
    nesterov = recipe.momentum > 0
    optimizer = torch.optim.SGD(groups, lr=plan.lr, momentum=recipe.momentum, nesterov=nesterov)
    due = {max(1, round(plan.steps * n / reports)): n / reports for n in range(1, reports + 1)}
    losses = torch.zeros(plan.steps, device=batches.place)
    for step in range(plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate(step)
        images, labels = batches.draw()
        with how.precision(batches.place):
            logits = model(images.contiguous(memory_format=how.memory_format))
        loss = functional.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
        losses[step] = loss.detach()
        done = step + 1
        if done % CHECK_EVERY == 0 or done in due:
            _check_finite(losses, max(0, done - CHECK_EVERY), done)
        if done in due:
            yield due[done], losses[max(0, done - max(1, plan.steps // 10)) : done].mean().item()


def _check_finite(losses: Tensor, start: int, stop: int) -> None:
    """Raise TrainingFailed at the first loss of these steps that is not finite."""
    for step, loss in enumerate(losses[start:stop].tolist(), start=start + 1):
        if not math.isfinite(loss):
            raise TrainingFailed(
                f"the loss was {loss} at step {step} of {len(losses)}; lower the learning rate"
            )


@contextmanager
def _private_chance(seed: int, place: torch.device) -> Iterator[None]:
    """Dropout draws from torch's global states: seed those of this device, and give them back afterwards."""
    cuda = [place] if place.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        if cuda:
            torch.cuda.manual_seed(seed)
        yield
