"""Bands as they are: what an image file holds, and the files that Pillow would read wrongly.

Pillow drops bands that it has no mode for, and of colours of 16 bits it keeps the upper 8. Such TIFFs are read by
tifffile (the extra `bands`), such PNGs by Pillow in two parts.
"""

from __future__ import annotations

import importlib.util
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from nas.common.errors import UserError

# Only these are tried: Pillow would otherwise hand a .jpg that is really PostScript to Ghostscript.
_WANTED = ("JPEG", "PNG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM", "JPEG2000", "AVIF", "TGA")
Image.init()
FORMATS = tuple(name for name in _WANTED if name in Image.OPEN)
TIFF = (".tif", ".tiff", "")
"""Extensions of files that may be a TIFF."""
MOST = 1024
"""Bands."""
REMEDY = "pip install 'nas-search[bands]'"
_BIG, _MAGIC = (b"II+\0", b"MM\0+"), (b"II*\0", b"MM\0*")
_WIDTH, _HEIGHT, _BITS, _COLOURS, _ORIENTATION, _SAMPLES, _LARGEST, _EXTRA = (
    256,
    257,
    258,
    262,
    274,
    277,
    281,
    338,
)  # tags of TIFF
_RGB, _PALETTE, _CMYK, _YCBCR, _LAB = 2, 3, 5, 6, 8  # values of the tag of colours
_ALPHA = (1, 2)
_UNKNOWN_RANGE = "floating-point pixels, whose range is unknown; 8 or 16 bits are expected"

Levels16 = npt.NDArray[Any]
"""Integers of a file, [H, W, bands]."""


@dataclass(frozen=True)
class Held:
    """What a file holds: bands a pixel; whether the last is transparency; whether colours have more than 8 bits.

    largest: the highest level, as far as it is declared. size, pages: of a TIFF, its width and
    height, and how many pages of grey it has of that size.
    picture: whether reading it as colours or grey leaves nothing out. pillow: whether Pillow reads it rightly.
    """

    bands: int
    alpha: bool
    deep: bool
    picture: bool
    pillow: bool
    largest: int = 0
    size: tuple[int, int] = (0, 0)
    pages: int = 1


def is_tiff(start: bytes) -> bool:
    """Whether a file that begins so is a TIFF, of either kind."""
    return start[:4] in (*_BIG, *_MAGIC)


def look(file: IO[bytes]) -> Held:
    """What a file holds, by its header. Raises what Pillow raises for what is no image."""
    start = file.read(4)
    file.seek(0)
    if is_tiff(start):
        return _look_at_tiff(file)
    with Image.open(file, formats=FORMATS) as image:
        return look_at(image)


def look_at(image: Image.Image) -> Held:
    """What an opened image holds that is no TIFF."""
    tiles = getattr(image, "tile", None)
    raw = str(tiles[0][3]) if tiles else ""
    names, deep = image.getbands(), raw.startswith(("LA;16", "RGB;16", "RGBA;16"))
    if deep:
        names = tuple(raw.partition(";")[0])
    bands = 3 if image.mode in ("P", "PA") else len(names)
    return Held(bands, names[-1].upper() == "A", deep, True, not deep)


def _directories(file: IO[bytes]) -> Iterator[ImageFileDirectory_v2]:
    """The tags of each page of a TIFF, the first first."""
    head = file.read(8)
    if head[:4] in _BIG:
        head += file.read(8)
    following, seen = ImageFileDirectory_v2(head).next, set[int]()
    while following and following not in seen:
        seen.add(following)
        tags = ImageFileDirectory_v2(head)
        file.seek(following)
        tags.load(file)
        yield tags
        following = tags.next


def _tags(file: IO[bytes]) -> ImageFileDirectory_v2:
    return next(_directories(file))


def _look_at_tiff(file: IO[bytes]) -> Held:
    pages = list(islice(_directories(file), MOST))
    tags = pages[0]
    bands, colours = int(tags.get(_SAMPLES, 1)), tags.get(_COLOURS, 1)
    alpha = bands in (2, 4) and any(one in _ALPHA for one in _several(tags.get(_EXTRA, ())))
    deep = bands > 1 and max(_several(tags.get(_BITS, 1))) > 8
    translated = colours in (_PALETTE, _CMYK, _YCBCR, _LAB) and bands <= 4
    picture = translated or bands in (1, 3) or alpha
    plain = bands == 1 or (bands == 3 and colours == _RGB) or (alpha and (bands == 2 or colours == _RGB))
    largest = [one for one in _several(tags.get(_LARGEST, 0)) if 0 < one < 65535]
    size = int(tags[_WIDTH]), int(tags[_HEIGHT])
    pillow = translated or (plain and not deep)
    grey = [
        (int(page.get(_WIDTH, 0)), int(page.get(_HEIGHT, 0)), int(page.get(_SAMPLES, 1))) for page in pages
    ]
    alike = grey.count((*size, 1)) if bands == 1 else 1
    return Held(bands, alpha, deep, picture, pillow, max(largest, default=0), size, alike)


def _several(found: Any) -> tuple[int, ...]:
    return tuple(int(one) for one in (found if isinstance(found, tuple) else (found,)))


def check_reader() -> None:
    """Raise UserError where tifffile is not installed."""
    if importlib.util.find_spec("tifffile") is None:
        raise UserError(
            f"TIFFs of other bands than grey or RGB, and of colours of 16 bits, need tifffile: {REMEDY}"
        )


def read_bands(data: bytes, *, pages: bool = False) -> Levels16:
    """A file's pixels as they are, upright: integers [H, W, bands]. Raises ValueError for floats and for palettes.

    pages: whether the pages of a TIFF of grey are bands; else the first page is read, behind which are other pictures.

    UserError where what reads it is not installed, and whatever the libraries raise for a damaged file.
    """
    if is_tiff(data):
        return _turned(_from_tiff(data, pages), int(_tags(io.BytesIO(data)).get(_ORIENTATION, 1)))
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if image.mode in ("P", "PA"):
            raise ValueError("colours of a palette, which are no bands")
        deep = look_at(image).deep  # of a picture that is not loaded: afterwards it is not to be seen
        found = _from_png(data) if deep else np.asarray(image)
        orientation = image.getexif().get(_ORIENTATION, 1)
    if found.dtype.kind == "f":
        raise ValueError(_UNKNOWN_RANGE)
    return _turned(found.reshape(*found.shape[:2], -1), orientation)


def _from_tiff(data: bytes, pages: bool) -> Levels16:
    check_reader()
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        found, axes = np.asarray(page.asarray()), page.axes
        if pages and axes == "YX" and len(file.pages) > 1:
            alike = [other for other in file.pages if other.shape == page.shape and other.axes == "YX"]
            found, axes = np.stack([other.asarray() for other in alike], axis=2), "YXS"
    if found.dtype.kind not in "uib":
        raise ValueError(_UNKNOWN_RANGE)
    if found.ndim not in (2, 3) or axes not in ("YX", "YXS", "SYX"):
        raise ValueError(f"a TIFF of axes {axes}; width, height and bands are expected")
    if axes == "SYX":
        found = found.transpose(1, 2, 0)
    return found.reshape(*found.shape[:2], -1)


def _from_png(data: bytes) -> Levels16:
    """Colours of 16 bits, by Pillow's decoder: what it would keep is the upper byte, and asked otherwise the lower.

    Grey with transparency has four bytes a pixel, and is decoded as RGBA of 8 bits has.
    """
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        layout = str(image.tile[0][3])
    if layout.startswith("LA"):
        header = b"IHDR" + data[16:24] + b"\x08\x06" + data[26:29]
        data = data[:12] + header + zlib.crc32(header).to_bytes(4) + data[33:]
        return np.ascontiguousarray(_decoded(data, None)).view(">u2").astype(np.uint16)
    upper, lower = _decoded(data, None), _decoded(data, layout.replace(";16B", ";16L"))
    return (upper.astype(np.uint16) << 8) | lower


def _decoded(png: bytes, layout: str | None) -> Levels16:
    with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
        if layout:
            image.tile = [(*image.tile[0][:3], layout)]  # type: ignore[list-item]
        return np.asarray(image)


def _turned(pixels: Levels16, orientation: int) -> Levels16:
    """Upright, by the number of a camera's or a TIFF's orientation."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
