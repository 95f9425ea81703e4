"""What a data set holds and what will be done with it, before a long search is based on it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from nas.common.errors import UserError
from nas.common.files import write_whole, writing
from nas.common.sizes import CROP, GivenSize, sides
from nas.data.dataset import Dataset, Split, contents, load
from nas.data.fitting import placed
from nas.data.pictures import FORMATS, Item

LOOKED_AT = 2000
"""Files whose headers are read, spread over the set."""
ACROSS, DOWN = 8, 20
"""Images a class, and classes, of the picture."""
_LABEL, _GAP, _ZOOM = 18, 4, 64


@dataclass(frozen=True)
class ClassCount:
    """A class and its images to train on, to validate on and to test on."""

    name: str
    training: int
    validation: int
    test: int


@dataclass(frozen=True)
class Report:
    """A data set as it was found, and what was said about it while it was read.

    kinds: how many files there are of each format and Pillow mode. sizes: least, median and largest width and height
    in pixels. Both are of the files looked at; those of data that are no files are empty.
    """

    data: Dataset
    classes: tuple[ClassCount, ...]
    kinds: tuple[tuple[str, int], ...]
    sizes: tuple[tuple[int, int], ...]
    looked_at: int
    said: tuple[str, ...]

    @property
    def kept(self) -> float:
        """Share of the pixels of a picture of median sides that is not cut off."""
        if not self.sizes:
            return 1.0
        width, height = self.sizes[len(self.sizes) // 2]
        left, top, right, bottom = placed(width, height, self.data.resolution, self.data.fit).box
        return (right - left) * (bottom - top) / (width * height)

    @property
    def imbalance(self) -> float:
        """Images to train on of the largest class, by those of the smallest."""
        counts = [one.training for one in self.classes]
        return max(counts) / min(counts)


def report(
    spec: str,
    *,
    root: Path | None = None,
    resolution: GivenSize = 32,
    fit: str = CROP,
    split: str | None = None,
    seed: int = 0,
    skip_corrupt: bool = False,
    drop_duplicates: bool = False,
    notify: Callable[[str], None] = lambda line: None,
) -> Report:
    """Read a data set as a search would and say what it is. Raises UserError as `load` does."""
    said: list[str] = []

    def note(line: str) -> None:
        said.append(line)
        notify(line)

    data = load(
        spec,
        root=root,
        resolution=resolution,
        fit=fit,
        split=split,
        seed=seed,
        skip_corrupt=skip_corrupt,
        drop_duplicates=drop_duplicates,
        notify=note,
    )
    parts = [np.bincount(part.labels, minlength=len(data.classes)) for part in _parts(data)]
    counts = np.stack(parts, axis=1).tolist()
    found = contents(data)
    files = [item for item in (*found.train, *found.test) if isinstance(item.where, Path)]
    kinds, sizes = _headers(files[:: max(1, len(files) // LOOKED_AT)])
    return Report(
        data,
        tuple(ClassCount(name, *row) for name, row in zip(data.classes, counts, strict=True)),
        tuple(kinds.most_common()),
        sizes,
        kinds.total(),
        tuple(line for line in said if not line.startswith("decoding ")),
    )


def _parts(data: Dataset) -> tuple[Split, Split, Split]:
    return data.train(), data.validation(), data.test()


def _headers(files: list[Item]) -> tuple[Counter[str], tuple[tuple[int, int], ...]]:
    """How many files there are of each kind, and the least, median and largest sides; no pixel is decoded."""
    kinds, sides = Counter[str](), []
    for item in files:
        try:
            with Image.open(str(item.where), formats=FORMATS) as image:
                kinds[f"{image.format} {image.mode}"] += 1
                sides.append(image.size)
        except Exception:  # named by `load`, which was told to leave it out
            kinds["not readable"] += 1
    if not sides:
        return kinds, ()
    quantiles = np.quantile(np.array(sides), (0.0, 0.5, 1.0), axis=0).round().astype(int)
    return kinds, tuple((int(width), int(height)) for width, height in quantiles)


def draw(found: Report, path: Path) -> None:
    """A picture, a PNG, of the first training images of each class as networks get them. Raises OSError."""
    data = found.data
    part, (high, wide) = data.train(), sides(data.resolution)
    zoom = max(1, _ZOOM // max(high, wide))
    step, below = wide * zoom + _GAP, high * zoom + _GAP + _LABEL
    classes = data.classes[:DOWN]
    sheet = Image.new("RGB", (ACROSS * step + _GAP, len(classes) * below + _GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for row, name in enumerate(classes):
        top = row * below + _GAP
        pen.text((_GAP, top), f"{name} ({found.classes[row].training:,})", fill="black", font=font)
        for column, index in enumerate(_first(part.labels, row)):
            tile = Image.fromarray(np.array(part.images[index]))
            tile = tile.resize((wide * zoom, high * zoom), Image.Resampling.NEAREST)
            sheet.paste(tile, (_GAP + column * step, top + _LABEL))
    write_whole(path, lambda temporary: sheet.save(temporary, format="png"))


def _first(labels: npt.NDArray[np.int64], label: int) -> list[int]:
    found: list[int] = np.flatnonzero(labels == label)[:ACROSS].tolist()
    return found


def write_images(data: Dataset, folder: Path) -> int:
    """Write the held-out images as networks get them, a PNG each, into a folder a class; how many they were.

    Raises UserError where the folder cannot be made, or holds anything already.
    """
    split = data.test()
    with writing(str(folder), "; name another folder"):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UserError(f"{folder} is not empty; name another folder")
        for number, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
            file = folder / data.classes[int(label)] / f"{number:05}.png"
            file.parent.mkdir(exist_ok=True)
            Image.fromarray(np.asarray(image)).save(file)
    return len(split.labels)
