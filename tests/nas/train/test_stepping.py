"""nas.train.trainer: the same steps whether work is called or was recorded; what is recorded on CUDA is tested there."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from nas.kernels.compute import Compute
from nas.train.batches import Batches
from nas.train.recipe import Recipe, Schedule
from nas.train.stepping import EAGER_STEPS, Stepper, TrainingFailed, Work, cuda_graph, weight_groups
from nas.train.trainer import prepare
from tests.nas.train.test_trainer import InMemory, as_data, bars, same, small_net

PLAN = Schedule(steps=12, batch_size=32, lr=0.2, warmup=0.2, shift=True)
RECIPE = Recipe(cutout=0.25)
PLAIN = Compute(bf16=False)


def stepper(net: nn.Module, capture: object = None, place: str = "cpu", recipe: Recipe = RECIPE) -> Stepper:
    pixels = bars(96, seed=0)
    data = as_data(InMemory(pixels, pixels))
    device = torch.device(place)
    batches = Batches(data.train(), torch.arange(96), data, PLAN, recipe, 0, device)
    prepare(net, recipe, device, PLAIN)
    return Stepper(net, batches, PLAN, recipe, PLAIN, capture)  # type: ignore[arg-type]


def after(steps: int, capture: object = None, place: str = "cpu") -> tuple[dict[str, Tensor], Tensor]:
    net = small_net()
    one = stepper(net, capture, place)
    for _ in range(steps):
        one.step()
    return {name: value.cpu() for name, value in net.state_dict().items()}, one.losses.cpu()


def test_recorded_work_takes_the_same_steps() -> None:
    recorded: list[int] = []
    called = 0

    def capture(work: Work) -> Work:
        recorded.append(called)

        def again() -> None:
            nonlocal called
            called += 1
            work()

        return again

    expected, expected_losses = after(12)
    found, losses = after(12, capture)
    assert same(expected, found) and torch.equal(expected_losses, losses)
    assert recorded == [0]  # once
    assert called == 12 - EAGER_STEPS


def test_a_network_that_cannot_be_recorded_is_trained_all_the_same() -> None:
    tried = 0

    def refuse(work: Work) -> Work:
        nonlocal tried
        tried += 1
        raise RuntimeError("operation not permitted when stream is capturing")

    with pytest.warns(UserWarning, match="without a CUDA graph.*not permitted"):
        found, _ = after(12, refuse)
    assert same(after(12)[0], found)
    assert tried == 1


@pytest.mark.parametrize("clip", [0.0, 0.3, 1e6])
def test_the_steps_are_those_of_sgd_on_clipped_gradients(clip: float) -> None:
    """Against torch's optimiser in its simplest form, on the same batches, and the norm of all gradients at once."""
    recipe = replace(RECIPE, clip=clip)
    net, twin = small_net(), small_net()
    one = stepper(net, recipe=recipe)
    other = stepper(twin, recipe=recipe)  # for its batches
    shortened = 0
    groups = weight_groups(twin, RECIPE.weight_decay)
    optimizer = torch.optim.SGD(groups, lr=1.0, momentum=RECIPE.momentum, nesterov=True, foreach=False)
    for step in range(12):
        one.step()
        images, labels = other._batches.make(other._batches.choose())
        loss = nn.functional.cross_entropy(twin(images), labels, label_smoothing=RECIPE.label_smoothing)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        gradients = [value.grad for value in twin.parameters() if value.grad is not None]
        norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
        if 0 < clip < norm:
            shortened += 1
            torch._foreach_mul_(gradients, clip / norm)
        for group in optimizer.param_groups:
            group["lr"] = PLAN.learning_rate(step)
        optimizer.step()
        assert one.losses[step].item() == pytest.approx(loss.item(), rel=1e-4)
    assert (shortened > 3) == (clip == 0.3)
    for left, right in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(left, right, rtol=1e-3, atol=1e-5)


def test_losses_are_looked_at_when_asked() -> None:
    net = small_net()
    one = stepper(net)
    for _ in range(3):
        one.step()
    assert one.done == 3
    assert one.recent_loss(2) == pytest.approx(one.losses[1:3].mean().item())
    one.check_finite(3)
    with torch.no_grad():
        next(net.parameters()).fill_(float("nan"))
    one.step()
    one.check_finite(0)  # nothing of it was asked
    with pytest.raises(TrainingFailed, match="nan at step 4 of 12"):
        one.check_finite(2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_cuda_graph_takes_the_same_steps() -> None:
    expected, expected_losses = after(12, None, "cuda")
    found, losses = after(12, cuda_graph, "cuda")
    torch.testing.assert_close(losses, expected_losses, rtol=1e-3, atol=1e-4)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-2, atol=1e-3)


def test_frozen_parameters_are_not_clipped() -> None:
    net = small_net()
    frozen = next(iter(net.parameters()))
    frozen.requires_grad_(False)
    frozen.grad = torch.full_like(frozen, 1e6)  # left from before
    kept, plain = frozen.grad.clone(), small_net()
    next(iter(plain.parameters())).requires_grad_(False)
    one, other = stepper(net), stepper(plain)
    for _ in range(3):
        one.step(), other.step()
    assert torch.equal(frozen.grad, kept)
    assert torch.equal(one.losses, other.losses)


def test_the_loss_of_mixed_images_is_that_of_both_labels_by_their_shares() -> None:
    """A network that says one class of everything: its loss is known of every share."""
    pixels = bars(64, seed=0)
    data = as_data(InMemory(pixels, pixels))
    count = int(max(pixels.labels)) + 1
    plan, recipe = Schedule(3, 16, 0.0, 0.2, shift=False), Recipe(mixup=1.0, label_smoothing=0.0)
    source = Batches(data.train(), torch.arange(64), data, plan, recipe, 0, torch.device("cpu"))
    twin = Batches(data.train(), torch.arange(64), data, plan, recipe, 0, torch.device("cpu"))

    class Certain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2.0 * torch.eye(count)[0].expand(len(x), count) + self.weight

    stepper = Stepper(Certain(), source, plan, recipe, PLAIN)
    for step in range(3):
        chosen = twin.choose()
        _, labels = twin.make(chosen)
        own = twin.mixed(chosen)
        assert own is not None
        stepper.step()
        right = own * (labels == 0) + (1 - own) * (labels.flip(0) == 0)
        expected = math.log(math.exp(2) + count - 1) - 2 * right.mean()
        assert float(stepper.losses[step]) == pytest.approx(float(expected), abs=1e-4)
