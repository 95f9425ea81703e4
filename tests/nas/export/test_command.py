"""`python -m nas.export`: what it says, where files go, and one line for every bad input."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nas.common.errors import UserError
from nas.console import commands as console
from nas.export import export, int8
from nas.export.__main__ import main
from nas.export.request import ModelExportRequest
from nas.networks.checkpoint import Card, load, save
from tests.nas.export.small import SIDE, TEXT


def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object
) -> tuple[int, str, list[str]]:
    """Exit code, what it printed, and its lines of errors."""
    monkeypatch.setattr(sys, "argv", ["nas.export", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        console.run(main, ModelExportRequest)
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err.splitlines()


def test_a_folder_stands_for_its_checkpoint_and_files_lie_beside_it(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = command(
        monkeypatch, capsys, copied.parent, "--int8", "--max-drop", 5, "--calibration", 64
    )
    assert (code, err) == (0, [])
    assert "validation accuracy: " in out and " in int8 (per " in out and "in float32" in out
    assert out.count("int8 per ") == 4 and "logits differ by" in out
    names = {file.name for file in copied.parent.iterdir()}
    assert names == {
        copied.name,
        "model-int8.onnx",
        "model-int8.onnx.md",
        "model-int8.onnx.svg",
        "model-int8.onnx.py",
    }


def test_eight_bits_that_cost_too_much_end_with_1(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scales from one black image: what is brighter is cut off."""
    inputs = int8._inputs
    monkeypatch.setattr(int8, "_inputs", lambda images, batch: inputs(np.zeros_like(images[:1]), batch))
    code, out, err = command(monkeypatch, capsys, copied, "--int8")
    assert (code, out, len(err)) == (1, "", 1)
    assert "error: eight bits reach" in err[0] and "where float32 reaches" in err[0]
    assert "more than the 1 points" in err[0] and "--calibration" in err[0] and "--max-drop" in err[0]
    assert list(copied.parent.iterdir()) == [copied]


def test_a_card_holds_what_a_reader_asks(copied: Path) -> None:
    done = export(copied)
    text = done.card.read_text(encoding="utf-8")
    for asked in (
        "stem8-ir8-ir16_t2_s2_se-head32",  # the network
        f"one image of {SIDE}x{SIDE}",
        "M multiply-adds",
        "digits (fingerprint ",
        "on the validation split of these data",
        "logits differ by",
        "python -m nas.train stem8-ir8_t1-ir16_t2_s2_se-head32 --data digits",
        "python -m nas.export model.safetensors",
        "](model.onnx.svg)",
    ):
        assert asked in text, asked
    assert done.card.with_name("model.onnx.svg").read_text(encoding="utf-8").startswith("<svg")
    assert str(copied.parent) not in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("none.safetensors",), "no such file"),
        (("{}", "--format", "onxn"), "expected onnx"),
        (("{}", "--format", "tflite"), "no such format; expected litert"),
        (("{}", "--batch", "0"), "--batch 0"),
        (("{}", "--out", "model.bin"), "ends in .onnx"),
        (("{}", "--int8", "--format", "openvino"), "--int8 is for --format onnx"),
        (("{}", "--int8", "--calibration", "0"), "--calibration 0"),
        (("{}", "--max-drop", "-1"), "--max-drop -1"),
        (("{}", "--data", "folder:gone"), "gone"),
    ],
)
def test_bad_input_is_one_line_and_2(
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    said: str,
) -> None:
    given = [word.format(checkpoint) for word in words]
    code, out, err = command(monkeypatch, capsys, *given)
    assert (code, out, len(err)) == (2, "", 1), err
    assert said in err[0]
    assert [file.name for file in checkpoint.parent.iterdir()] == [checkpoint.name]


def test_what_is_no_checkpoint_is_refused_unread(tmp_path: Path, copied: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    torch.save(Trap(), tmp_path / "trap.safetensors")
    (tmp_path / "half.safetensors").write_bytes(copied.read_bytes()[:2000])
    for name in ("trap", "half"):
        with pytest.raises(UserError, match="is no checkpoint"):
            export(tmp_path / f"{name}.safetensors")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_named(checkpoint: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match=r"--out .*cannot be written: Permission denied"):
        export(checkpoint, out=tmp_path / "m.onnx")


def test_a_file_where_a_folder_should_be_is_named(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(UserError, match=r"--out .*cannot be written: "):
        export(checkpoint, out=tmp_path / "taken" / "m.onnx")
    (tmp_path / "m.onnx").mkdir()
    export(checkpoint, out=tmp_path / "m.onnx")  # a folder is one, whatever its name
    assert (tmp_path / "m.onnx" / "model.onnx").is_file()


def test_a_network_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """Torchvision's, whose code asks the tensors for what no graph can tell."""
    card = Card(network=TEXT, classes=("a",), resolution=32, mean=(0.5,) * 3, std=(0.5,) * 3)
    save(tmp_path / "m.safetensors", card, card.build())

    def asks(self: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)[:, :1] * (2.0 if x.sum().item() > 0 else 1.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nas.networks.building.Network.forward", asks)
        with pytest.raises(UserError, match=r"cannot be written as ONNX: ") as refused:
            export(tmp_path / "m.safetensors")
        with pytest.raises(UserError, match=r"cannot be written as torch-export: "):
            export(tmp_path / "m.safetensors", format="torch-export")
    assert "\n" not in str(refused.value)
    assert [file.name for file in tmp_path.iterdir()] == ["m.safetensors"]


def test_other_data_than_trained_on_are_said(checkpoint: Path, tmp_path: Path) -> None:
    for part in ("train", "test"):
        for name in map(str, range(10)):
            folder = tmp_path / "images" / part / name
            folder.mkdir(parents=True)
            for number in range(3):
                Image.new("L", (8, 8), int(name) * 20 + number).save(folder / f"{number}.png")
    done = export(checkpoint, out=tmp_path / "m.onnx", data=f"folder:{tmp_path / 'images'}")
    assert done.compared == 30 and "NOT the content or split that was trained on" in done.said


def test_images_are_found_as_the_trainer_was_given_them(checkpoint: Path, tmp_path: Path) -> None:
    """What is printed of data need not be what finds them again."""
    found = load(checkpoint)
    card = replace(found.card, data="my digits", made={"images": {"data": "digits", "split": None}})
    save(tmp_path / "m.safetensors", card, found.network())
    assert export(tmp_path / "m.safetensors").said == "digits"
