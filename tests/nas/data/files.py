"""Image files of any bands and depth, made up."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile

Array = npt.NDArray[np.generic]


def tiff(pixels: Array, *, planar: bool = False, **words: object) -> bytes:
    """A TIFF of [H, W, bands], band by band where it is planar, else pixel by pixel."""
    made = io.BytesIO()
    words = {"photometric": "minisblack", **words}
    if planar:
        tifffile.imwrite(made, pixels.transpose(2, 0, 1), planarconfig="separate", **words)  # type: ignore[arg-type]
    else:
        tifffile.imwrite(made, pixels, planarconfig="contig", **words)  # type: ignore[arg-type]
    return made.getvalue()


def png(pixels: Array) -> bytes:
    """A PNG of 8 or 16 bits of [H, W, bands]: grey, grey with transparency, RGB or RGBA."""
    high, wide, bands = pixels.shape
    kind, depth = {1: 0, 2: 4, 3: 2, 4: 6}[bands], 8 * pixels.dtype.itemsize

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    lines = b"".join(b"\0" + line.astype(pixels.dtype.newbyteorder(">")).tobytes() for line in pixels)
    header = struct.pack(">IIBBBBB", wide, high, depth, kind, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


def noise(bands: int, bits: int, side: int = 8, seed: int = 0) -> Array:
    """Pixels [side, side, bands] of so many bits, the lowest and the highest among them, in 8 or 16."""
    made = np.random.default_rng(seed).integers(0, 2**bits, (side, side, bands))
    made[0, 0], made[0, 1] = 0, 2**bits - 1
    return made.astype(np.uint8 if bits <= 8 else np.uint16)


def folder(place: Path, files: dict[str, bytes]) -> Path:
    """Files by their paths in a folder."""
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place
