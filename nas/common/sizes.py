"""Sizes as people give them: a number of pixels for a square, or height x width as in 64x128."""

import re

from blocks.sizes import Rectangle, Size, area, mean_side, shrunk, sides, size_of, smaller, told
from nas.common.errors import UserError

__all__ = [
    "CROP",
    "FITS",
    "PAD",
    "STRETCH",
    "GivenSize",
    "Rectangle",
    "Size",
    "area",
    "check_fit",
    "mean_side",
    "read_size",
    "shrunk",
    "sides",
    "size_of",
    "sized",
    "smaller",
    "told",
]
CROP, PAD, STRETCH = "crop", "pad", "stretch"
FITS = (CROP, PAD, STRETCH)
"""How an image of another shape comes to a size (`nas.data.fitting`)."""
GivenSize = Size | str
"""A size, or its text, as a user gives it."""
_TEXT = re.compile(r"([0-9]{1,9})(?:x([0-9]{1,9}))?", re.ASCII)


def read_size(given: GivenSize, what: str, least: int = 1, most: int = 4096) -> Size:
    """The size that is given: 64 and "64" and "64x64" are the same square; "64x128" is 64 high and 128 wide.

    `str` of a size is its text again. Raises UserError, naming `what` it was given as, for what is no size and for a
    side that is not from `least` to `most` pixels.
    """
    high, wide = 0, 0
    if isinstance(given, Rectangle):
        high, wide = sides(given)
    elif match := _TEXT.fullmatch(str(given).strip()) if not isinstance(given, bool) else None:
        high, wide = int(match[1]), int(match[2] or match[1])
    if not (least <= high <= most and least <= wide <= most):
        raise UserError(
            f"{what} {given}: expected {least} to {most} pixels, for a square a number as 64, else height x width "
            "as 64x128"
        )
    return size_of(high, wide)


def sized(size: Size, fit: str, data: str) -> str:
    """A size in words, with how images come to it where those of the named data may be of other shapes."""
    own = data.partition(":")[0] in ("folder", "list")
    return f"{told(size)} ({fit})" if own or fit != CROP or not isinstance(size, int) else told(size)


def check_fit(fit: str) -> str:
    """The word itself. Raises UserError for none of `FITS`."""
    if fit not in FITS:
        raise UserError(f"--fit {fit}: expected {', '.join(FITS[:-1])} or {FITS[-1]}")
    return fit
