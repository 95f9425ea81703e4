"""Trainings on images of one channel: settled, started from weights of colours, and gone on with."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nas.common.errors import UserError
from nas.networks import checkpoint
from nas.train.recipe import Fidelity
from nas.train.request import TrainRequest
from nas.train.run import carry_out
from nas.train.settings import TrainSettings
from tests.nas.export.small import SIDE, TEXT, trained


def request(out: Path, **more: object) -> TrainRequest:
    asked = TrainRequest(TEXT, data="digits", channels=1, train_resolution=SIDE, epochs=1.0, out=out)
    return replace(asked, **more)  # type: ignore[arg-type]


def test_weights_of_colours_are_brought_to_one_channel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(tmp_path / "colours.safetensors")
    assert carry_out(request(tmp_path / "run", init=str(tmp_path / "colours.safetensors"))) == 0
    said = capsys.readouterr().out
    assert "of 3 channels: the first convolution's weights are summed up for one" in said
    card = checkpoint.load(tmp_path / "run" / "model.safetensors").card
    assert (card.channels, card.colours) == (1, "grey") and card.test_accuracy is not None
    assert card.test_accuracy > 0.7  # what the colours' weights know already; from nothing it is less
    assert card.made["images"]["channels"] == 1
    assert "| input | grey, 16x16" in (tmp_path / "run" / "model.safetensors.md").read_text()


def test_a_normalisation_of_colours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--normalise imagenet is of 3 channels, the data have 1; give data"):
        carry_out(request(tmp_path / "run", normalise="imagenet"))


def test_what_had_begun_before_there_were_channels_goes_on() -> None:
    """Its state knows the training by the text of its settings, which is what it was."""
    settings = TrainSettings(
        network=TEXT, fidelity=Fidelity(1.0, 1.0, SIDE), data="digits", data_name="digits", fingerprint="f00d"
    )
    assert "channels" not in json.loads(settings.to_json())
    assert json.loads(replace(settings, channels=1).to_json())["channels"] == 1
