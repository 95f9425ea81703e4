"""What files hold, and bands read as they are."""

import io
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.common.errors import UserError
from nas.common.sizes import size_of
from nas.data.bands import Held, look, read_bands
from nas.data.pictures import Item, Levels, decode, decode_all
from tests.nas.data.files import Array, noise, png, tiff


def held(data: bytes) -> Held:
    return look(io.BytesIO(data))


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("bands", [2, 3, 4, 5, 6])
def test_a_tiffs_bands_are_read_as_they_are(bands: int, bits: int, planar: bool) -> None:
    pixels = noise(bands, bits)
    data = tiff(pixels, planar=planar)
    found = held(data)
    assert (found.bands, found.alpha, found.deep, found.pillow) == (bands, False, bits > 8, False)
    assert found.picture == (bands == 3) and found.size == (8, 8)
    assert (read_bands(data) == pixels).all() and read_bands(data).dtype == pixels.dtype


@pytest.mark.parametrize(("bands", "bits"), [(bands, bits) for bands in (1, 2, 3, 4) for bits in (8, 12, 16)])
def test_a_pngs_bands_are_read_as_they_are(bands: int, bits: int) -> None:
    pixels = noise(bands, bits)
    found = held(png(pixels))
    assert (found.bands, found.alpha, found.picture) == (bands, bands in (2, 4), True)
    assert found.pillow == (bits == 8 or bands == 1)
    assert (read_bands(png(pixels)) == pixels).all()


@pytest.mark.parametrize(
    ("words", "bands", "expected"),
    [
        ({"photometric": "rgb", "extrasamples": ["unassalpha"]}, 4, (True, True, True)),
        ({"photometric": "rgb", "extrasamples": ["unspecified"]}, 4, (False, False, False)),
        ({"photometric": "minisblack", "extrasamples": ["unassalpha"]}, 2, (True, True, True)),
        ({"photometric": "rgb"}, 3, (False, True, True)),
        ({"photometric": "separated"}, 4, (False, True, True)),
    ],
)
def test_what_is_transparency_or_ink_is_no_band(
    words: dict[str, object], bands: int, expected: tuple[bool, bool, bool]
) -> None:
    found = held(tiff(noise(bands, 8), **words))
    assert (found.alpha, found.picture, found.pillow) == expected


def test_large_tiffs_are_looked_at_too() -> None:
    made = io.BytesIO()
    import tifffile

    with tifffile.TiffWriter(made, bigtiff=True) as file:
        file.write(noise(5, 16), photometric="minisblack", planarconfig="contig")
    assert held(made.getvalue()).bands == 5 and read_bands(made.getvalue()).shape == (8, 8, 5)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("bands", [2, 4, 5, 6])
def test_bands_are_scaled_each_by_its_own_range(bands: int, bits: int) -> None:
    """Exactly: level x of 0 ... h is 255 x / h, rounded; a band of few levels keeps them apart."""
    pixels = noise(bands, bits)
    pixels[..., 1] //= 16
    high = [2**bits - 1] * bands
    high[1] = max(2 ** (bits - 4) - 1, 255)
    levels = Levels.of([number for one in high for number in (0, one)])
    made = decode(tiff(pixels), 8, levels, channels=bands)
    assert made.dtype == np.uint8
    exact = pixels if bits == 8 else np.floor(255 * pixels.astype(float) / high + 0.5)
    assert (made == exact).all()


@pytest.mark.parametrize("kind", [png, tiff])
def test_deep_colours_keep_what_pillow_would_drop(kind: object) -> None:
    """Twelve bits in sixteen: Pillow keeps the upper 8 of 16, and leaves 16 levels, nearly black."""
    pixels = noise(3, 12)
    data = png(pixels) if kind is png else tiff(pixels, photometric="rgb")
    made = decode(data, 8, Levels(0, 4095))
    assert (made == np.floor(255.0 * pixels / 4095 + 0.5)).all()


def test_deep_colours_with_transparency_are_laid_on_white() -> None:
    pixels = np.full((8, 8, 4), 1000, np.uint16)
    pixels[..., 3] = 65535
    pixels[0, 0, 3] = 0
    for data in (png(pixels), tiff(pixels, photometric="rgb", extrasamples=["unassalpha"])):
        made = decode(data, 8, Levels(0, 1023))
        assert made[0, 0].tolist() == [255] * 3 and made[5, 5].tolist() == [249] * 3


@pytest.mark.parametrize("bits", [8, 16])
def test_one_channel_is_the_grey_of_colours(bits: int) -> None:
    """By the luma of Rec. 601, as Pillow's L; of grey it is what there is."""
    pixels = noise(3, bits)
    colours = decode(png(pixels), 8)
    made = decode(png(pixels), 8, channels=1)
    assert made.shape == (8, 8, 1)
    assert (made[..., 0] == np.asarray(Image.fromarray(colours).convert("L"))).all()
    grey = noise(1, bits)
    assert (decode(png(grey), 8, channels=1) == decode(png(grey), 8)[..., :1]).all()


def test_bands_are_scaled_down_as_colours_are() -> None:
    """Six bands as two pictures of three, each resized and cut out as RGB is."""
    pixels = np.repeat(noise(6, 8, side=24), 2, axis=1)
    made = decode(tiff(pixels), 8, channels=6)
    for first in (0, 3):
        alone = decode(png(np.ascontiguousarray(pixels[..., first : first + 3])), 8)
        assert (made[..., first : first + 3] == alone).all()


def test_a_pngs_four_bands_are_not_laid_on_white_where_four_are_asked_for() -> None:
    pixels = noise(4, 8)
    assert (decode(png(pixels), 8, channels=4) == pixels).all()


def turned(data: bytes, orientation: int) -> bytes:
    """A TIFF with its orientation, 1, made another."""
    tag = struct.pack("<HHI", 274, 3, 1)
    at = data.index(tag) + len(tag)
    return data[:at] + struct.pack("<H", orientation) + data[at + 2 :]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_followed(orientation: int) -> None:
    """As Pillow follows it in a TIFF of three bands of 8 bits."""
    extra = [(274, "H", 1, 1, True)]
    pixels = noise(3, 8)
    plain = turned(tiff(pixels, photometric="rgb", extratags=extra), orientation)
    deep = turned(tiff(pixels.astype(np.uint16), photometric="rgb", extratags=extra), orientation)
    assert (decode(deep, 8, Levels(0, 255)) == decode(plain, 8)).all()


def refused(tmp_path: Path, data: bytes, channels: int) -> str:
    (tmp_path / "a.tif").write_bytes(data)
    ((_, made),) = decode_all([Item("a.tif", 0, tmp_path / "a.tif")], 8, channels=channels)
    assert isinstance(made, str)
    return made


@pytest.mark.parametrize(
    ("pixels", "channels", "said"),
    [
        (noise(4, 8), 3, "4 bands, the last of them not said to be transparency; 1 or 3 are read"),
        (noise(4, 8), 6, "4 bands, where 6 are read"),
        (noise(3, 8), 4, "3 bands, where 4 are read"),
        (np.zeros((8, 8, 4), np.float32), 4, "floating-point pixels, whose range is unknown"),
    ],
)
def test_other_bands_are_refused_one_by_one(tmp_path: Path, pixels: Array, channels: int, said: str) -> None:
    assert refused(tmp_path, tiff(pixels), channels).startswith(said)


def test_damaged_tiffs_have_a_reason(tmp_path: Path) -> None:
    data = tiff(noise(5, 16))
    for cut in (4, 12, len(data) - 100):
        assert refused(tmp_path, data[:cut], 5)


def test_without_tifffile_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(UserError, match=r"need tifffile: pip install 'nas-search\[bands\]'"):
        read_bands(tiff_of_five)


tiff_of_five = tiff(noise(5, 8))


@pytest.mark.parametrize("way", ["crop", "pad", "stretch"])
def test_bands_come_to_rectangles_as_colours_do(way: str) -> None:
    pixels = noise(6, 8, side=24)
    made = decode(tiff(pixels), size_of(12, 20), way=way, channels=6)
    for first in (0, 3):
        alone = decode(png(np.ascontiguousarray(pixels[..., first : first + 3])), size_of(12, 20), way=way)
        assert made.shape == (12, 20, 6) and (made[..., first : first + 3] == alone).all()
