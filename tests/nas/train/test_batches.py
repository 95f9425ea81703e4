"""nas.train.batches; what a training is shown is tested through `train` in test_training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from nas.train import batches as module
from nas.train.batches import Batches
from nas.train.recipe import Recipe, Schedule
from tests.nas.train.test_trainer import InMemory, as_data, bars

PLAN = Schedule(steps=10, batch_size=64, lr=0.1, warmup=0.2, shift=False)


def batches(recipe: Recipe, seed: int = 0, plan: Schedule = PLAN, held: bool | None = None) -> Batches:
    pixels = bars(64, seed=0)
    data = as_data(InMemory(pixels, pixels))
    return Batches(data.train(), torch.arange(64), data, plan, recipe, seed, torch.device("cpu"), held)


def draw(source: Batches) -> Tensor:
    images, _ = source.make(source.choose())
    return images


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_cutout_blanks_one_square_of_each_image_and_nothing_else(share: float) -> None:
    plain, cut = batches(Recipe()), batches(Recipe(cutout=share))
    before, after = draw(plain), draw(cut)
    blank = (after == 0).all(1)
    side = round(share * 16)
    sizes, corners = set(), set()
    for image, whole, hole in zip(after, before, blank, strict=True):
        rows, columns = (torch.nonzero(hole.any(axis)).flatten() for axis in (1, 0))
        assert hole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()  # a rectangle
        assert hole.sum() == len(rows) * len(columns)
        assert torch.equal(image[:, ~hole], whole[:, ~hole])
        sizes.add((len(rows), len(columns)))
        corners.add((int(rows[0]), int(columns[0])))
    assert max(sizes) == (side, side)
    assert min(min(size) for size in sizes) < side  # some reach over the border
    assert len(corners) > 20


def test_without_cutout_nothing_more_is_drawn() -> None:
    assert batches(Recipe()).choose().shape == (batches(Recipe()).choices, 64) == (4, 64)
    assert batches(Recipe(cutout=0.5)).choose().shape == (6, 64)


def test_a_batch_depends_on_its_choices_alone() -> None:
    source = batches(Recipe(cutout=0.5), plan=Schedule(10, 16, 0.1, 0.2, shift=True))
    chosen = source.choose()
    first = source.make(chosen)
    source.choose()
    again = source.make(chosen)
    assert all(torch.equal(left, right) for left, right in zip(first, again, strict=True))
    assert not np.array_equal(chosen, source.choose())


def test_images_sent_a_batch_at_a_time_make_the_same_batches() -> None:
    plan = Schedule(10, 16, 0.1, 0.2, shift=True)
    here, away = (batches(Recipe(cutout=0.25), 3, plan, held) for held in (True, False))
    shown = set()
    for _ in range(9):  # over the end of an epoch
        pair = [source.make(source.choose()) for source in (here, away)]
        for left, right in zip(*pair, strict=True):
            assert torch.equal(left, right)
        shown.add(pair[0][0].sum().item())
    assert len(shown) == 9


def test_a_gpu_holds_what_takes_a_quarter_of_its_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda place: (4000, 9000))
    cuda, image = torch.device("cuda"), torch.zeros(1, dtype=torch.uint8)
    assert module._has_room(cuda, image.expand(1000))
    assert not module._has_room(cuda, image.expand(1001))
    assert module._has_room(torch.device("cpu"), image.expand(10**9))
