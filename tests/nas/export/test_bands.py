"""Files for images of one channel and of six: every format takes them, and the lines of a card run."""

from pathlib import Path

import numpy as np
import pytest
import torch

from nas.export import export
from nas.export.formats import FORMATS
from nas.latency.timing.graph_file import read
from nas.networks.checkpoint import Card, colours_of, load, save
from nas.predict import predict
from tests.nas.data.files import noise, png, tiff
from tests.nas.export.small import TEXT, run_card

SIDE = 16


def checkpoint(path: Path, channels: int, levels: tuple[int, ...] | None = None) -> Path:
    torch.manual_seed(0)
    card = Card(
        network=TEXT,
        classes=("cat", "dog", "eel"),
        resolution=SIDE,
        mean=tuple(np.linspace(0.3, 0.6, channels)),
        std=(0.25,) * channels,
        colours=colours_of(channels),
        levels=levels,
    )
    model = card.build()
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
        if isinstance(part, torch.nn.Linear):
            torch.nn.init.normal_(part.weight, 0, 0.5)
    save(path, card, model)
    return path


@pytest.mark.parametrize("channels", [1, 6])
@pytest.mark.parametrize("kind", [name for name in FORMATS if not FORMATS[name].missing()])
def test_every_format_takes_any_number_of_channels(tmp_path: Path, kind: str, channels: int) -> None:
    done = export(checkpoint(tmp_path / "m.safetensors", channels), format=kind)
    assert done.differs < 1e-4 and done.compared == 100
    assert f"images [{channels}, {SIDE}, {SIDE}] at once" in done.card.read_text()
    if kind == "onnx":
        assert read(done.path).channels == channels


@pytest.mark.parametrize(
    ("channels", "levels", "file"),
    [
        (1, None, png(noise(3, 8, side=21))),
        (1, None, png(noise(1, 8, side=16))),
        (1, (0, 4095), png(noise(1, 12, side=21))),
        (1, (100, 4000), png(noise(1, 12, side=16))),
        (3, (0, 4095), png(noise(1, 12, side=21))),
        (6, None, tiff(noise(6, 8, side=21))),
        (6, (0, 4095) * 5 + (0, 511), tiff(noise(6, 12, side=21), planar=True)),
        (2, (-5, 700, 0, 4095), tiff(noise(2, 12, side=16).astype(np.int16) - 5)),
    ],
)
def test_the_lines_of_a_card_say_what_predict_says(
    tmp_path: Path, channels: int, levels: tuple[int, ...] | None, file: bytes
) -> None:
    picture = tmp_path / "x"
    picture.write_bytes(file)
    path = checkpoint(tmp_path / "m.safetensors", channels, levels)
    (found,) = predict(load(path), [picture]).found
    exported = export(path)
    from nas.describe.card import write

    for card in (exported.card, write(path, load(path).card)):
        shares = [line.split() for line in run_card(card, picture)]
        assert [name for _, name in shares] == [name for name, _ in found.top]
        for (share, _), (_, chance) in zip(shares, found.top, strict=True):
            assert float(share.rstrip("%")) / 100 == pytest.approx(chance, abs=2e-4)


def test_the_lines_refuse_what_the_network_cannot_take(tmp_path: Path) -> None:
    """In one line, as predict does."""
    exported = export(checkpoint(tmp_path / "m.safetensors", 6))
    for name, content in (("x.png", png(noise(3, 8, side=21))), ("x.tif", tiff(noise(4, 8, side=21)))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(AssertionError, match="6 bands") as failed:
            run_card(exported.card, tmp_path / name)
        assert "Traceback" not in str(failed.value)


def test_colours_that_pillow_cuts_to_eight_bits_are_refused(tmp_path: Path) -> None:
    """It keeps the upper half of 16 bits and says nothing: colours of 12 bits would be nearly black."""
    exported = export(checkpoint(tmp_path / "m.safetensors", 3, (0, 4095)))
    (tmp_path / "x.png").write_bytes(png(noise(3, 12, side=21)))
    with pytest.raises(AssertionError, match="8 bits are expected"):
        run_card(exported.card, tmp_path / "x.png")
