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
from nas.data import pictures as decoding
from nas.data.folders import Content, Shares, list_file, list_folder
from nas.data.pictures import Item, Levels, Picture, decode, decode_all, fit
from nas.data.reading import find_levels
from tests.examples import few


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(side: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8))


# ---------------------------------------------------------------------------------------- pictures


@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from([8, 32, 33]))
@settings(max_examples=few(40), deadline=None)
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

    def fit(image: Image.Image, resolution: int, levels: Levels, way: str) -> np.ndarray:
        decoded.append(resolution)
        return np.zeros(0, np.uint8)

    monkeypatch.setattr(decoding, "fit", fit)
    pictures = decode_all([Item(f"train/{i}", 0, np.zeros((4, 4), np.uint8)) for i in range(100)], 1024)
    next(pictures)
    assert len(decoded) * 1024 * 1024 * 3 <= 2 * 32 * 2**20
    assert len(list(pictures)) == len(decoded) - 1 == 99


# ------------------------------------------------------------------------------- more than 8 bits


def stored(root: Path, name: str, pixels: np.ndarray, **options: object) -> Item:
    """A file of these pixels as an item of a data set."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return Item(f"train/{name}", 0, path)


def ramp(low: int, high: int, kind: type[np.generic]) -> np.ndarray:
    return np.linspace(low, high, 32 * 32).round().astype(kind).reshape(32, 32)


@pytest.mark.parametrize(
    ("kind", "name", "low", "high", "found"),
    [
        (np.uint16, "a.png", 0, 1023, Levels(0, 1023)),
        (np.uint16, "a.png", 5, 4000, Levels(0, 4095)),
        (np.uint16, "a.tif", 0, 65535, Levels(0, 65535)),
        (np.uint16, "a.tif", 0, 200, Levels(0, 255)),
        (np.int32, "a.tif", -1000, 3000, Levels(-1000, 3000)),
        (np.int32, "a.tif", 0, 1_000_000, Levels(0, 1_000_000)),
    ],
)
def test_a_range_of_levels_is_kept_whole(
    tmp_path: Path, kind: type[np.generic], name: str, low: int, high: int, found: Levels
) -> None:
    item = stored(tmp_path, name, ramp(low, high, kind))
    assert find_levels([item]) == found
    ((_, made),) = decode_all([item], 32, found)
    assert isinstance(made, Picture)
    assert len(np.unique(made.pixels)) > 190
    assert made.pixels.max() >= 195 and made.pixels.min() <= 1


def test_one_range_serves_the_whole_set(tmp_path: Path) -> None:
    dark, bright = (stored(tmp_path, f"{top}.png", np.full((8, 8), top, np.uint16)) for top in (1000, 4000))
    levels = find_levels([dark, bright])
    assert levels == Levels(0, 4095)
    values = [
        made.pixels.max() for _, made in decode_all([dark, bright], 8, levels) if isinstance(made, Picture)
    ]
    assert values == [62, 249]


def test_eight_bits_have_no_range_to_find(tmp_path: Path) -> None:
    assert (
        find_levels([stored(tmp_path, "a.png", np.zeros((8, 8), np.uint8)), Item("b", 0, np.zeros((8, 8)))])
        is None
    )


@pytest.mark.parametrize("bands", [4, 2])
def test_bands_that_would_be_dropped_or_taken_for_transparency_are_refused(
    tmp_path: Path, bands: int
) -> None:
    mode = {4: "RGBA", 2: "LA"}[bands]
    Image.new(mode, (8, 8), 50).save(tmp_path / "a.tif")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    at = data.index((338).to_bytes(2, "little"))
    data[at + 8 : at + 10] = (0).to_bytes(2, "little")  # an extra sample of no kind
    (tmp_path / "a.tif").write_bytes(bytes(data))
    ((_, said),) = decode_all([Item("a", 0, tmp_path / "a.tif")], 8)
    assert isinstance(said, str) and f"{bands} bands" in said


def test_what_is_not_read_is_said_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(noise(8), "PCX"))
    ((_, said),) = decode_all([Item("a", 0, tmp_path / "a.jpg")], 8)
    assert "JPEG" in str(said) and "kind" in str(said)
    (tmp_path / "b.png").write_bytes(encoded(noise(64), "PNG"))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    ((_, said),) = decode_all([Item("b", 0, tmp_path / "b.png")], 8)
    assert "smaller" in str(said) and "bomb" not in str(said)


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


# -------------------------------------------------------------------------------- layouts and lists


def listed(root: Path, shares: str | None = None) -> tuple[Content, list[str]]:
    said: list[str] = []
    given = Shares.parse(shares) if shares else None
    reader = list_file if root.is_file() else list_folder
    return reader(root, said.append, given).read(), said


@pytest.mark.parametrize(
    ("train", "test"), [("train", "valid"), ("Train", "Test"), ("training", "validation"), ("TRAIN", "dev")]
)
def test_parts_have_many_names(tmp_path: Path, train: str, test: str) -> None:
    make(tmp_path, [f"{part}/{name}/1.jpg" for part in (train, test) for name in "ab"])
    found, said = listed(tmp_path)
    assert [item.path for item in found.test] == [f"{test}/a/1.jpg", f"{test}/b/1.jpg"]
    assert all(isinstance(item.where, Path) and item.where.exists() for item in (*found.train, *found.test))
    assert any(f"{test}/ is held out" in line for line in said)


def test_what_is_left_out_is_counted_and_what_systems_leave_is_not(tmp_path: Path) -> None:
    systems = [
        "__MACOSX/train/a/._1.jpg",
        "train/@eaDir/1.jpg",
        "train/a/Thumbs.db",
        "train/b/__MACOSX/9.jpg",
    ]
    found, said = listed(
        make(tmp_path, [*PLAIN, *systems, "train/a/1.mov", "train/b/2.mov", "test/a/notes.txt"])
    )
    assert len(found.train) == 4 and found.classes == ("a", "b")
    assert [line for line in said if "left out" in line] == [
        f"{tmp_path}: 3 files left out that are no images by their names: 2 .mov, 1 .txt"
    ]


@pytest.mark.parametrize("name", ["x.jfif", "x.jpe", "x.tga", "x.jp2", "x.dib", "x"])
def test_what_pillow_decodes_is_read(tmp_path: Path, name: str) -> None:
    make(tmp_path, PLAIN)
    kind = {".tga": "TGA", ".jp2": "JPEG2000", ".dib": "DIB"}.get(Path(name).suffix, "JPEG")
    (tmp_path / "train/a" / name).write_bytes(encoded(noise(16), kind))
    found, said = listed(tmp_path)
    (item,) = [item for item in found.train if item.path == f"train/a/{name}"]
    assert isinstance(next(decode_all([item], 8))[1], Picture) and said == []


def test_class_folders_are_split_by_shares(tmp_path: Path) -> None:
    make(tmp_path, [f"{name}/{number}.jpg" for name in ("a", "b") for number in range(20)])
    with pytest.raises(UserError, match="--split"):
        listed(tmp_path)
    (found, said), (again, _) = listed(tmp_path, "0.7/0.1/0.2"), listed(tmp_path, "70/10/20")
    assert found == again and "held out" in said[0]
    assert [[item.label for item in part].count(1) for part in (found.train, found.test)] == [16, 4]
    assert not {item.path.split("/", 1)[1] for item in found.train} & {
        item.path.split("/", 1)[1] for item in found.test
    }
    assert all(isinstance(item.where, Path) and item.where.exists() for item in (*found.train, *found.test))
    assert Shares.parse("0.7/0.1/0.2").inner == pytest.approx(1 / 8)


@pytest.mark.parametrize(
    "text", ["0.8", "0.8/0.2", "a/b/c", "0.5/0.1/0.1", "0.9/0/0.1", "nan/0.5/0.5", "-1/1/1", ""]
)
def test_what_are_no_shares_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--split"):
        Shares.parse(text)


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_a_list_of_files(tmp_path: Path, sign: str) -> None:
    make(tmp_path, ["im/1.jpg", "im/2.jpg", "im/3.jpg", "im/4.jpg", "im/5.jpg", "im/6.jpg"])
    rows = [f"im/{number}.jpg{sign}{'cat' if number % 2 else 'dog'}" for number in range(1, 7)]
    (tmp_path / "list.csv").write_text("\n".join([f"file{sign}class", *rows, ""]))
    found, _ = listed(tmp_path / "list.csv", "0.5/0.2/0.3")
    assert found.classes == ("cat", "dog") and len(found.train) == 4 and len(found.test) == 2
    parts = [f"{row}{sign}{'test' if number > 4 else 'train'}" for number, row in enumerate(rows, start=1)]
    (tmp_path / "parts.csv").write_text("\n".join(parts))
    found, _ = listed(tmp_path / "parts.csv")
    assert [item.path for item in found.test] == ["test/im/5.jpg", "test/im/6.jpg"]
    assert all(isinstance(item.where, Path) and item.where.exists() for item in (*found.train, *found.test))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("im/1.jpg", "line 1"),
        ("im/1.jpg,a\nim/1.jpg,", "line 2"),
        ("im/1.jpg,a,elsewhere", "elsewhere"),
        ("im/1.jpg,a\nim/1.jpg,b", "--split"),
    ],
)
def test_a_list_that_is_none_is_refused_by_its_line(tmp_path: Path, text: str, words: str) -> None:
    make(tmp_path, ["im/1.jpg"])
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(UserError, match=words):
        listed(tmp_path / "list.csv")
