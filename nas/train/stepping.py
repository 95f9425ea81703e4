"""The steps of a training: the same work each time, over tensors that stay where they are."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.common.errors import briefly
from nas.kernels.compute import Compute
from nas.train.averaging import Average
from nas.train.batches import Batches
from nas.train.recipe import Recipe, Schedule

EAGER_STEPS = 3
"""Before a graph is recorded: the optimiser's state and the libraries' workspaces must exist."""

Work = Callable[[], None]


class TrainingFailed(RuntimeError):
    """The loss became NaN or infinite. The message names the step and the value."""


class Stepper:
    """A network in training: the same work at every step, over tensors that stay where they are.

    So it can be recorded once as a CUDA graph and replayed, which spares a small network the launching of some
    thousand kernels a step; on the CPU, and where recording fails, the same function is called. Nothing in a step
    makes the CPU wait for the device: the learning rate, the losses and the step's number are tensors there.

    `done` counts its steps; `losses` [steps] holds theirs, on the device. capture: makes of a piece of work
    something that repeats it; None calls the work itself at every step. Where the recipe averages the weights, the
    average lies beside the network, and `swap` exchanges the two.
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
        self._average = Average(model, recipe.ema) if recipe.ema else None
        self._capture, self._eager = capture, EAGER_STEPS
        self._repeat: Work | None = None

    def step(self) -> None:
        """Draw a batch and take one step on it."""
        chosen, on_cuda = self._batches.choose(), self._chosen.is_cuda
        self._chosen.copy_(chosen.pin_memory() if on_cuda else chosen, non_blocking=on_cuda)
        self._rate.fill_(self._plan.learning_rate(self.done))
        if self._average is not None:
            self._average.prepare(self.done)
        if self._repeat is None and self._capture is not None and self._eager <= 0:
            self._record(self._capture)
        if self._repeat is not None:
            self._repeat()
        elif self._capture is not None and on_cuda:
            _beside(self._work)
        else:
            self._work()
        self.done += 1
        self._eager -= 1

    def _work(self) -> None:
        images, labels = self._batches.make(self._chosen)
        with self._compute.precision(self._batches.device):
            logits = self._model(images.contiguous(memory_format=self._compute.memory_format))
        loss = weighted_loss(logits.float(), labels, self._batches.weights, self._smoothing)
        own = self._batches.mixed(self._chosen)
        if own is not None:  # the images are mixed already
            other = weighted_loss(logits.float(), labels.flip(0), self._batches.weights, self._smoothing)
            loss = torch.lerp(other, loss, own)
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        if self._clip:
            clip(self._parameters, self._clip)
        self._optimizer.step()
        if self._average is not None:
            self._average.follow()
        self.losses.index_copy_(0, self._at, loss.detach().view(1))
        self._at += 1

    def _record(self, capture: Callable[[Work], Work]) -> None:
        """Record the work, which does not do it; where that fails, go on without."""
        try:
            self._repeat = capture(self._work)
        except RuntimeError as error:  # a network that waits for the device, or asks it for a size
            self._capture = None
            warnings.warn(f"training without a CUDA graph, more slowly: {briefly(error)}", stacklevel=2)

    def swap(self) -> None:
        """Exchange the network's weights and their average, where the recipe has one."""
        if self._average is not None:
            self._average.swap()

    def state(self) -> dict[str, Any]:
        """All that the next steps depend on, as tensors, lists and numbers; for `restore`, before another step."""
        cuda = self._at.is_cuda
        return {
            "done": self.done,
            "losses": self.losses[: self.done].cpu(),
            "model": self._model.state_dict(),
            "momenta": [self._optimizer.state[one].get("momentum_buffer") for one in self._parameters],
            "average": self._average.state() if self._average else [],
            "batches": self._batches.state(),
            "chance": torch.get_rng_state(),
            "cuda_chance": torch.cuda.get_rng_state(self._at.device) if cuda else None,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same training. Raises ValueError, KeyError or RuntimeError where it is none."""
        done = state["done"]
        if not 0 <= done <= len(self.losses) or len(state["losses"]) != done:
            raise ValueError(f"step {done} of {len(self.losses)}")
        device = self._at.device
        self._model.load_state_dict(state["model"])
        for parameter, momentum in zip(self._parameters, state["momenta"], strict=True):
            if momentum is not None:
                if momentum.shape != parameter.shape:
                    raise ValueError("the optimiser's state is another network's")
                self._optimizer.state[parameter]["momentum_buffer"] = momentum.to(device)
        if self._average:
            self._average.restore(state["average"])
        self._batches.restore(state["batches"])
        self.losses[:done] = state["losses"].to(device)
        self._at.fill_(done)
        self.done = done
        torch.set_rng_state(state["chance"])
        if device.type == "cuda" and state["cuda_chance"] is not None:
            torch.cuda.set_rng_state(state["cuda_chance"], device)

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


def weighted_loss(logits: Tensor, labels: Tensor, weights: Tensor | None, smoothing: float) -> Tensor:
    """Cross-entropy of logits [N, classes] with smoothed labels [N]; each image with the weight of its own class.

    torch's weights apply to the smoothed share of every class as well: where a class is rare, and weighs much, that
    share outweighs the label itself.
    """
    if weights is None:
        return functional.cross_entropy(logits, labels, label_smoothing=smoothing)
    each = functional.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")
    mine = weights.index_select(0, labels)
    return (each * mine).sum() / mine.sum()


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
