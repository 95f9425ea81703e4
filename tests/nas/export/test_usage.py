"""The lines that run an exported file read a picture as it was read in training, whatever its shape and the size."""

import sys
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest

from nas.common.sizes import FITS, Rectangle, Size
from nas.data.pictures import decode
from nas.export.usage import usage
from nas.networks.checkpoint import Card


@pytest.mark.parametrize("shape", [(40, 90), (90, 40), (33, 33), (1, 70), (12, 24)])
@pytest.mark.parametrize("size", [24, Rectangle(12, 24), Rectangle(40, 17)])
@pytest.mark.parametrize("fit", FITS)
def test_pictures_come_to_the_size_as_in_training(
    shape: tuple[int, int], size: Size, fit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    file = tmp_path / "picture.png"
    PIL.Image.fromarray(pixels).save(file)
    card = Card(
        network="stem8-ir8", classes=("a", "b"), resolution=size, fit=fit, mean=(0.5,) * 3, std=(0.5,) * 3
    )
    lines = usage("onnx", "model.onnx", card, None).splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("image = "))
    code = "\n".join(lines[first:-1]).partition("; odds")[0]
    monkeypatch.setattr(sys, "argv", ["model.py", str(file)])
    found = {"np": np, "PIL": PIL, "sys": sys}
    exec(code, found)
    expected = decode(file.read_bytes(), size, way=fit).transpose(2, 0, 1)[None]
    np.testing.assert_array_equal(found["images"], expected.astype(np.float32) / np.float32(255))  # type: ignore[arg-type]
