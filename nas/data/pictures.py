"""One picture of any size and kind made one of a given size, uint8 RGB; and many, in bounded memory.

What cannot be decoded comes with its reason. Pixels of more than 8 bits are scaled by one range for a whole data set.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from nas.common.machine import cores
from nas.common.sizes import CROP, Size, area, sides
from nas.data.fitting import fitted

# Only these are tried: Pillow would otherwise hand a .jpg that is really PostScript to Ghostscript.
_WANTED = ("JPEG", "PNG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM", "JPEG2000", "AVIF", "TGA")
Image.init()
FORMATS = tuple(name for name in _WANTED if name in Image.OPEN)
DEEP = (".png", ".tif", ".tiff", ".pgm", ".ppm", ".pnm", ".jp2", ".j2k", "")
"""Extensions of files whose pixels may have more than 8 bits."""
_ORIENTATION = 0x0112  # a tag of TIFF, and of other files' notes
_SAMPLES, _EXTRA_SAMPLES, _LARGEST = 277, 338, 281  # tags of TIFF
_ALPHA = (1, 2)
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
    """A decoded item: uint8 [H, W, 3], and the SHA-256 of the bytes that it was decoded from."""

    pixels: Pixels
    sha256: str


@dataclass(frozen=True)
class Levels:
    """What becomes black and what white, of pixels of more than 8 bits."""

    low: int
    high: int

    def scaled(self, levels: npt.NDArray[np.int64]) -> Pixels:
        """Levels as uint8, none of them beyond the range."""
        span = max(self.high - self.low, 1)
        return ((2 * 255 * (levels - self.low) + span) // (2 * span)).clip(0, 255).astype(np.uint8)


SIXTEEN = Levels(0, 65535)


def find_levels(items: Sequence[Item]) -> Levels | None:
    """The range that holds all pixels of more than 8 bits of a data set; None where there are none.

    From 0 (or the lowest, where pixels have signs) to what the files declare, or else to the end of the fewest bits,
    8, 10, 12, 14 or 16, that hold what there is.
    """
    files = [
        item.where for item in items if isinstance(item.where, Path) and item.where.suffix.lower() in DEEP
    ]
    with ThreadPoolExecutor(cores()) as pool:
        found = [bounds for bounds in pool.map(_bounds, files) if bounds]
    if not found:
        return None
    low, high = min(low for low, _ in found), max(high for _, high in found)
    ends = [2**bits - 1 for bits in (8, 10, 12, 14, 16)]
    return Levels(low, high) if low < 0 else Levels(0, next((end for end in ends if high <= end), high))


def _bounds(file: Path) -> tuple[int, int] | None:
    """The lowest and the highest level of a picture of more than 8 bits, or None."""
    try:
        with Image.open(file, formats=FORMATS) as image:
            if not _is_deep(image):
                return None
            levels = np.asarray(image)
            declared = (
                image.tag_v2.get(_LARGEST, 0) if isinstance(image, TiffImagePlugin.TiffImageFile) else 0
            )
            largest = max(declared) if isinstance(declared, tuple) else int(declared)
            return int(levels.min()), max(int(levels.max()), largest if largest < 65535 else 0)
    except Exception:  # to be named when it is decoded
        return None


def _is_deep(image: Image.Image) -> bool:
    return image.mode == "I" or image.mode.startswith("I;16")


def decode_all(
    items: Sequence[Item], resolution: Size, levels: Levels = SIXTEEN, way: str = CROP
) -> Iterator[tuple[Item, Picture | str]]:
    """Decode items in order, about 32 MB at a time, on as many threads as this process has cores.

    Each comes with its picture, or with the reason why it has none. A file that cannot be read for a reason other
    than its being absent or forbidden (a failing disk) raises OSError: it is not corrupt, and to remember it as
    such would be wrong.
    """
    size = max(_GROUP, min(4096, _CHUNK_BYTES // (area(resolution) * 3)))
    with ThreadPoolExecutor(cores()) as pool:
        for start in range(0, len(items), size):
            chunk = items[start : start + size]
            groups = [chunk[i : i + _GROUP] for i in range(0, len(chunk), _GROUP)]
            made = list(
                pool.map(lambda group: [_try(item, resolution, levels, way) for item in group], groups)
            )
            yield from zip(chunk, chain.from_iterable(made), strict=True)


def _try(item: Item, resolution: Size, levels: Levels, way: str) -> Picture | str:
    if isinstance(item.where, np.ndarray):
        pixels = fit(Image.fromarray(item.where), resolution, levels, way)
        return Picture(pixels, hashlib.sha256(item.where.tobytes()).hexdigest())
    try:
        data = item.where.read_bytes()
    except (FileNotFoundError, PermissionError) as error:
        return error.strerror or str(error)
    try:
        return Picture(decode(data, resolution, levels, way), hashlib.sha256(data).hexdigest())
    except MemoryError:
        raise
    except UnidentifiedImageError:
        return f"not an image of a kind that is read ({', '.join(FORMATS)})" if data else "an empty file"
    except Image.DecompressionBombError:
        return f"more than the {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels that are read: make it smaller"
    except Exception as error:  # Pillow's decoders raise whatever a damaged file leads them to
        return str(error) or type(error).__name__


def decode(data: bytes, resolution: Size, levels: Levels = SIXTEEN, way: str = CROP) -> Pixels:
    """Decode an image file's bytes to uint8 [H, W, 3], H x W being the resolution. Raises what Pillow raises."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        _check_bands(image)
        # JPEG only: lets the decoder shrink a large picture, to no less than twice what is needed.
        twice = 2 * max(sides(resolution))  # of either side: the picture may lie on one of them
        image.draft("RGB", (twice, twice))
        return fit(_upright(image), resolution, levels, way)


def _check_bands(image: Image.Image) -> None:
    """Refuse bands that Pillow would drop or take for transparency."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        bands, extra = image.tag_v2.get(_SAMPLES, 1), image.tag_v2.get(_EXTRA_SAMPLES, ())
        plain = (
            bands in (1, 3)
            or (bands in (2, 4) and any(one in _ALPHA for one in extra))
            or image.mode == "CMYK"
        )
        if not plain:
            raise ValueError(f"{bands} bands, the last of them not said to be transparency; 1 or 3 are read")


def fit(image: Image.Image, resolution: Size, levels: Levels = SIXTEEN, way: str = CROP) -> Pixels:
    """Convert to RGB and bring to the resolution (`nas.data.fitting`): uint8 [H, W, 3]."""
    return np.asarray(fitted(_to_rgb(image, levels), resolution, way), dtype=np.uint8)


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
    if _is_deep(image):
        return Image.fromarray(levels.scaled(np.asarray(image, dtype=np.int64))).convert("RGB")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        colours = image.convert("RGBA")
        page = Image.new("RGBA", colours.size, "white")
        return Image.alpha_composite(page, colours).convert("RGB")
    return image.convert("RGB")
