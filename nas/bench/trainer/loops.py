"""What is timed: two training loops, with whatever lies between them left out one by one, and the machine's peak.

The plain loop is the one that a user would write: torchvision's ImageFolder and transforms, a DataLoader with
workers, fp32, torch's default memory format, SGD at a constant rate. Ours is the trainer itself. Both train
the same network, built by `nas.build`, on the same training images.
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Subset
from torch.utils.data import Dataset as Pictures
from typer import Option

from nas.common.errors import UserError
from nas.common.sizes import smaller
from nas.data.dataset import Dataset, Split, load
from nas.data.splitting import split_indices
from nas.kernels.compute import Compute
from nas.networks.building import build
from nas.train.batches import Batches
from nas.train.recipe import DEFAULT, Schedule
from nas.train.stepping import Stepper
from nas.train.trainer import evaluate, prepare, seed_everything
from search_spaces import Arch

CPU = torch.device("cpu")
Images = Annotated[str, Option(help="cifar10, folder:PATH or digits.")]
PLAIN = Compute(bf16=False, own_gradients=False, products=False, channels_last=False, folded=False)
"""What torch does by itself."""
PLAIN_RATE = 0.01
WARM_UP = 3  # steps
SAMPLE = 5000  # training images that the training accuracy is taken of
SIDE = 1024  # of the peak's matrices: three of fp32 are 12 MB, beyond which the rate hardly rises


@dataclass(frozen=True)
class Ground:
    """The images, and the folder that they came from, if any."""

    data: Dataset
    folder: Path | None = None

    @classmethod
    def of(cls, spec: str) -> Self:
        """What `--data` says. Raises UserError as `nas.data.dataset.load` does."""
        folder = Path(spec.removeprefix("folder:")).expanduser() if spec.startswith("folder:") else None
        return cls(load(spec), folder)


@dataclass(frozen=True)
class Way:
    """A way to train: how to compute, in how many processes at once, each with so many threads.

    gather: batches are gathered from one array; otherwise decoded and transformed one by one by a DataLoader
    with 2 workers in all. keep: the allocator keeps memory.
    """

    name: str
    compute: Compute
    processes: int = 2
    threads: int = 1
    gather: bool = True
    keep: bool = True


@dataclass(frozen=True)
class Pace:
    """What one process did while it was timed: wall seconds, and processor seconds of its threads."""

    images: int
    seconds: float
    core_seconds: float


@dataclass(frozen=True)
class Reached:
    """What a training of so many images came to: accuracies in [0, 1], loss of the last tenth, wall seconds."""

    images: int
    training_accuracy: float
    validation_accuracy: float
    loss: float
    seconds: float


def pace(way: Way, arch: str, ground: Ground, seconds: float, ready: Callable[[], object]) -> Pace:
    """How many images a loop trains on in about so many seconds; building and warming up are not counted.

    `ready` is called before the clock starts, so that several processes can start it together.
    """
    with _steps(way, arch, ground, 10**6) as (step, _, _):
        for _ in range(WARM_UP):
            step()
        ready()
        return _timed(step, seconds)


def evaluation_pace(way: Way, arch: str, ground: Ground, seconds: float, ready: Callable[[], object]) -> Pace:
    """The same of judging the validation images."""
    torch.set_num_threads(way.threads)
    data = ground.data
    model = _build(arch, data)
    prepare(model, DEFAULT, CPU, way.compute)
    part = _first(1000, data.validation())

    def judge() -> int:
        evaluate(model, part, data, "cpu", compute=way.compute)
        return len(part)

    judge()
    ready()
    return _timed(judge, seconds)


def _first(count: int, split: Split) -> Split:
    return Split(split.images[:count], split.labels[:count])


def _timed(work: Callable[[], int], seconds: float) -> Pace:
    """Do work, which says how many images it took, at least once and until the time is over."""
    images, taken, began, began_core = 0, 0.0, time.perf_counter(), time.process_time()
    while taken < seconds:
        images += work()
        taken = time.perf_counter() - began
    return Pace(images, taken, time.process_time() - began_core)


def reach(way: Way, arch: str, ground: Ground, images: int, ready: Callable[[], object]) -> Reached:
    """Train on so many images with a whole schedule, and judge the network on training and validation images."""
    steps = max(1, round(images / DEFAULT.batch_size))
    ready()
    began = time.perf_counter()
    with _steps(way, arch, ground, steps) as (step, model, recent_loss):
        done = sum(step() for _ in range(steps))
    seconds = time.perf_counter() - began
    data = ground.data
    parts = _first(SAMPLE, data.train()), data.validation()
    known, new = (evaluate(model, part, data, "cpu", compute=way.compute) for part in parts)
    return Reached(done, known, new, recent_loss(max(1, steps // 10)), seconds)


def product_rate(bf16: bool, seconds: float, ready: Callable[[], object]) -> float:
    """Floating-point operations a second of one thread in matrix products; a multiply-add is two of them.

    The best of the products made in so many seconds: a peak is what nothing disturbed.
    """
    torch.set_num_threads(1)
    dtype = torch.bfloat16 if bf16 else torch.float32
    matrix = torch.linspace(-1, 1, SIDE * SIDE).view(SIDE, SIDE).to(dtype)
    out = matrix @ matrix
    ready()
    best, began = float("inf"), time.perf_counter()
    while time.perf_counter() - began < seconds:
        start = time.perf_counter()
        torch.mm(matrix, matrix, out=out)
        best = min(best, time.perf_counter() - start)
    return 2 * SIDE**3 / best


@contextmanager
def _steps(
    way: Way, arch: str, ground: Ground, steps: int
) -> Iterator[tuple[Callable[[], int], nn.Module, Callable[[int], float]]]:
    """A function that takes one step and returns its number of images, the model, and the mean of the last losses."""
    torch.set_num_threads(way.threads)
    data = ground.data
    model = _build(arch, data)
    if way.gather:
        split, batch = data.train(), DEFAULT.batch_size
        plan = Schedule(steps, batch, DEFAULT.lr, DEFAULT.warmup, shift=False)
        batches = Batches(split, torch.arange(len(split)), data, plan, DEFAULT, 0, CPU)
        prepare(model, DEFAULT, CPU, way.compute)
        with way.compute.training(model, CPU):
            stepper = Stepper(model, batches, plan, DEFAULT, way.compute)

            def step() -> int:
                stepper.step()
                return batch

            yield step, model, stepper.recent_loss
    else:
        model.to(memory_format=way.compute.memory_format)
        with way.compute.training(model, CPU):
            losses: list[float] = []
            loop = _plain_loop(model, loader(ground, workers=2 // way.processes), way.compute, losses)
            yield lambda: next(loop), model, lambda last: float(np.mean(losses[-last:]))
            loop.close()


def _build(arch: str, data: Dataset) -> nn.Module:
    seed_everything(0)
    return build(Arch.parse(arch), len(data.classes), data.resolution)


def _plain_loop(
    model: nn.Module, batches: DataLoader[tuple[Tensor, Tensor]], compute: Compute, losses: list[float]
) -> Generator[int]:
    """The loop that a user would write; yields each step's number of images and notes its loss."""
    optimizer = torch.optim.SGD(model.parameters(), lr=PLAIN_RATE, momentum=0.9, weight_decay=5e-4)
    model.train()
    while True:
        for images, labels in batches:
            optimizer.zero_grad()
            with compute.precision(CPU):
                logits = model(images.contiguous(memory_format=compute.memory_format))
            loss = functional.cross_entropy(logits.float(), labels)
            torch.autograd.backward(loss)
            optimizer.step()
            losses.append(loss.item())
            yield len(labels)


class _Images(Pictures[tuple[Any, int]]):
    """A split as pictures, one by one, as torchvision's CIFAR10 hands them out."""

    def __init__(self, split: Split, transform: Callable[[Any], Tensor]) -> None:
        self._split, self._transform = split, transform

    def __len__(self) -> int:
        return len(self._split)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        from PIL import Image

        return self._transform(Image.fromarray(self._split.images[index])), int(self._split.labels[index])


def loader(ground: Ground, workers: int) -> DataLoader[tuple[Tensor, Tensor]]:
    """The training images through torchvision: a folder's files by ImageFolder, else pictures from the array."""
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    data, side = ground.data, smaller(ground.data.resolution)  # a square, as `Ground.of` loads it
    steps = [
        transforms.Resize(side),
        transforms.CenterCrop(side),
        transforms.RandomCrop(side, padding=side // 8),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize(data.mean, data.std),
    ]
    augmented = transforms.Compose(steps)
    pictures: Any = _Images(data.train(), augmented)
    if ground.folder is not None:
        whole = ImageFolder(str(ground.folder / "train"), augmented)
        labels = np.array(whole.targets)
        rows, _ = split_indices(labels, data.share, 0)  # our training split: no loop sees a validation image
        if not np.array_equal(labels[rows], data.train().labels):
            raise UserError(
                f"{data.name}: ImageFolder lists other files than nas.data.dataset; remove what is no image"
            )
        pictures = Subset(whole, rows.tolist())
    return DataLoader(pictures, DEFAULT.batch_size, shuffle=True, num_workers=workers, drop_last=True)
