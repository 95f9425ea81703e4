"""How a picture of any shape comes to the size that networks take: cropped, padded or stretched."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from nas.common.sizes import CROP, PAD, STRETCH, Size, sides, told

GREY = 128
"""What `pad` fills with, in every channel: the middle of the range, which is near the mean of most pictures."""


def said(size: Size, fit: str) -> str:
    """What is done, in words."""
    if fit == STRETCH:
        return f"stretched to {told(size)} (height x width)"
    if fit == PAD:
        return f"scaled to fit within {told(size)} (height x width), the rest filled with grey ({GREY})"
    if isinstance(size, int):
        return f"the shorter side to {size} pixels, the centre cut out"
    return f"scaled to cover {told(size)} (height x width), the centre cut out"


@dataclass(frozen=True)
class Placement:
    """Which part of a picture is taken (left, top, right, bottom), how large it becomes and where it is put.

    inner: width and height that the part is scaled to; at: left and top within the result. In Pillow's order, width
    before height.
    """

    box: tuple[int, int, int, int]
    inner: tuple[int, int]
    at: tuple[int, int] = (0, 0)


def placed(width: int, height: int, size: Size, fit: str) -> Placement:
    """Where a picture of so many pixels goes.

    crop: the largest part of the size's shape from the centre. pad: all of it, as large as it fits, in the centre.
    stretch: all of it, whatever becomes of its shape.
    """
    high, wide = sides(size)
    whole = (0, 0, width, height)
    if fit == STRETCH:
        return Placement(whole, (wide, high))
    flatter = width * high > height * wide  # than the size is
    if fit == PAD:
        scale = min(wide / width, high / height)
        inner = max(1, round(width * scale)), max(1, round(height * scale))
        return Placement(whole, inner, ((wide - inner[0]) // 2, (high - inner[1]) // 2))
    across, down = width, height
    if flatter:
        across = max(1, round(height * wide / high))
    else:
        down = max(1, round(width * high / wide))
    left, top = (width - across) // 2, (height - down) // 2
    return Placement((left, top, left + across, top + down), (wide, high))


def fitted(image: Image.Image, size: Size, fit: str = CROP) -> Image.Image:
    """The picture at this size (bicubic, antialiased); what `pad` fills is `GREY` in every channel."""
    place = placed(*image.size, size, fit)
    left, top, right, bottom = place.box
    if (right - left, bottom - top) != place.inner:
        # Cropping first is the same and spares scaling the ends of a very long picture.
        image = image.resize(place.inner, Image.Resampling.BICUBIC, box=place.box)
    elif place.inner != image.size:
        image = image.crop(place.box)
    high, wide = sides(size)
    if image.size == (wide, high):
        return image
    page = Image.new(image.mode, (wide, high), (GREY,) * len(image.getbands()))
    page.paste(image, place.at)
    return page
