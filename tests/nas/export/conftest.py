"""One trained checkpoint and its two ONNX files for all tests of exports, which change none of them."""

import shutil
from pathlib import Path

import pytest
from PIL import Image
from sklearn.datasets import load_digits

from nas.export import Exported, export
from tests.nas.export.small import trained


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained checkpoint alone in its folder."""
    file = tmp_path_factory.mktemp("trained") / "model.safetensors"
    trained(file)
    return file


@pytest.fixture(scope="session")
def in_float(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Its ONNX file for any number of images."""
    return export(checkpoint, out=tmp_path_factory.mktemp("float"))


@pytest.fixture(scope="session")
def in_int8(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Its ONNX file of eight bits; two points may be lost by 144 images."""
    return export(checkpoint, out=tmp_path_factory.mktemp("int8"), int8=True, max_drop=3.0)


@pytest.fixture
def copied(checkpoint: Path, tmp_path: Path) -> Path:
    """The checkpoint in a folder of the test's own."""
    return Path(shutil.copy(checkpoint, tmp_path / "model.safetensors"))


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A digit as a picture that is not square and lies on its side, as cameras write them."""
    grey = load_digits().images[7] * (255 / 16)
    page = Image.new("RGB", (9, 14), "black")
    page.paste(Image.fromarray(grey.round().astype("uint8")), (0, 3))
    notes = Image.Exif()
    notes[0x0112] = 6  # to be turned a quarter
    file = tmp_path_factory.mktemp("pictures") / "seven.png"
    page.rotate(90, expand=True).save(file, exif=notes)
    return file
