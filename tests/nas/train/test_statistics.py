"""Batch-norm statistics measured anew: a briefly trained network is judged by what it has learnt."""

import numpy as np
import pytest
import torch
from torch import nn

from nas.kernels.compute import Compute
from nas.networks.building import build
from nas.train.batches import Batches
from nas.train.recipe import schedule
from nas.train.statistics import measure_statistics
from nas.train.trainer import Fidelity, Outcome, Recipe, seed_everything, train
from search_spaces import Arch
from tests.nas.train.test_trainer import SIDE, InMemory, Pixels, as_data, bars, problem, same, small_net

DEEP = Arch.parse("stem8-3xir16_t3-3xir24_t3_s2-head64")
CPU = torch.device("cpu")
PLAIN = Compute(bf16=False, own_gradients=False, products=False, folded=False)


def colours(count: int, seed: int) -> Pixels:
    """Two classes of plainly different colours with a little noise."""
    labels = np.arange(count) % 2
    images = np.random.default_rng(seed).integers(0, 60, (count, SIDE, SIDE, 3))
    images[labels == 0, ..., 0] += 150
    images[labels == 1, ..., 2] += 150
    return Pixels(images.astype(np.uint8), labels.astype(np.int64))


def trained(until: int, epochs: float = 6) -> tuple[nn.Module, Outcome]:
    """A deep network after a few steps on 40 images."""
    seed_everything(0)
    model, recipe = build(DEEP, 2, SIDE), Recipe(statistics_until=until)
    data = as_data(InMemory(colours(40, 0), colours(40, 1)))
    return model, train(model, data, Fidelity(epochs, resolution=SIDE), recipe, reports=2)


def test_forty_images_of_two_colours_are_told_apart() -> None:
    lagging, (model, outcome) = trained(0), trained(300)
    assert lagging[1].accuracy <= 0.6  # the fault that this is about
    assert outcome.accuracy == 1.0
    assert 0 < outcome.measuring < outcome.seconds
    weights = [dict(m.named_parameters()) for m in (lagging[0], model)]
    assert same(*weights)  # nothing but the statistics is another


def test_a_longer_schedule_is_judged_by_its_running_statistics() -> None:
    outcome = train(small_net(), problem(), Fidelity(3, resolution=SIDE), Recipe(statistics_until=10))
    assert outcome.steps > 40 and outcome.measuring == 0.0


def test_they_are_the_means_over_batches() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, momentum=0.3), nn.Dropout(0.5)).train()
    images = torch.randn(4, 50, 3, 8, 8)
    measure_statistics(net, images, CPU, PLAIN)
    assert (net.training, net[1].training, net[2].training, net[1].momentum) == (True, True, True, 0.3)
    maps = net[0](images.flatten(0, 1)).detach()
    assert torch.allclose(net[1].running_mean, maps.mean((0, 2, 3)), atol=1e-5)
    assert torch.allclose(net[1].running_var, maps.var((0, 2, 3)), rtol=1e-2)


@pytest.mark.parametrize(
    ("images", "done", "sizes"),
    [(2, 1, [2]), (101, 1, [51, 50]), (500, 1, [100, 100]), (500, 150, [100] * 3), (1200, 9999, [100] * 10)],
)
def test_of_so_many_images_and_always_the_same(images: int, done: int, sizes: list[int]) -> None:
    batches, again = (batches_of(bars(images, 0)).plain(done) for _ in range(2))
    taken = list(batches)
    assert [len(batch) for batch in taken] == sizes
    assert all(torch.equal(*pair) for pair in zip(taken, again, strict=True))


def batches_of(pixels: Pixels) -> Batches:
    data, recipe = as_data(InMemory(pixels, pixels)), Recipe(batch_size=16)
    plan = schedule(recipe, Fidelity(1, resolution=SIDE), len(pixels.labels))
    return Batches(data.train(), torch.arange(len(pixels.labels)), data, plan, recipe, 0, CPU)


@pytest.mark.parametrize("norm", [nn.GroupNorm(1, 3), nn.BatchNorm2d(3, track_running_stats=False)])
def test_a_network_without_statistics_is_left_alone(norm: nn.Module) -> None:
    before = [tensor.clone() for tensor in norm.state_dict().values()]
    assert measure_statistics(norm, torch.randn(1, 9, 3, 4, 4), CPU, PLAIN) == 0.0
    assert all(map(torch.equal, before, norm.state_dict().values()))
