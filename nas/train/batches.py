"""Augmented batches of a training split, made as a whole on the device: no loader process, no copy on the CPU.

What chance decides about a batch is drawn on the CPU, from one generator, so that the stream is the same on
every device; the pixels are then gathered where they lie. The two are apart so that making a batch can be
recorded as part of a CUDA graph: it depends on nothing but one small tensor. Images too many for the device's
memory stay on the host, and a batch of them is sent when it is chosen.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from nas.common.sizes import Size, sides
from nas.train.recipe import Recipe, Schedule

if TYPE_CHECKING:
    from nas.data.dataset import Dataset, Split

HELD = 0.25
"""The share of a GPU's free memory up to which a training's images are held there: several may train at once."""
PLAIN, LEAST, MOST = 100, 200, 1000
"""Images of a batch without augmentation, and how many of them are taken where there are so many."""
UNIT = 1 << 16
"""Shares are drawn in steps of 1 / UNIT: chance decides in whole numbers alone."""
SHARE = 8
"""Between these bounds, one for so many that were trained on, which bounds the time."""


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


def class_weights(labels: npt.NDArray[np.int64], classes: int, device: torch.device) -> Tensor:
    """What an image of each class weighs [classes], so that all classes weigh the same and the mean image 1."""
    counts = np.bincount(labels, minlength=classes)
    weights = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return torch.from_numpy(weights.astype(np.float32)).to(device)


class Batches:
    """An endless stream of augmented, normalised batches: every image once an epoch, no gap between epochs.

    `choices` says how many numbers chance decides for each image of a batch, `weights` what an image of each class
    weighs in the loss (None: all alike). held: the whole split lies on the
    device, rather than a batch at a time; if None, on the CPU and where a GPU has room. The batches are the same.
    """

    def __init__(
        self,
        split: Split,
        rows: Tensor,
        data: Dataset,
        plan: Schedule,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        held: bool | None = None,
    ) -> None:
        with warnings.catch_warnings():  # torch warns that the memory map is read-only; it is only read
            warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
            images = torch.from_numpy(split.images)
        self.device = device
        self.batch_size = plan.batch_size
        self._sides = sides(data.resolution)
        labels = torch.from_numpy(np.array(split.labels))
        self._away: list[tuple[Tensor, Tensor]] = []  # a batch's place on the device, and all on the host
        if (
            _has_room(device, images) if held is None else held
        ):  # on the CPU no copy: workers share mapped pages
            images, labels = images.to(device), labels.to(device)
        else:
            whole = images, labels
            images, labels = (
                every.new_empty((plan.batch_size, *every.shape[1:]), device=device) for every in whole
            )
            self._away = list(zip((images, labels), whole, strict=True))
        self._split, self._seed = split, seed
        self._pixels, self._labels = images.reshape(-1, images.shape[-1]), labels
        self.weights = (
            class_weights(split.labels[rows.numpy()], len(data.classes), device)
            if recipe.class_weights
            else None
        )
        self._rows, self._queue = rows, rows[:0]
        self._mirror = recipe.mirror
        self._reach = [side // 8 if plan.shift else 0 for side in self._sides]
        self._hole = round(recipe.cutout * min(self._sides))
        self._zoom, self._mixup = recipe.zoom, recipe.mixup
        self._splits = [2, 1, 1, 2 * bool(self._hole), 3 * bool(self._zoom), bool(self._mixup)]
        self.choices = sum(self._splits)
        self._chance = torch.Generator().manual_seed(seed)
        self._normalise = normaliser(data, device)
        self._lines = [torch.arange(side, device=device) for side in self._sides]

    def choose(self) -> Tensor:
        """What chance decides about the next batch: int64 [choices, N], on the CPU.

        Row, mirrored or not, shift down, shift right of each image; with cutout, top and left of its hole; with zoom,
        the share of the side that is taken, and where between the ends; with mixup, the share of the batch itself.
        Shares are in units of 1 / UNIT. Where the split is not held on the device its images are sent there now, and
        the choice is good until the next.
        """
        while len(self._queue) < self.batch_size:
            order = torch.randperm(len(self._rows), generator=self._chance)
            self._queue = torch.cat([self._queue, self._rows[order]])
        row, self._queue = self._queue[: self.batch_size], self._queue[self.batch_size :]
        flip = torch.randint(2, row.shape, generator=self._chance) * int(self._mirror)
        count, chance = len(row), self._chance
        shift = [torch.randint(-far, far + 1, (1, count), generator=chance) for far in self._reach]
        chosen = [(self._send(row) if self._away else row)[None], flip[None], *shift]
        if self._hole:  # its centre is anywhere in the image, so that it may reach over the border
            centre = [torch.randint(side, (1, count), generator=chance) for side in self._sides]
            chosen += [one - self._hole // 2 for one in centre]
        if self._zoom:
            shares = torch.rand(3, count, generator=chance)
            shares[0] = self._zoom + (1 - self._zoom) * shares[0]
            chosen.append((shares * UNIT).long())
        if self._mixup:
            chosen.append(torch.full((1, count), round(beta(self._mixup, chance) * UNIT)))
        return torch.cat(chosen)

    def mixed(self, chosen: Tensor) -> Tensor | None:
        """The share of a batch itself beside its reverse, in [0, 1]: a tensor of one number; None without mixup."""
        return chosen[-1, 0] / UNIT if self._mixup else None

    def state(self) -> dict[str, Tensor]:
        """Where the stream of choices is, for `restore`."""
        return {"chance": self._chance.get_state(), "queue": self._queue}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from there. Raises RuntimeError or IndexError for what is no such state."""
        queue = state["queue"]
        if queue.dtype != torch.int64 or not torch.isin(queue, self._rows).all():
            raise IndexError("the queue of images is another data set's")
        self._chance.set_state(state["chance"])
        self._queue = queue

    def _send(self, row: Tensor) -> Tensor:
        """Copy what belongs to these rows to the device; where it lies there."""
        for there, whole in self._away:
            some = whole.index_select(0, row)
            there.copy_(some.pin_memory() if there.is_cuda else some, non_blocking=there.is_cuda)
        return torch.arange(len(row))

    def make(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """The batch of a choice that lies on the device.

        Images [N, channels, H, W] float, channels-last, and labels [N] int64.
        """
        (high, wide), (lines, columns) = self._sides, self._lines
        (row, flip), (down,), (right,), corner, part, _ = torch.split(chosen.unsqueeze(2), self._splits)
        y = _reflect(lines + down, high)
        x = _reflect(columns + right, wide)
        x = torch.where(flip == 1, wide - 1 - x, x)
        source = (row * high + y).unsqueeze(2) * wide + x.unsqueeze(1)
        images = self._pixels.index_select(0, source.flatten()).view(-1, high, wide, self._pixels.shape[1])
        batch = self._normalise(images)
        if len(part):
            batch = zoomed(batch, part.squeeze(2) / UNIT)
        if len(corner):
            low, left = (
                (line >= start) & (line < start + self._hole)
                for line, start in zip(self._lines, corner, strict=True)
            )
            batch.masked_fill_((low.unsqueeze(2) & left.unsqueeze(1)).unsqueeze(1), 0.0)
        own = self.mixed(chosen)
        if own is not None:
            batch = torch.lerp(batch.flip(0), batch, own)
        return batch, self._labels[row.flatten()]

    def plain(self, done: int) -> Iterator[Tensor]:
        """Batches of equal size without augmentation, always of the same images: [N, channels, H, W] on the device.

        done: the steps that were taken, of whose images it is a share.
        """
        wanted = min(max(done * self.batch_size // SHARE, LEAST), MOST, len(self._rows))
        order = torch.randperm(len(self._rows), generator=torch.Generator().manual_seed(self._seed))
        rows = self._rows[order[:wanted]].numpy()
        for some in np.array_split(rows, -(-wanted // PLAIN)):
            yield self._normalise(torch.from_numpy(self._split.images[np.sort(some)]).to(self.device))


def zoomed(batch: Tensor, part: Tensor) -> Tensor:
    """A part of each image [N, channels, H, W] at its full size, by bilinear interpolation.

    part [3, N]: the share of either side, and where it lies between top and bottom, left and right, in [0, 1].
    """
    share, down, right = part
    none = torch.zeros_like(share)
    across = torch.stack([share, none, (1 - share) * (2 * right - 1)], dim=1)
    along = torch.stack([none, share, (1 - share) * (2 * down - 1)], dim=1)
    shape = list(batch.shape)
    grid = functional.affine_grid(torch.stack([across, along], dim=1), shape, align_corners=False)
    return functional.grid_sample(batch, grid, padding_mode="border", align_corners=False)


def beta(parameter: float, chance: torch.Generator) -> float:
    """A number in [0, 1] from Beta(parameter, parameter), by Johnk's method up to 1, by order statistics above.

    Above 1 the parameter is rounded to a whole number.
    """
    if parameter > 1:
        whole = round(parameter)
        return float(torch.rand(2 * whole - 1, generator=chance).sort().values[whole - 1])
    while True:
        one, other = (torch.rand(2, generator=chance, dtype=torch.float64) ** (1 / parameter)).tolist()
        if 0 < one + other <= 1:
            return float(one / (one + other))


def _has_room(device: torch.device, images: Tensor) -> bool:
    """Whether uint8 images may all lie on the device; on the CPU they are where they are."""
    return device.type != "cuda" or images.numel() <= HELD * torch.cuda.mem_get_info(device)[0]


def _reflect(position: Tensor, side: int) -> Tensor:
    """Positions beyond either border, mirrored back into [0, side)."""
    return side - 1 - (side - 1 - position.abs()).abs()


class Normalised(Protocol):
    """What says how images are normalised: a data set, or a checkpoint's card."""

    @property
    def resolution(self) -> Size:
        """In pixels."""

    @property
    def mean(self) -> tuple[float, ...]:
        """A value a channel, of pixels in [0, 1]."""

    @property
    def std(self) -> tuple[float, ...]:
        """A value a channel."""


def normaliser(data: Normalised, device: torch.device) -> Callable[[Tensor], Tensor]:
    """From uint8 [N, H, W, C] to float [N, C, H, W], channels-last, of mean 0 and deviation 1 a channel."""
    # One whole line of pixels a row, so that the arithmetic runs over long rows and not over a few numbers.
    _, wide = sides(data.resolution)
    mean = (torch.tensor(data.mean) * 255).repeat(wide).to(device)
    scale = 1 / (torch.tensor(data.std) * 255).repeat(wide).to(device)

    def normalise(images: Tensor) -> Tensor:
        lines = images.flatten(2).float()
        return lines.sub_(mean).mul_(scale).view(images.shape).permute(0, 3, 1, 2)

    return normalise
