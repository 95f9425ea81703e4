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
from nas.data.bands import FORMATS, is_tiff, look
from nas.data.dataset import Dataset, Split, contents, load
from nas.data.fitting import placed
from nas.data.pictures import COLOURS, Item, Pixels

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

    kinds: how many files there are of each format and Pillow mode, or bands where there are others. sizes: least,
    median and largest width and height in pixels. Both are of the files looked at; those of data that are no files are
    empty.
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
    channels: int | None = None,
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
        channels=channels,
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
            if said := _bands(Path(str(item.where))):
                kinds[said[0]] += 1
                sides.append(said[1])
                continue
            with Image.open(str(item.where), formats=FORMATS) as image:
                kinds[f"{image.format} {image.mode}"] += 1
                sides.append(image.size)
        except Exception:  # named by `load`, which was told to leave it out
            kinds["not readable"] += 1
    if not sides:
        return kinds, ()
    quantiles = np.quantile(np.array(sides), (0.0, 0.5, 1.0), axis=0).round().astype(int)
    return kinds, tuple((int(width), int(height)) for width, height in quantiles)


def _bands(file: Path) -> tuple[str, tuple[int, int]] | None:
    """Kind, width and height of a TIFF that Pillow has no mode for, or reads wrongly."""
    with file.open("rb") as opened:
        if not is_tiff(opened.read(4)):
            return None
        opened.seek(0)
        held = look(opened)
    bits = "16 bits" if held.deep else "8 bits"
    if held.pages > 1:
        return f"TIFF of {held.pages} pages of grey", held.size
    return None if held.pillow else (f"TIFF of {held.bands} bands of {bits}", held.size)


def draw(found: Report, path: Path) -> None:
    """A picture, a PNG, of the first training images of each class as networks get them. Raises OSError."""
    data = found.data
    part, (high, wide) = data.train(), sides(data.resolution)
    zoom = max(1, _ZOOM // max(high, wide))
    step, below = wide * zoom + _GAP, high * zoom + _GAP + _LABEL
    classes = data.classes[:DOWN]
    tall = below - _LABEL
    below = (1 if data.channels in COLOURS else data.channels) * tall + _LABEL
    sheet = Image.new("RGB", (ACROSS * step + _GAP, len(classes) * below + _GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for row, name in enumerate(classes):
        top = row * below + _GAP
        pen.text((_GAP, top), f"{name} ({found.classes[row].training:,})", fill="black", font=font)
        for column, index in enumerate(_first(part.labels, row)):
            for band, tile in enumerate(_tiles(np.array(part.images[index]), data)):
                big = tile.resize((wide * zoom, high * zoom), Image.Resampling.NEAREST)
                sheet.paste(big, (_GAP + column * step, top + _LABEL + band * tall))
    write_whole(path, lambda temporary: sheet.save(temporary, format="png"))


def _tiles(pixels: Pixels, data: Dataset) -> list[Image.Image]:
    """An image [H, W, channels] to be looked at; of bands one in grey each, which two deviations span either way."""
    if data.channels in COLOURS:
        return [Image.fromarray(pixels.squeeze(2) if data.channels == 1 else pixels)]
    mean, std = (255 * np.array(values) for values in (data.mean, data.std))
    spread = (127.5 + 127.5 / 2 * (pixels - mean) / std).clip(0, 255).astype(np.uint8)
    return [Image.fromarray(np.ascontiguousarray(spread[..., band])) for band in range(data.channels)]


def _first(labels: npt.NDArray[np.int64], label: int) -> list[int]:
    found: list[int] = np.flatnonzero(labels == label)[:ACROSS].tolist()
    return found


def write_images(data: Dataset, folder: Path) -> int:
    """Write the held-out images as networks get them, a PNG (or of bands a TIFF) each, into a folder a class; how many.

    Raises UserError where the folder cannot be made, or holds anything already.
    """
    split = data.test()
    with writing(str(folder), "; name another folder"):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UserError(f"{folder} is not empty; name another folder")
        for number, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
            file = folder / data.classes[int(label)] / f"{number:05}"
            file.parent.mkdir(exist_ok=True)
            _save(np.asarray(image), file)
    return len(split.labels)


def _save(pixels: Pixels, file: Path) -> None:
    """An image [H, W, channels] into a file of this name, of a kind that is read as it was."""
    channels = pixels.shape[2]
    if channels in COLOURS:
        Image.fromarray(pixels.squeeze(2) if channels == 1 else pixels).save(f"{file}.png")
        return
    import tifffile

    tifffile.imwrite(f"{file}.tif", pixels, photometric="minisblack", planarconfig="contig")
