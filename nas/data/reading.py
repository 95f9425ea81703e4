"""How the files of a data set are read, found before any is decoded: their channels, and their range of levels.

Files of grey and of colours, whatever their mode, are three channels: RGB. Where every file is a TIFF of so many bands
that are no colours, these are the channels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from nas.common.errors import UserError
from nas.common.machine import cores
from nas.data.bands import FORMATS, MOST, TIFF, Held, check_reader, is_tiff, look, look_at, read_bands
from nas.data.pictures import COLOURS, Item, Levels, is_deep

DEEP = (".png", ".tif", ".tiff", ".pgm", ".ppm", ".pnm", ".jp2", ".j2k", "")
"""Extensions of files whose pixels may have more than 8 bits."""


def check_channels(asked: int | None) -> None:
    """Raises UserError for what is no number of channels."""
    if asked is not None and not 1 <= asked <= MOST:
        raise UserError(f"--channels {asked}: expected from 1 to {MOST}")


def find_channels(items: Sequence[Item], asked: int | None, name: str) -> int:
    """The channels that a data set is read with: those asked for, else those that its files have.

    Looks at headers only, and only at TIFFs where colours will do. Raises UserError, with counts, where the files do
    not have the bands, and where what reads them is not installed.
    """
    check_channels(asked)
    if asked is not None and asked not in COLOURS:
        if counts := _counted(items, stacked=True) - Counter({asked: len(items)}):
            raise UserError(f"--channels {asked}: {name} has images of {_said(counts)}")
        return asked
    tiffs = _tiffs(items)
    looked = [held for held in _looked(tiffs) if held]
    if any(not held.pillow for held in looked):
        check_reader()
    others = Counter(held.bands for held in looked if not held.picture)
    if not others:
        return asked or 3
    pictures = len(items) - len(tiffs) + sum(held.picture for held in looked)
    if asked is None and len(others) == 1 and not pictures:
        return next(iter(others))
    counts = _counted(items)
    said = _said(counts)
    if asked is not None:
        raise UserError(f"--channels {asked}: {name} has images of {said}; grey and colours can be read so")
    if len(counts) == 1:
        raise UserError(
            f"{name} has images whose last band is said to be transparency, and others where it is not: {said}; "
            f"--channels {next(iter(counts))} reads all bands as they are"
        )
    raise UserError(
        f"{name} has images of different numbers of bands: {said}. Leave out those that do not belong"
    )


def _counted(items: Sequence[Item], *, stacked: bool = False) -> Counter[int]:
    """How many images have so many bands, or pages of grey where those are stacked.

    Those that cannot be read are named when they are decoded.
    """
    files = [item for item in items if isinstance(item.where, Path)]
    counts = Counter(max(held.bands, held.pages * stacked) for held in _looked(files) if held)
    counts.update(np.atleast_3d(item.where).shape[2] for item in items if isinstance(item.where, np.ndarray))
    return counts


def _tiffs(items: Sequence[Item]) -> list[Item]:
    return [item for item in items if isinstance(item.where, Path) and item.where.suffix.lower() in TIFF]


def pages_told(items: Sequence[Item], channels: int, name: str) -> str:
    """What is said of TIFFs whose pages may be bands, where the first alone is read; nothing where there are none."""
    if channels not in COLOURS:
        return ""
    counts = Counter(held.pages for held in _looked(_tiffs(items)) if held and held.pages > 1)
    if not counts:
        return ""
    pages = counts.most_common(1)[0][0]
    return (
        f"{name}: {counts.total():,} TIFFs have several pages of grey, of which the first is read; --channels {pages} "
        "reads pages as bands"
    )


def _said(counts: Counter[int]) -> str:
    return ", ".join(
        f"{bands} band{'s' * (bands > 1)} ({count:,})" for bands, count in sorted(counts.items())
    )


def _looked(items: Sequence[Item]) -> list[Held | None]:
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(_look, items))


def _look(item: Item) -> Held | None:
    assert isinstance(item.where, Path)
    try:
        with item.where.open("rb") as file:
            return look(file)
    except Exception:  # to be named when it is decoded
        return None


def find_levels(items: Iterable[Item], channels: int = 3) -> Levels | None:
    """The range that holds all pixels of more than 8 bits of a data set; None where there are none.

    From 0 (or the lowest, where pixels have signs) to what the files declare, or else to the end of the fewest bits,
    8, 10, 12, 14 or 16, that hold what there is. One range for grey and for colours. Bands that are no colours are
    quantities of their own, and have a range each, to the end of the fewest bits from 8.
    """
    files = [
        item.where for item in items if isinstance(item.where, Path) and item.where.suffix.lower() in DEEP
    ]
    with ThreadPoolExecutor(cores()) as pool:
        found = [bounds for bounds in pool.map(lambda file: _bounds(file, channels), files) if bounds]
    if not found:
        return None
    if channels in COLOURS:
        every = [bound for bounds in found for bound in bounds]
        return Levels(*_range(every, (8, 10, 12, 14, 16)))
    each = [_range(list(bounds), range(8, 17)) for bounds in zip(*found, strict=True)]
    return Levels.of([number for both in each for number in both])


def _range(bounds: Sequence[tuple[int, int]], bits: Iterable[int]) -> tuple[int, int]:
    low, high = min(low for low, _ in bounds), max(high for _, high in bounds)
    if low < 0:
        return low, high
    return 0, next((2**count - 1 for count in bits if high < 2**count), high)


def _bounds(file: Path, channels: int) -> list[tuple[int, int]] | None:
    """The lowest and the highest level of each band of a picture of more than 8 bits, or None."""
    try:
        data = file.read_bytes()
        largest = alpha = 0
        if is_tiff(data):
            with file.open("rb") as opened:
                held = look(opened)
            largest, alpha = held.largest, int(held.alpha)
            deep = channels not in COLOURS or (held.deep and not held.pillow)
        else:
            with Image.open(file, formats=FORMATS) as image:
                held = look_at(image)
                alpha, deep = int(held.alpha), held.deep or (channels not in COLOURS and is_deep(image))
        if deep:
            levels = read_bands(data, pages=channels not in COLOURS)
            if levels.dtype == np.uint8 or (channels not in COLOURS and levels.shape[2] != channels):
                return None
        else:
            with Image.open(file, formats=FORMATS) as image:
                if not is_deep(image):
                    return None
                levels = np.asarray(image)[..., None]
        if channels in COLOURS:
            levels = levels[..., : levels.shape[2] - alpha]
        lowest, highest = levels.min(axis=(0, 1)).tolist(), levels.max(axis=(0, 1)).tolist()
        return [(low, max(high, largest)) for low, high in zip(lowest, highest, strict=True)]
    except Exception:  # to be named when it is decoded
        return None
