"""One picture of any size and kind made one of a given size, uint8; and many, in bounded memory.

RGB as a rule; grey, or as many bands as there are, where that is asked for. What cannot be decoded comes with its
reason. Pixels of more than 8 bits are scaled by one range for a whole data set, bands that are no colours by one each.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from nas.common.machine import cores
from nas.common.sizes import CROP, Size, area, sides
from nas.data.bands import FORMATS, Held, is_tiff, look, look_at, read_bands
from nas.data.fitting import fitted

COLOURS = (1, 3)
"""Channels that are made of any colours: grey, RGB. Others are read as bands, as they are."""
_ORIENTATION = 0x0112  # a tag of TIFF, and of other files' notes
_CHUNK_BYTES = 32 * 2**20
_GROUP = 16

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Item:
    """One picture of a data set: its path inside the set, its class, and where it is (a file or pixels)."""

    path: str
    label: int
    where: Path | Pixels


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded item: uint8 [H, W, channels], and the SHA-256 of the bytes that it was decoded from."""

    pixels: Pixels
    sha256: str


@dataclass(frozen=True)
class Levels:
    """What becomes black and what white, of pixels of more than 8 bits; `each`: of each band, where they differ."""

    low: int
    high: int
    each: tuple[tuple[int, int], ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, numbers: Sequence[int]) -> Levels:
        """From two numbers, or from two for each band."""
        each = tuple(zip(numbers[::2], numbers[1::2], strict=True))
        low, high = min(low for low, _ in each), max(high for _, high in each)
        return cls(low, high, each if len(each) > 1 else ())

    @property
    def numbers(self) -> tuple[int, ...]:
        """The inverse of `of`."""
        return tuple(chain.from_iterable(self.each)) or (self.low, self.high)

    def scaled(self, levels: npt.NDArray[np.int64]) -> Pixels:
        """Levels as uint8, none of them beyond the range; with a range a band, [..., bands]."""
        low, high = np.array(self.each or [(self.low, self.high)], np.int64).T
        span = np.maximum(high - low, 1)
        made: Pixels = ((2 * 255 * (levels - low) + span) // (2 * span)).clip(0, 255).astype(np.uint8)
        return made


SIXTEEN = Levels(0, 65535)


def decode_all(
    items: Sequence[Item],
    resolution: Size,
    levels: Levels = SIXTEEN,
    way: str = CROP,
    channels: int = 3,
) -> Iterator[tuple[Item, Picture | str]]:
    """Decode items in order, about 32 MB at a time, on as many threads as this process has cores.

    Each comes with its picture, or with the reason why it has none. A file that cannot be read for a reason other
    than its being absent or forbidden (a failing disk) raises OSError: it is not corrupt, and to remember it as
    such would be wrong.
    """
    size = max(_GROUP, min(4096, _CHUNK_BYTES // (area(resolution) * channels)))
    with ThreadPoolExecutor(cores()) as pool:
        for start in range(0, len(items), size):
            chunk = items[start : start + size]
            groups = [chunk[i : i + _GROUP] for i in range(0, len(chunk), _GROUP)]
            made = list(
                pool.map(
                    lambda group: [_try(item, resolution, levels, way, channels) for item in group], groups
                )
            )
            yield from zip(chunk, chain.from_iterable(made), strict=True)


def _try(item: Item, resolution: Size, levels: Levels, way: str, channels: int) -> Picture | str:
    if isinstance(item.where, np.ndarray):
        pixels = _colours(Image.fromarray(item.where), resolution, levels, way, channels)
        return Picture(pixels, hashlib.sha256(item.where.tobytes()).hexdigest())
    try:
        data = item.where.read_bytes()
    except (FileNotFoundError, PermissionError) as error:
        return error.strerror or str(error)
    try:
        return Picture(decode(data, resolution, levels, way, channels), hashlib.sha256(data).hexdigest())
    except MemoryError:
        raise
    except UnidentifiedImageError:
        return f"not an image of a kind that is read ({', '.join(FORMATS)})" if data else "an empty file"
    except Image.DecompressionBombError:
        return f"more than the {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels that are read: make it smaller"
    except Exception as error:  # Pillow's decoders raise whatever a damaged file leads them to
        return str(error) or type(error).__name__


def decode(
    data: bytes, resolution: Size, levels: Levels = SIXTEEN, way: str = CROP, channels: int = 3
) -> Pixels:
    """Decode an image file's bytes to uint8 [H, W, channels], H x W being the resolution.

    With 1 or 3 channels colours are made grey and grey is made RGB; else the file has to have as many bands. Raises
    ValueError where it has not, and what Pillow and others raise.
    """
    if channels not in COLOURS:
        bands = read_bands(data, pages=True)
        if bands.shape[2] != channels:
            raise ValueError(f"{bands.shape[2]} bands, where {channels} are read")
        return _fit_bands(_eight_bits(bands, levels), resolution, way)
    if is_tiff(data):
        held = look(io.BytesIO(data))
        if not held.pillow:
            return _decode_bands(data, held, resolution, levels, way, channels)
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if not is_tiff(data) and (held := look_at(image)).deep:
            return _decode_bands(data, held, resolution, levels, way, channels)
        # JPEG only: lets the decoder shrink a large picture, to no less than twice what is needed.
        twice = 2 * max(sides(resolution))  # of either side: the picture may lie on one of them
        image.draft("RGB", (twice, twice))
        return _colours(_upright(image), resolution, levels, way, channels)


def _decode_bands(
    data: bytes, held: Held, resolution: Size, levels: Levels, way: str, channels: int
) -> Pixels:
    """Colours or grey that Pillow would read wrongly."""
    if not held.picture:
        raise ValueError(f"{held.bands} bands, the last of them not said to be transparency; 1 or 3 are read")
    bands = read_bands(data)
    colours = _eight_bits(bands[..., : held.bands - held.alpha], levels)
    if held.alpha:
        clear = _eight_bits(bands[..., -1:], Levels(0, int(np.iinfo(bands.dtype).max)))
        colours = np.concatenate([colours, clear], axis=2)
    return _colours(
        Image.fromarray(colours.squeeze(2) if held.bands == 1 else colours), resolution, levels, way, channels
    )


def _eight_bits(bands: npt.NDArray[Any], levels: Levels) -> Pixels:
    """Bands of 8 bits as they are, others scaled."""
    return bands if bands.dtype == np.uint8 else levels.scaled(bands.astype(np.int64))


def _fit_bands(bands: Pixels, resolution: Size, way: str) -> Pixels:
    """Bands [H, W, any] fitted as colours are, three at a time."""
    count = bands.shape[2]
    bands = np.pad(bands, ((0, 0), (0, 0), (0, -count % 3)))
    fitted = [
        fit(Image.fromarray(np.ascontiguousarray(bands[..., first : first + 3])), resolution, way=way)
        for first in range(0, count, 3)
    ]
    return np.concatenate(fitted, axis=2)[..., :count]


def _colours(image: Image.Image, resolution: Size, levels: Levels, way: str, channels: int) -> Pixels:
    """A picture fitted, as RGB or as grey."""
    if channels == 1:
        return fit(_to_rgb(image, levels).convert("L"), resolution, way=way)[..., :1]
    return fit(image, resolution, levels, way)


def fit(image: Image.Image, resolution: Size, levels: Levels = SIXTEEN, way: str = CROP) -> Pixels:
    """Convert to RGB and bring to the resolution (`nas.data.fitting`): uint8 [H, W, 3]."""
    return np.asarray(fitted(_to_rgb(image, levels), resolution, way), dtype=np.uint8)


def is_deep(image: Image.Image) -> bool:
    """Whether grey has more than 8 bits."""
    return image.mode == "I" or image.mode.startswith("I;16")


def _upright(image: Image.Image) -> Image.Image:
    try:
        turned = image.getexif().get(_ORIENTATION, 1) != 1
        return ImageOps.exif_transpose(image) if turned else image
    except (SyntaxError, ValueError, KeyError, TypeError):
        return image  # the camera's notes are damaged, which says nothing about the picture


def _to_rgb(image: Image.Image, levels: Levels) -> Image.Image:
    """Convert any mode to RGB: more than 8 bits scaled (Pillow would clip), transparency laid on white."""
    if image.mode == "RGB" and "transparency" not in image.info:
        image.load()
        return image
    if image.mode == "F":
        raise ValueError("floating-point pixels, whose range is unknown; 8 or 16 bits are expected")
    if is_deep(image):
        return Image.fromarray(levels.scaled(np.asarray(image, dtype=np.int64))).convert("RGB")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        colours = image.convert("RGBA")
        page = Image.new("RGBA", colours.size, "white")
        return Image.alpha_composite(page, colours).convert("RGB")
    return image.convert("RGB")
