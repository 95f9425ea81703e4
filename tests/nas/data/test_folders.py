"""Pictures of any kind become RGB squares; folders are listed, and refused with their fault named."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nas.common.errors import UserError
from nas.data import folders
from nas.data.folders import Content, Item, Picture, decode, decode_all, fit, list_folder


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(side: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8))


# ---------------------------------------------------------------------------------------- pictures


@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from([8, 32, 33]))
@settings(max_examples=40, deadline=None)
def test_any_size_becomes_the_square(width: int, height: int, resolution: int) -> None:
    pixels = fit(Image.new("RGB", (width, height), (10, 200, 30)), resolution)
    assert pixels.shape == (resolution, resolution, 3)
    assert pixels.dtype == np.uint8
    assert (pixels == (10, 200, 30)).all()


def test_the_stored_size_is_not_touched() -> None:
    image = noise(32)
    assert np.array_equal(decode(encoded(image, "PNG"), 32), np.asarray(image))


@pytest.mark.parametrize("width, height", [(64, 32), (32, 64), (128, 64), (33, 32)])
def test_the_centre_is_kept(width: int, height: int) -> None:
    """Black ends outside of the centre square must vanish."""
    pixels = np.zeros((height, width, 3), np.uint8)
    side = min(width, height)
    top, left = (height - side) // 2, (width - side) // 2
    pixels[top : top + side, left : left + side] = 255
    assert fit(Image.fromarray(pixels), 32).min() > 200


def test_shrinking_is_antialiased() -> None:
    stripes = np.zeros((320, 320, 3), np.uint8)
    stripes[:, ::2] = 255
    assert abs(fit(Image.fromarray(stripes), 32).astype(int) - 127).max() <= 8


GREY = 0x80


@pytest.mark.parametrize(
    "image, kind",
    [
        (Image.new("L", (16, 16), GREY), "PNG"),
        (Image.new("L", (16, 16), GREY), "JPEG"),
        (Image.new("P", (16, 16), 1), "PNG"),
        (Image.fromarray(np.full((16, 16), GREY * 257, np.uint16)), "PNG"),
        (Image.fromarray(np.full((16, 16), GREY * 257, np.uint16)), "TIFF"),
        (Image.fromarray(np.full((16, 16), GREY * 257, np.int32)), "TIFF"),
        (Image.new("LA", (16, 16), (GREY, 255)), "PNG"),
        (Image.new("RGBA", (16, 16), (GREY, GREY, GREY, 255)), "PNG"),
        (Image.new("RGBA", (16, 16), (0, 0, 0, 127)), "PNG"),
        (Image.new("CMYK", (16, 16), (0, 0, 0, 255 - GREY)), "JPEG"),
        (Image.new("RGB", (16, 16), (GREY,) * 3), "WEBP"),
        (Image.new("L", (16, 16), GREY), "GIF"),
        (Image.new("RGB", (16, 16), (GREY,) * 3), "BMP"),
        (Image.new("RGB", (16, 16), (GREY,) * 3), "PPM"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.mode,
)
def test_every_mode_becomes_rgb(image: Image.Image, kind: str) -> None:
    if image.mode == "P":
        image.putpalette([0, 0, 0, GREY, GREY, GREY])
    pixels = decode(encoded(image, kind), 8)
    assert pixels.shape == (8, 8, 3)
    assert abs(pixels.astype(int) - GREY).max() <= 2


def test_transparency_is_laid_on_white() -> None:
    assert decode(encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 0)), "PNG"), 8).min() == 255
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([0, 0, 0])
    assert decode(encoded(palette, "PNG", transparency=0), 8).min() == 255
    black = Image.new("RGB", (8, 8))
    assert decode(encoded(black, "PNG", transparency=(0, 0, 0)), 8).min() == 255


@pytest.mark.parametrize("orientation, where", [(1, "top"), (3, "bottom"), (6, "right"), (8, "left")])
@pytest.mark.parametrize("side", [32, 96])
def test_the_cameras_rotation_is_followed(orientation: int, where: str, side: int) -> None:
    pixels = np.zeros((side, side, 3), np.uint8)
    pixels[: side // 2] = 255  # white on top as the sensor saw it
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen = decode(encoded(Image.fromarray(pixels), "JPEG", exif=exif), 32).astype(int)
    halves = {"top": seen[:14], "bottom": seen[18:], "left": seen[:, :14], "right": seen[:, 18:]}
    assert max(halves, key=lambda half: halves[half].mean()) == where
    assert halves[where].min() > 240


def test_large_photographs_and_two_in_one_file() -> None:
    large = Image.new("RGB", (900, 700), (200, 100, 50))
    assert abs(decode(encoded(large, "JPEG"), 32).astype(int) - (200, 100, 50)).max() <= 3
    pair = encoded(large, "MPO", save_all=True, append_images=[Image.new("RGB", (900, 700))])
    assert abs(decode(pair, 32).astype(int) - (200, 100, 50)).max() <= 3


def test_decoding_keeps_order_and_sets_the_corrupt_apart(tmp_path: Path) -> None:
    items = []
    for i in range(70):
        path = tmp_path / f"{i}.png"
        path.write_bytes(encoded(Image.new("RGB", (8, 8), (i, i, i)), "PNG"))
        items.append(Item(f"train/a/{i}.png", 0, path))
    jpeg = encoded(noise(64), "JPEG")
    for i, data in {
        3: b"no image at all",
        20: b"",
        40: jpeg[: len(jpeg) // 2],
        41: b"%!PS-Adobe\n",
        42: encoded(noise(8), "PCX"),
    }.items():
        items[i].where.write_bytes(data)  # type: ignore[union-attr]
    (tmp_path / "60.png").unlink()
    made = list(decode_all(items, 8))
    assert [item for item, _ in made] == items
    reasons = {item.path: reason for item, reason in made if isinstance(reason, str)}
    assert list(reasons) == [f"train/a/{i}.png" for i in (3, 20, 40, 41, 42, 60)]
    assert all("object at" not in reason for reason in reasons.values())
    kept = [decoded.pixels[0, 0, 0] for _, decoded in made if isinstance(decoded, Picture)]
    assert kept == [i for i in range(70) if i not in (3, 20, 40, 41, 42, 60)]


def test_little_is_decoded_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []

    def fit(image: Image.Image, resolution: int) -> np.ndarray:
        decoded.append(resolution)
        return np.zeros(0, np.uint8)

    monkeypatch.setattr(folders, "fit", fit)
    pictures = decode_all([Item(f"train/{i}", 0, np.zeros((4, 4), np.uint8)) for i in range(100)], 1024)
    next(pictures)
    assert len(decoded) * 1024 * 1024 * 3 <= 2 * 32 * 2**20
    assert len(list(pictures)) == len(decoded) - 1 == 99


# ----------------------------------------------------------------------------------------- folders


def make(root: Path, files: list[str]) -> Path:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"never opened by the listing")
    return root


def content(folder: Path) -> Content:
    return list_folder(folder, lambda message: None).read()


PLAIN = ["train/b/1.jpg", "train/b/2.PNG", "train/a/x.webp", "train/a/y.jpg", "test/a/1.jpg", "test/b/1.jpg"]


def test_listing(tmp_path: Path) -> None:
    ignored = [
        "train/.DS_Store",
        "train/a/.DS_Store",
        "train/a/._x.jpg",
        "train/b/Thumbs.db",
        "train/note.txt",
    ]
    found = content(make(tmp_path, [*PLAIN, *ignored, "train/.git/1.jpg", "train/b/images/deep.jpg"]))
    assert found.classes == ("a", "b")
    assert [(item.path, item.label) for item in found.train] == [
        ("train/a/x.webp", 0),
        ("train/a/y.jpg", 0),
        ("train/b/1.jpg", 1),
        ("train/b/2.PNG", 1),
        ("train/b/images/deep.jpg", 1),
    ]
    assert [item.path for item in found.test] == ["test/a/1.jpg", "test/b/1.jpg"]
    assert all(isinstance(item.where, Path) and item.where.exists() for item in found.train)


def test_val_stands_in_for_test_and_test_wins(tmp_path: Path) -> None:
    make(tmp_path, ["train/a/1.jpg", "train/b/1.jpg", "val/a/v.jpg", "val/b/v.jpg"])
    assert [item.path for item in content(tmp_path).test] == ["val/a/v.jpg", "val/b/v.jpg"]
    make(tmp_path, ["test/a/t.jpg", "test/b/t.jpg"])
    said: list[str] = []
    found = list_folder(tmp_path, said.append).read()
    assert [item.path for item in found.test] == ["test/a/t.jpg", "test/b/t.jpg"]
    assert any("val/" in message for message in said)


def test_the_key_follows_the_files(tmp_path: Path) -> None:
    def key() -> str:
        return list_folder(tmp_path, lambda message: None).key

    make(tmp_path, PLAIN)
    first = key()
    assert key() == first
    file = tmp_path / "train/a/y.jpg"
    stat = file.stat()
    file.write_bytes(b"Never opened by the listing")  # the same size ...
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # ... under the same modification time
    second = key()
    assert second != first
    make(tmp_path, ["test/b/more.jpg"])
    assert key() != second


def test_links(tmp_path: Path) -> None:
    make(tmp_path / "store", ["pictures/1.jpg"])
    make(tmp_path / "set", PLAIN)
    (tmp_path / "set/train/c").symlink_to(tmp_path / "store/pictures")
    (tmp_path / "set/test/c").symlink_to(tmp_path / "store/pictures")
    (tmp_path / "set/train/a/loop").symlink_to(tmp_path / "set/train")
    (tmp_path / "set/train/a/dangling.jpg").symlink_to(tmp_path / "nowhere.jpg")
    found = content(tmp_path / "set")
    assert found.classes == ("a", "b", "c")
    paths = [item.path for item in found.train]
    assert "train/c/1.jpg" in paths
    assert not [path for path in paths if "loop" in path]
    assert "train/a/dangling.jpg" in paths  # to be named as missing when it is read


@pytest.mark.parametrize(
    "files, words",
    [
        (["test/a/1.jpg"], ["train/", "CLASS"]),
        (["train/a/1.jpg", "train/b/1.jpg"], ["test/", "val/", "CLASS"]),
        (["train/a/1.jpg", "test/a/1.jpg"], ["1 class", "2"]),
        (["train/1.jpg", "test/1.jpg"], ["0 class", "CLASS"]),
        ([*PLAIN, "train/c/1.jpg"], ["only in train/: c"]),
        ([*PLAIN, "test/zebra/1.jpg", "train/c/1.jpg"], ["only in train/: c", "only in test/: zebra"]),
        ([*PLAIN, "train/c/readme.txt", "test/c/1.jpg"], ["train/c"]),
        ([*PLAIN, "train/c/1.jpg", "test/c/.DS_Store"], ["test/c"]),
    ],
)
def test_unusable_folders_are_refused(tmp_path: Path, files: list[str], words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        content(make(tmp_path, files))
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        content(tmp_path / "gone")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="not a folder"):
        content(tmp_path / "file")
