"""Sizes of images and maps in pixels, height before width: a square is one number, everything else a `Rectangle`.

So each size has one form and one text, and what was stored of squares reads as before.
"""

from dataclasses import dataclass
from math import sqrt

from blocks.errors import UserError


@dataclass(frozen=True)
class Rectangle:
    """Height and width in pixels, which differ: a square is written as one number. As text 64x128, height first.

    Raises UserError for equal sides and for a side below 1.
    """

    height: int
    width: int

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise UserError(f"a size of {self}: expected sides of 1 pixel or more")
        if self.height == self.width:
            raise UserError(f"a size of {self}: a square is given by one number, {self.height}")

    def __str__(self) -> str:
        return f"{self.height}x{self.width}"


Size = int | Rectangle
"""Of an image or a map, in pixels."""


def size_of(height: int, width: int) -> Size:
    """The size with these sides in pixels."""
    return height if height == width else Rectangle(height, width)


def sides(size: Size) -> tuple[int, int]:
    """Height and width in pixels, in this order as in a tensor's shape."""
    return (size, size) if isinstance(size, int) else (size.height, size.width)


def told(size: Size) -> str:
    """Both sides in words, height first, of squares too: 32x32, 64x128."""
    return f"{size}x{size}" if isinstance(size, int) else str(size)


def smaller(size: Size) -> int:
    """The smaller side in pixels."""
    return size if isinstance(size, int) else min(size.height, size.width)


def area(size: Size) -> int:
    """Pixels."""
    return size * size if isinstance(size, int) else size.height * size.width


def mean_side(size: Size) -> float:
    """The side of the square of as many pixels."""
    return size if isinstance(size, int) else sqrt(size.height * size.width)


def shrunk(size: Size, stride: int) -> Size:
    """The map that a stride leaves of a map: each side divided and rounded up."""
    if isinstance(size, int):
        return -(-size // stride)
    return size_of(-(-size.height // stride), -(-size.width // stride))
