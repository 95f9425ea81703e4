"""How pictures of any shape come to a size."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nas.common.sizes import FITS, Rectangle, Size, sides, size_of
from nas.data.dataset import load
from nas.data.fitting import GREY, fitted, placed, said
from nas.data.pictures import decode
from tests.examples import few

lengths = st.one_of(st.integers(1, 90), st.sampled_from((1, 5000)))


def picture(high: int, wide: int) -> Image.Image:
    """Red to the left, blue to the right, green between; a quarter, a half, a quarter."""
    pixels = np.zeros((high, wide, 3), np.uint8)
    pixels[:, : wide // 4, 0] = pixels[:, wide - wide // 4 :, 2] = 255
    pixels[:, wide // 4 : wide - wide // 4, 1] = 255
    return Image.fromarray(pixels)


@settings(max_examples=few(150))
@given(lengths, lengths, st.integers(1, 48), st.integers(1, 48), st.sampled_from(FITS))
def test_any_picture_comes_to_any_size(width: int, height: int, high: int, wide: int, fit: str) -> None:
    size = size_of(high, wide)
    made = fitted(Image.new("RGB", (width, height), "white"), size, fit)
    assert made.size == (wide, high)
    place = placed(width, height, size, fit)
    left, top, right, bottom = place.box
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    if fit != "crop":
        assert place.box == (0, 0, width, height)
    covered = np.asarray(made) == 255
    assert covered.all() == (fit != "pad" or place.inner == (wide, high))
    assert fit != "pad" or wide in place.inner or high in place.inner


@given(lengths, lengths, st.integers(1, 48))
def test_a_square_is_cut_out_as_it_always_was(width: int, height: int, side: int) -> None:
    edge = min(width, height)
    left, top = (width - edge) // 2, (height - edge) // 2
    place = placed(width, height, side, "crop")
    assert (place.box, place.inner) == ((left, top, left + edge, top + edge), (side, side))


@pytest.mark.parametrize(
    ("size", "fit", "colours"),
    [
        (16, "crop", "GGGG"),  # the outer quarters are lost
        (Rectangle(16, 32), "crop", "RGGB"),
        (16, "stretch", "RGGB"),
        (Rectangle(32, 32 * 2 - 1), "stretch", "RGGB"),
        (Rectangle(16, 64), "pad", "-RB-"),  # halves of the middle
        (Rectangle(8, 64), "crop", "RGGB"),  # the upper and the lower quarter are lost
    ],
)
def test_what_stays_of_a_wide_picture(size: Size, fit: str, colours: str) -> None:
    pixels = np.asarray(fitted(picture(40, 80), size, fit)).astype(int)
    high, wide = sides(size)
    columns = [(2 * i + 1) * wide // 8 for i in range(4)]
    if fit == "pad":
        columns = [wide // 8, 5 * wide // 16, 11 * wide // 16, 7 * wide // 8]
    found = [pixels[high // 2, column] for column in columns]
    words = {(255, 0, 0): "R", (0, 255, 0): "G", (0, 0, 255): "B", (GREY, GREY, GREY): "-"}
    assert "".join(words.get(tuple(one), "?") for one in found) == colours


def test_padding_is_above_and_below_and_said() -> None:
    pixels = np.asarray(fitted(picture(20, 80), 16, "pad"))
    assert (pixels[:6] == GREY).all() and (pixels[10:] == GREY).all()
    assert not (pixels[6:10] == GREY).all(2).any()
    assert said(16, "pad") == "scaled to fit within 16x16 (height x width), the rest filled with grey (128)"
    assert said(16, "crop") == "the shorter side to 16 pixels, the centre cut out"
    assert said(Rectangle(8, 9), "stretch") == "stretched to 8x9 (height x width)"


@pytest.mark.parametrize("fit", FITS)
def test_a_picture_that_lies_on_its_side_is_turned_first(fit: str) -> None:
    """Large enough that the decoder shrinks it: to no less than is needed of the side that is wide in the end."""
    striped = np.zeros((400, 1200, 3), np.uint8)
    striped[:, np.arange(1200) // 15 % 2 == 0] = 255  # two columns a stripe in the end
    upright = Image.fromarray(striped)
    exif, file, turned = Image.Exif(), io.BytesIO(), io.BytesIO()
    exif[0x0112] = 6
    upright.save(file, "jpeg", quality=95)
    upright.transpose(Image.Transpose.ROTATE_90).save(turned, "jpeg", quality=95, exif=exif)
    size = Rectangle(40, 160)
    left, right = (decode(data.getvalue(), size, way=fit).astype(int) for data in (file, turned))
    assert left.shape == right.shape == (40, 160, 3)
    whole = np.asarray(fitted(upright, size, fit)).astype(int)
    assert np.abs(left - whole).mean() < 4 and np.abs(right - whole).mean() < 4


@pytest.fixture
def folder(tmp_path: Path) -> str:
    for part, count in (("train", 4), ("test", 2)):
        for label, shape in (("a", (24, 48)), ("b", (48, 24))):
            for number in range(count):
                file = tmp_path / "data" / part / label / f"{number}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                picture(*shape).rotate(180 * (number % 2)).save(file)
    return f"folder:{tmp_path / 'data'}"


def test_each_size_and_way_has_its_own_images(folder: str) -> None:
    ways = [(size, fit) for size in (16, "16x32", "32x16") for fit in FITS]
    found = [load(folder, resolution=size, fit=fit, notify=lambda line: None) for size, fit in ways]
    assert len({data.fingerprint for data in found}) == len(ways)
    for data, (size, fit) in zip(found, ways, strict=True):
        assert data.train().images.shape[1:] == (*sides(data.resolution), 3)
        assert (str(data.resolution), data.fit) == (str(size), fit)
    assert load(folder, resolution="16x16", notify=lambda line: None) == found[0]


def test_the_usual_images_keep_their_place_and_fingerprint() -> None:
    """Of versions before there were rectangles: caches and runs stay valid."""
    data = load("digits", resolution=8, validation=0.1, notify=lambda line: None)
    again = load("digits", resolution=8, fit="crop", validation=0.1, notify=lambda line: None)
    assert data.fingerprint == again.fingerprint == "1507c492743d73f2"
    assert data._home.name == "abd990eba026a9c64a2e09a1e8266226"
