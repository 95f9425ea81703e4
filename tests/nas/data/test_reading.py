"""What a data set is read with: its channels, and the range of its levels."""

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile

from nas.common.errors import UserError
from nas.data import load
from nas.data.dataset import channels_of
from nas.data.pictures import Item, Levels
from nas.data.reading import find_channels, find_levels
from tests.nas.data.files import folder, noise, png, tiff


def items(tmp_path: Path, *files: bytes) -> list[Item]:
    """Files as items, named as what they are."""
    found = []
    for number, data in enumerate(files):
        path = tmp_path / f"{number}{'.png' if data[1:4] == b'PNG' else '.tif'}"
        path.write_bytes(data)
        found.append(Item(path.name, 0, path))
    return found


GREY, CLEAR_GREY, RGB, RGBA = (png(noise(bands, 8)) for bands in (1, 2, 3, 4))
DEEP = tiff(noise(3, 16), photometric="rgb")
TWO, FOUR, SIX = (tiff(noise(bands, 8)) for bands in (2, 4, 6))


@pytest.mark.parametrize(
    ("files", "asked", "found"),
    [
        ([GREY, CLEAR_GREY, RGB, RGBA, DEEP], None, 3),
        ([GREY, CLEAR_GREY, RGB, RGBA, DEEP], 1, 1),
        ([GREY, RGB], 3, 3),
        ([RGBA, RGBA], None, 3),
        ([RGBA, FOUR], 4, 4),
        ([FOUR, FOUR], None, 4),
        ([SIX, SIX], None, 6),
        ([TWO], None, 2),
        ([CLEAR_GREY, TWO], 2, 2),
        ([tiff(noise(3, 8))], None, 3),
        ([SIX, b"II*\0 and nothing else"], None, 6),  # named when it is decoded
    ],
)
def test_channels(tmp_path: Path, files: list[bytes], asked: int | None, found: int) -> None:
    assert find_channels(items(tmp_path, *files), asked, "x") == found


@pytest.mark.parametrize(
    ("files", "asked", "said"),
    [
        (
            [GREY, RGB, SIX, SIX],
            None,
            "x has images of different numbers of bands: 1 band (1), 3 bands (1), 6 bands (2)",
        ),
        ([FOUR, SIX], None, "x has images of different numbers of bands: 4 bands (1), 6 bands (1)"),
        (
            [RGBA, FOUR],
            None,
            "x has images whose last band is said to be transparency, and others where it is not: 4 bands (2); --channels 4",
        ),
        ([SIX, RGB], 3, "--channels 3: x has images of 3 bands (1), 6 bands (1)"),
        ([SIX], 1, "--channels 1: x has images of 6 bands (1)"),
        ([SIX, FOUR, RGB], 6, "--channels 6: x has images of 3 bands (1), 4 bands (1)"),
        ([GREY, RGB], 0, "--channels 0: expected from 1 to 1024"),
    ],
)
def test_mixed_bands_are_refused_with_counts(
    tmp_path: Path, files: list[bytes], asked: int | None, said: str
) -> None:
    with pytest.raises(UserError) as refusal:
        find_channels(items(tmp_path, *files), asked, "x")
    assert str(refusal.value).startswith(said) and "\n" not in str(refusal.value)


def test_pixels_in_memory_have_channels_as_well() -> None:
    grey = [Item("a", 0, np.zeros((8, 8), np.uint8))]
    assert [find_channels(grey, asked, "x") for asked in (None, 1, 3)] == [3, 1, 3]
    with pytest.raises(UserError, match=r"x has images of 1 band \(1\)"):
        find_channels(grey, 4, "x")


def test_colours_have_one_range_and_bands_one_each(tmp_path: Path) -> None:
    dark, bright = noise(4, 12), noise(4, 14)
    dark[..., 2] //= 32
    bright[..., 2] //= 128
    both = items(tmp_path, tiff(dark), tiff(bright))
    assert find_levels(both, 4) == Levels.of([0, 16383] * 2 + [0, 255] + [0, 16383])
    colours = items(tmp_path, png(dark[..., :3]), tiff(bright[..., :3], photometric="rgb"))
    assert find_levels(colours) == Levels(0, 16383)
    assert find_levels(items(tmp_path, png(noise(3, 12)))) == Levels(0, 4095)
    signed = noise(4, 12).astype(np.int16) - 1000
    assert find_levels(items(tmp_path, tiff(signed)), 4) == Levels.of([-1000, 3095] * 4)
    assert find_levels(items(tmp_path, FOUR, FOUR), 4) is None


def test_transparency_is_no_level(tmp_path: Path) -> None:
    pixels = noise(4, 10)
    pixels[..., 3] = 65535
    assert find_levels(items(tmp_path, png(pixels))) == Levels(0, 1023)


def stack(pixels: np.ndarray) -> bytes:
    """A TIFF of a page for each band, as tifffile writes an array [bands, H, W] of grey."""
    made = io.BytesIO()
    tifffile.imwrite(made, pixels.transpose(2, 0, 1), photometric="minisblack")
    return made.getvalue()


@pytest.mark.parametrize("bits", [8, 12])
def test_pages_of_grey_are_bands_if_asked_for(tmp_path: Path, bits: int) -> None:
    """Else the first is read, as it always was, and that is said."""
    images = {
        f"{part}/{name}/{n}.tif": noise(5, bits, seed=n)
        for part in ("train", "test")
        for name in "ab"
        for n in range(2)
    }
    place = f"folder:{folder(tmp_path / 'x', {name: stack(pixels) for name, pixels in images.items()})}"
    said: list[str] = []
    first = load(place, resolution=8, notify=said.append)
    assert first.channels == 3
    assert (
        "x: 8 TIFFs have several pages of grey, of which the first is read; --channels 5 reads pages as bands"
        in said
    )
    five = load(place, resolution=8, channels=5, notify=said.append)
    assert five.levels == (None if bits == 8 else (0, 4095) * 5)
    (one,) = (image for image in five.train().images[:1])
    own = [np.floor(images[f"train/a/{n}.tif"] * 255.0 / (2**bits - 1) + 0.5) for n in range(2)]
    assert any((one == pixels).all() for pixels in own)
    with pytest.raises(UserError, match=r"--channels 4: x has images of 5 bands \(8\)"):
        load(place, resolution=8, channels=4)


def bands_folder(place: Path, bands: int, bits: int = 8, parts: tuple[str, ...] = ("train", "test")) -> Path:
    """Two classes of four images each."""
    files = {
        f"{part}/{name}/{number}.tif": tiff(noise(bands, bits, seed=number + 10 * (name == "b") + 100 * at))
        for at, part in enumerate(parts)
        for name in "ab"
        for number in range(4)
    }
    return folder(place, files)


@pytest.mark.parametrize(("bands", "bits"), [(6, 16), (4, 12), (2, 8)])
def test_a_data_set_of_bands(tmp_path: Path, bands: int, bits: int) -> None:
    said: list[str] = []
    place = bands_folder(tmp_path / "x", bands, bits)
    data = load(f"folder:{place}", resolution=8, notify=said.append)
    assert data.channels == len(data.mean) == len(data.std) == bands
    assert data.levels == (None if bits == 8 else (0, 2**bits - 1) * bands)
    assert f"x: read with {bands} channels" in said
    images = np.concatenate([data.train().images, data.validation().images])
    assert images.shape == (8, 8, 8, bands) and data.test().images.shape == (8, 8, 8, bands)
    stored = np.sort(data.test().images.astype(float).sum(axis=(1, 2)), axis=0)
    own = [noise(bands, bits, seed=n + 10 * b + 100) for b in range(2) for n in range(4)]
    scaled = [
        np.floor(one * 255.0 / (255 if bits == 8 else 2**bits - 1) + 0.5).sum(axis=(0, 1)) for one in own
    ]
    assert (stored == np.sort(np.array(scaled), axis=0)).all()
    mean = data.train().images.reshape(-1, bands).mean(axis=0) / 255
    assert np.allclose(data.mean, mean)


def test_the_fingerprint_follows_the_channels_and_not_how_they_were_asked_for(tmp_path: Path) -> None:
    files = {
        f"{part}/{name}/{n}.png": png(noise(3, 8, seed=n))
        for part in ("train", "test")
        for name in "ab"
        for n in range(3)
    }
    place = f"folder:{folder(tmp_path / 'rgb', files)}"
    plain, asked, grey = (load(place, resolution=8, channels=channels) for channels in (None, 3, 1))
    assert plain.fingerprint == asked.fingerprint != grey.fingerprint
    assert (plain.channels, asked.channels, grey.channels) == (3, 3, 1)
    assert (plain.train().images == asked.train().images).all()
    six = f"folder:{bands_folder(tmp_path / 'six', 6)}"
    assert load(six, resolution=8).fingerprint == load(six, resolution=8, channels=6).fingerprint
    with pytest.raises(UserError, match=r"--channels 3: six has images of 6 bands \(16\)"):
        load(six, resolution=8, channels=3)


def test_the_digits_as_one_channel() -> None:
    three, one = load("digits", resolution=8), load("digits", resolution=8, channels=1)
    assert one.channels == 1 and (one.train().images == three.train().images[..., :1]).all()
    assert three.fingerprint != one.fingerprint


def test_channels_are_known_by_headers_alone(tmp_path: Path) -> None:
    place = bands_folder(tmp_path / "x", 5)
    for file in place.glob("*/*/*.tif"):  # what follows the header is cut off
        file.write_bytes(file.read_bytes()[:-20])
    assert channels_of(f"folder:{place}", None) == 5
    assert [channels_of(name, None) for name in ("digits", "auto", "cifar10")] == [3, 3, 3]
    assert channels_of("digits", 1) == 1
