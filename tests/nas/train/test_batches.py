"""nas.train.batches; what a training is shown is tested through `train` in test_training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from torch import Tensor

from nas.common.sizes import size_of
from nas.train import batches as module
from nas.train.batches import Batches
from nas.train.recipe import Recipe, Schedule
from tests.nas.train.test_trainer import InMemory, Pixels, as_data, bars

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


def made_from(
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], recipe: Recipe, shift: bool
) -> Batches:
    """Batches of these images alone, 16 at a time."""
    some = Pixels(pixels, np.zeros(len(pixels), np.int64))
    data = replace(
        as_data(InMemory(some, some)), resolution=size_of(*pixels.shape[1:3]), mean=(0.0,) * 3, std=(1.0,) * 3
    )  # type: ignore[type-var]
    plan = Schedule(steps=10, batch_size=16, lr=0.1, warmup=0.2, shift=shift)
    return Batches(data.train(), torch.arange(len(pixels)), data, plan, recipe, 0, torch.device("cpu"))


@pytest.mark.parametrize("shape", [(8, 24), (24, 8)])
def test_rectangles_are_shifted_and_mirrored_within_their_sides(shape: tuple[int, int]) -> None:
    """Each pixel says where it was: no row of the image becomes a column, and each side shifts by its own eighth."""
    high, wide = shape
    pixels = np.zeros((32, high, wide, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = np.arange(high)[:, None], np.arange(wide)
    source = made_from(pixels, Recipe(), shift=True)
    downs, rights, mirrored = set(), set(), 0
    for _ in range(20):
        for image in (draw(source) * 255).round().int():
            assert image.shape == (3, high, wide)
            rows, columns = image[0, :, 0], image[1, 0]
            assert (image[0] == rows[:, None]).all() and (image[1] == columns).all()
            middle = columns[wide // 2 - 1 : wide // 2 + 1]
            flipped = bool(middle[0] > middle[1])
            mirrored += flipped
            downs.add(int(rows[high // 2]) - high // 2)
            rights.add(int(middle[1]) - (wide // 2 - flipped))
    assert downs == set(range(-(high // 8), high // 8 + 1))
    assert rights == set(range(-(wide // 8), wide // 8 + 1))
    assert 100 < mirrored < 220


def test_a_hole_in_a_rectangle_is_a_square_of_the_smaller_side_anywhere() -> None:
    source = made_from(np.full((32, 8, 40, 3), 255, np.uint8), Recipe(cutout=0.5), shift=False)
    lefts, largest = set(), 0
    for _ in range(20):
        for image in draw(source):
            rows, columns = (torch.nonzero((image[0] == 0).any(axis)).flatten() for axis in (1, 0))
            assert len(rows) <= 4 and len(columns) <= 4
            largest = max(largest, len(rows) * len(columns))
            lefts.add(int(columns[0]))
    assert largest == 16
    assert min(lefts) == 0 and max(lefts) >= 37


def test_zoom_takes_a_part_of_each_image_to_the_full_size() -> None:
    """Checked against plain arithmetic: of a ramp a part is a ramp, from where it lies, and as much less steep."""
    ramp = torch.linspace(0.5, 15.5, 16)  # the middles of 16 pixels
    batch = torch.stack([ramp.expand(16, 16), ramp[:, None].expand(16, 16)])[None].repeat(3, 1, 1, 1)
    part = torch.tensor([[0.5, 0.5, 1.0], [0.0, 1.0, 0.3], [1.0, 0.25, 0.7]])  # share; down, right
    made = module.zoomed(batch, part)
    for image, share, down, right in zip(made, *part.tolist(), strict=True):
        for axis, start in ((0, right), (1, down)):
            line = image[axis, 8] if axis == 0 else image[axis, :, 8]
            first = 16 * (1 - share) * start + share / 2
            assert torch.allclose(line[1:-1], first + share * torch.arange(16.0)[1:-1], atol=1e-4)
    assert torch.allclose(made[2], batch[2], atol=1e-4)


def test_zoomed_images_are_all_different_and_no_smaller_a_part_than_asked() -> None:
    source = batches(Recipe(zoom=0.6, mirror=False))
    chosen = source.choose()
    shares, down, right = chosen[4:] / module.UNIT
    assert len(chosen) == 7 and 0.6 <= shares.min() < 0.65 and 0.95 < shares.max() < 1
    assert down.min() < 0.1 and right.max() > 0.9
    assert not torch.equal(source.make(chosen)[0], batches(Recipe(mirror=False)).make(chosen[:4])[0])


def test_mixup_adds_a_batch_and_its_reverse_by_one_share() -> None:
    plain, mixed = (batches(Recipe(mixup=of)) for of in (0.0, 0.4))
    for _ in range(5):
        chosen = mixed.choose()
        images, labels = mixed.make(chosen)
        own = mixed.mixed(chosen)
        whole, same = plain.make(chosen[:4])
        assert own is not None and 0 <= own <= 1 and torch.equal(labels, same)
        assert torch.allclose(images, own * whole + (1 - own) * whole.flip(0), atol=1e-5)
    assert plain.mixed(chosen) is None


@pytest.mark.parametrize("parameter", [0.2, 1.0, 3.0])
def test_shares_are_of_the_beta_distribution(parameter: float) -> None:
    chance = torch.Generator().manual_seed(0)
    drawn = [module.beta(parameter, chance) for _ in range(2000)]
    assert kstest(drawn, "beta", args=(parameter, parameter)).pvalue > 0.001
