"""The report of a data set: what is there, what is left out, and a picture of what networks get."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from nas.common.errors import UserError
from nas.data.__main__ import _text
from nas.data.pictures import decode
from nas.data.report import ACROSS, draw, report, write_images
from tests.nas.data.files import folder, noise, png, tiff


@pytest.fixture
def flowers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three classes, one of them large, in two formats and sizes, with a file that is no image."""
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for name, count in (("aster", 4), ("lily", 20), ("rose", 10)):
        for part, share in (("train", count), ("test", 2)):
            (tmp_path / "set" / part / name).mkdir(parents=True)
            for number in range(share):
                pixels = rng.integers(0, 256, (20 + number, 30, 3), dtype=np.uint8)
                kind = "png" if number % 2 else "jpg"
                Image.fromarray(pixels).save(tmp_path / "set" / part / name / f"{number}.{kind}")
    (tmp_path / "set/train/rose/notes.txt").write_text("mine")
    return tmp_path / "set"


def test_what_is_there_is_counted(flowers: Path, tmp_path: Path) -> None:
    found = report(f"folder:{flowers}", resolution=16)
    assert [(one.name, one.training + one.validation, one.test) for one in found.classes] == [
        ("aster", 4, 2), ("lily", 20, 2), ("rose", 10, 2),
    ]  # fmt: skip
    assert found.imbalance == pytest.approx(15 / 3)
    assert dict(found.kinds) == {"JPEG RGB": 20, "PNG RGB": 20} and found.looked_at == 40
    assert found.sizes == ((30, 20), (30, 24), (30, 39))
    assert any("1 .txt" in line for line in found.said)
    draw(found, tmp_path / "classes.png")
    with Image.open(tmp_path / "classes.png") as image:
        assert image.width > ACROSS * 64 and image.height > 3 * 64
        tile = np.asarray(image)[22 : 22 + 64, 4 : 4 + 64]
    first = found.data.train().images[np.flatnonzero(found.data.train().labels == 0)[0]]
    assert np.array_equal(tile[::4, ::4], first)


def test_pictures_are_shown_as_they_come_to_a_size_and_what_is_cut_off_is_said(
    flowers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from nas.data.__main__ import main

    main(str(flowers), resolution="16x40", fit="pad", png=tmp_path / "pad.png")
    out = capsys.readouterr().out
    assert "height x width: 20x30 at the least, 24x30 in the middle" in out
    assert "as networks get them: scaled to fit within 16x40" in out and "is left by that" not in out
    found = report(f"folder:{flowers}", resolution="16x40", fit="pad")
    rows = np.flatnonzero(found.data.train().labels == 0)[:2]
    with Image.open(tmp_path / "pad.png") as image:
        sheet = np.asarray(image)
    for column, image_of in enumerate(found.data.train().images[rows]):
        left = 4 + column * 44
        assert np.array_equal(sheet[22 : 22 + 16, left : left + 40], image_of)
    main(str(flowers), resolution="16x40")
    assert "of the picture in the middle 50% is left by that; --fit pad" in capsys.readouterr().out
    assert report(f"folder:{flowers}", resolution="16x40").kept == pytest.approx(12 / 24)


def test_the_command(flowers: Path, tmp_path: Path) -> None:
    import typer

    from nas.data.__main__ import main

    app = typer.Typer()
    app.command()(main)
    done = CliRunner().invoke(app, [str(flowers), "--resolution", "16", "--png", str(tmp_path / "a.png")])
    assert done.exit_code == 0 and (tmp_path / "a.png").is_file()
    assert "3 classes" in done.stdout and "20 JPEG RGB" in done.stdout and "largest class" in done.stdout
    refused = CliRunner().invoke(app, [str(tmp_path / "nothing")])
    assert isinstance(refused.exception, UserError)


@pytest.fixture
def bands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two classes of six bands of 12 bits, planar."""
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path / "cache"))
    files = {
        f"{part}/{name}/{number}.tif": tiff(noise(6, 12, side=12, seed=number), planar=True)
        for part in ("train", "test")
        for name in "ab"
        for number in range(3)
    }
    return folder(tmp_path / "bands", files)


def test_bands_are_told_and_drawn_one_below_the_other(bands: Path, tmp_path: Path) -> None:
    found = report(f"folder:{bands}", resolution=12)
    assert dict(found.kinds) == {"TIFF of 6 bands of 16 bits": 12} and found.sizes == ((12, 12),) * 3
    assert "bands: read with 6 channels" in found.said
    assert any("of band 6 0 is black and 4095 white" in line for line in found.said)
    assert "6 bands as they are, 8 bits" in _text(found)
    draw(found, tmp_path / "bands.png")
    with Image.open(tmp_path / "bands.png") as image:
        assert image.height > 2 * 6 * 60
        tiles = np.asarray(image.convert("L"))[22 : 22 + 6 * 64, 4:64]
    first = found.data.train().images[np.flatnonzero(found.data.train().labels == 0)[0]]
    drawn = tiles[: 6 * 64].reshape(6, 64, 60)[:, :60:5, ::5]  # each a zoom of 5, and a gap of 4 pixels
    for band in range(6):
        assert np.corrcoef(drawn[band].ravel(), first[..., band].ravel())[0, 1] > 0.95


def test_bands_are_written_as_files_that_are_read_as_the_same(bands: Path, tmp_path: Path) -> None:
    data = report(f"folder:{bands}", resolution=12).data
    assert write_images(data, tmp_path / "out") == 6
    for image, label, number in zip(data.test().images, data.test().labels, range(6), strict=True):
        file = tmp_path / "out" / data.classes[int(label)] / f"{number:05}.tif"
        assert np.array_equal(decode(file.read_bytes(), 12, channels=6), image)


@pytest.mark.parametrize(
    ("channels", "told"),
    [(None, "RGB (all are grey: three equal channels; --channels 1 reads one)"), (1, "grey, one channel")],
)
def test_grey_is_said_to_be_three_channels_or_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: int | None, told: str
) -> None:
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path / "cache"))
    files = {
        f"{part}/{name}/{n}.png": png(noise(1, 12, seed=n))
        for part in ("train", "test")
        for name in "ab"
        for n in (1, 2)
    }
    found = report(f"folder:{folder(tmp_path / 'grey', files)}", resolution=8, channels=channels)
    assert told in _text(found)
    draw(found, tmp_path / "grey.png")
    write_images(found.data, tmp_path / "out")


def test_the_held_out_images_are_written_as_networks_get_them(flowers: Path, tmp_path: Path) -> None:
    data = report(f"folder:{flowers}", resolution=16).data
    assert write_images(data, tmp_path / "out") == 6
    written = sorted((tmp_path / "out").rglob("*.png"))
    assert [file.parent.name for file in written] == ["aster"] * 2 + ["lily"] * 2 + ["rose"] * 2
    split = data.test()
    for file in written:
        number = int(file.stem)
        assert data.classes[int(split.labels[number])] == file.parent.name
        with Image.open(file) as image:
            np.testing.assert_array_equal(np.asarray(image), split.images[number])
    with pytest.raises(UserError, match="not empty"):
        write_images(data, tmp_path / "out")
