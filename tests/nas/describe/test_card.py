"""Model cards: what is known stands there, what is not is left out, and the lines run."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from nas.common.errors import UserError
from nas.describe.card import write
from nas.networks.checkpoint import Card, save
from nas.networks.cost import cost
from nas.networks.references import parse

CARD = Card(
    network="stem8-ir8_t1-ir16_t2_s2_se-head32",
    classes=("cat", "dog", "a|b"),
    resolution=32,
    mean=(0.4, 0.5, 0.6),
    std=(0.2, 0.2, 0.3),
    data="folder:pets",
    fingerprint="0123abcd",
    accuracy=0.9125,
    test_accuracy=0.9,
    made={"seed": 3, "command": "python -m nas.train stem8-ir8 --data folder:pets"},
)


def test_it_says_what_is_known_with_units(tmp_path: Path) -> None:
    file = write(tmp_path / "m.safetensors", CARD)
    assert file == tmp_path / "m.safetensors.md"
    text, counted = file.read_text(encoding="utf-8"), cost(parse(CARD.network), 32, 3)
    for said in (
        f"({counted.macs:,}) of convolutions",
        f"one image of 32x32; {counted.params:,} parameters",
        "folder:pets (fingerprint 0123abcd)",
        "91.25% in torch, on the validation split",
        "90.00% in torch, on the held-out test images",
        r"cat, dog, a\|b |",
        "python -m nas.train stem8-ir8 --data folder:pets\n",
        '"seed": 3',
        "](m.safetensors.svg)",
    ):
        assert said in text, said
    assert (tmp_path / "m.safetensors.svg").read_text(encoding="utf-8").startswith("<svg")


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    bare = replace(CARD, data="", fingerprint="", accuracy=None, test_accuracy=None, made={})
    text = write(tmp_path / "m.safetensors", bare).read_text(encoding="utf-8")
    assert "accuracy" not in text and "| data |" not in text and "| None" not in text
    assert "It is not noted how it was trained." in text


def test_a_thousand_classes_are_not_all_named(tmp_path: Path) -> None:
    many = replace(CARD, classes=tuple(f"class {number}" for number in range(1000)))
    text = write(tmp_path / "m.safetensors", many).read_text(encoding="utf-8")
    assert "class 39 and 960 more" in text and "class 40" not in text


def test_the_lines_name_a_pictures_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    model = CARD.build()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        list(model.parameters())[-1].copy_(torch.tensor([0.0, 2.0, 1.0]))  # the classifier's bias
    save(tmp_path / "m.safetensors", CARD, model)
    Image.new("RGBA", (50, 40), "red").save(tmp_path / "red.png")
    (code,) = re.findall(
        r"```python\n(.*?)```", write(tmp_path / "m.safetensors", CARD).read_text(), re.DOTALL
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["run.py", "red.png"])
    exec(compile(code, "card", "exec"), {})
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["dog", "a|b", "cat"]


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        write(tmp_path / "none" / "m.safetensors", CARD)
