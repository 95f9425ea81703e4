"""nas.predict: images are read as in training, named, and judged where their classes are known."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from nas.common.errors import UserError
from nas.console import commands as console
from nas.networks.checkpoint import Card, load, save
from nas.predict.__main__ import main
from nas.predict.predicting import gather, predict
from nas.predict.request import PredictRequest
from nas.predict.scores import score
from nas.train.request import TrainRequest
from nas.train.run import carry_out as train
from tests.nas.data.files import folder, noise, png, tiff

ARCH = "stem8-ir16_s2-ir24_t2_s2-head32_f32"
NAMES = ("nought", "one", "two")


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def saved(pixels: Any, file: Path, kind: int) -> None:
    """A digit as a file of one of many kinds, all of which show the same picture, not square and upright."""
    grey = Image.fromarray(np.kron(np.round(pixels * (255 / 16)).astype(np.uint8), np.ones((4, 5), np.uint8)))
    if kind == 0:
        grey.save(file.with_suffix(".png"))
    elif kind == 1:
        grey.convert("RGB").save(file.with_suffix(".jpg"), quality=95)
    elif kind == 2:  # turned, and the camera's note says so
        exif = Image.Exif()
        exif[0x0112] = 6
        grey.transpose(Image.Transpose.ROTATE_90).convert("RGB").save(file.with_suffix(".jpg"), exif=exif)
    elif kind == 3:
        deep = np.asarray(grey).astype(np.uint16) * 4  # ten bits, as a camera for machines gives
        Image.fromarray(deep).save(file.with_suffix(".tif"))
    elif kind == 4:
        grey.convert("P").save(file.with_suffix(".gif"))
    else:
        clear = grey.convert("RGBA")
        clear.putalpha(grey)
        clear.save(file.with_suffix(".webp"), lossless=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    """A folder of pictures, a training on it, and its result."""
    home = tmp_path_factory.mktemp("predict")
    digits = load_digits()
    for label, name in enumerate(NAMES):
        for n, index in enumerate(np.flatnonzero(digits.target == label)[:90]):
            file = home / "data" / ("test" if n % 3 == 2 else "train") / name / f"{n:03d}"
            file.parent.mkdir(parents=True, exist_ok=True)
            saved(digits.images[index], file, (n // 3) % 6)
    out = home / "run"
    code = train(TrainRequest(ARCH, data=f"folder:{home / 'data'}", epochs=6, train_resolution=16, out=out))
    assert code == 0
    return home / "data", out, json.loads((out / "result.json").read_text())


def command(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """The exit code of `python -m nas.predict WORDS`."""
    monkeypatch.setattr(sys, "argv", ["nas.predict", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        console.run(main, PredictRequest)
    return int(end.value.code or 0)


def test_the_accuracy_is_the_one_that_was_reported(
    trained: tuple[Path, Path, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, run, result = trained
    assert load(run / "model.safetensors").card.levels == (0, 1023)
    files = ("--csv", tmp_path / "p.csv", "--json", tmp_path / "p.json", "--out", tmp_path / "judged")
    assert command(monkeypatch, run, data / "test", "--batch-size", 7, *files) == 0
    said = capsys.readouterr().out
    plain = json.loads((tmp_path / "p.json").read_text())
    assert plain["scores"]["accuracy"] == pytest.approx(result["test_accuracy"], abs=1e-12)
    assert result["test_accuracy"] > 0.6
    assert f"accuracy {result['test_accuracy']:.4f} on 90 images of 3 classes" in said
    recall, f1 = (np.mean([one[name] for one in plain["scores"]["classes"]]) for name in ("recall", "f1"))
    assert plain["scores"]["balanced_accuracy"] == pytest.approx(recall)
    assert f"macro F1 {f1:.4f}" in said and plain["scores"]["f1"] == pytest.approx(f1)
    assert "90 images in batches of 7 on cpu" in said and "images/s" in said and "and 50 more" in said

    rows = list(csv.DictReader((tmp_path / "p.csv").open()))
    assert len(rows) == len(plain["images"]) == 90
    right = sum(row["truth"] == row["class1"] for row in rows)
    assert right / 90 == pytest.approx(result["test_accuracy"])
    for row in rows:
        chances = [float(row[f"probability{rank}"]) for rank in (1, 2, 3)]
        assert chances == sorted(chances, reverse=True) and sum(chances) == pytest.approx(1, abs=1e-4)

    table = list(csv.reader((tmp_path / "judged" / "confusion.csv").open()))
    assert table[0][1:] == list(NAMES) == [row[0] for row in table[1:]]
    counts = np.array([row[1:] for row in table[1:]], int)
    for at, name in enumerate(NAMES):
        for other, guess in enumerate(NAMES):
            assert counts[at, other] == sum(row["truth"] == name and row["class1"] == guess for row in rows)
    (first, *_) = csv.DictReader((tmp_path / "judged" / "classes.csv").open())
    precision, recall = counts[0, 0] / counts[:, 0].sum(), counts[0, 0] / counts[0].sum()
    assert float(first["precision"]) == pytest.approx(precision)
    assert float(first["recall"]) == pytest.approx(recall)
    assert float(first["f1"]) == pytest.approx(2 * precision * recall / (precision + recall))
    with Image.open(tmp_path / "judged" / "confusion.png") as picture:
        assert min(picture.size) > 500


def test_what_a_file_is_called_and_how_it_is_grouped_does_not_matter(
    trained: tuple[Path, Path, dict[str, Any]],
) -> None:
    data, run, _ = trained
    checkpoint, folder = load(run / "model.safetensors"), data / "test" / "one"
    together = predict(checkpoint, [folder], batch_size=64)
    files = sorted(folder.iterdir())
    apart = predict(checkpoint, files, batch_size=1)
    assert [one.image for one in together.found] == [str(file) for file in files]
    assert not together.judged and not apart.judged  # files have no classes
    for one, other in zip(together.found, apart.found, strict=True):
        assert [name for name, _ in one.top] == [name for name, _ in other.top]
        assert [p for _, p in one.top] == pytest.approx([p for _, p in other.top], abs=2e-2)
    assert len(predict(checkpoint, files, top=2).found[0].top) == 2


def test_another_normalisation_is_another_answer(trained: tuple[Path, Path, dict[str, Any]]) -> None:
    data, run, result = trained
    checkpoint = load(run / "model.safetensors")
    plain = replace(checkpoint, card=replace(checkpoint.card, mean=(0.0,) * 3, std=(1.0,) * 3))
    assert score(predict(plain, [data / "test"])).accuracy < result["test_accuracy"]


def test_unreadable_images_are_named_and_skipped(
    trained: tuple[Path, Path, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, run, _ = trained
    good = sorted((data / "test" / "two").iterdir())[0]
    (tmp_path / "notes.txt").write_text("no picture by its name")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "half.png").write_bytes(good.read_bytes()[:60])
    (tmp_path / "fine.png").write_bytes(good.read_bytes())
    assert command(monkeypatch, run / "model.safetensors", tmp_path, good) == 1
    said = capsys.readouterr()
    assert "fine.png" in said.out and "notes.txt" not in said.out + said.err and str(good) in said.out
    for name in ("empty.png", "half.png"):
        assert name not in said.out and f"{tmp_path / name}: skipped, " in said.err
    assert "2 images could not be read" in said.err
    assert command(monkeypatch, run, tmp_path / "half.png", "--out", tmp_path / "judged") == 1
    assert not (tmp_path / "judged").exists()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("{run}", "{tmp}/nowhere.png"), "no such file"),
        (("{run}", "{tmp}"), "no image in"),
        (("{tmp}/nothing", "{data}"), "no such file"),
        (("{run}", "{data}", "--top", "0"), "--top"),
        (("{run}", "{data}", "--batch-size", "0"), "--batch-size"),
        (("{run}", "{data}", "--device", "tpu"), "tpu"),
    ],
)
def test_bad_input_ends_in_one_line(
    words: tuple[str, ...],
    named: str,
    trained: tuple[Path, Path, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, run, _ = trained
    assert command(monkeypatch, *(word.format(run=run, data=data, tmp=tmp_path) for word in words)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert named in line


def test_only_folders_of_its_classes_are_judged(
    trained: tuple[Path, Path, dict[str, Any]], tmp_path: Path
) -> None:
    data, _, _ = trained
    labels = {item.label for item in gather([data / "test"], NAMES)}
    assert labels == {0, 1, 2}
    assert {item.label for item in gather([data / "test"], ("one", "two"))} == {-1}
    assert {item.label for item in gather([data / "test", data / "test"], NAMES)} == {-1}
    said: list[str] = []
    assert {item.label for item in gather([data], NAMES, said.append)} == {-1}
    assert "to have one judged" in said[0]


def test_weights_of_another_network_are_refused(
    trained: tuple[Path, Path, dict[str, Any]], tmp_path: Path
) -> None:
    data, run, _ = trained
    checkpoint = load(run / "model.safetensors")
    save(
        tmp_path / "m.safetensors",
        replace(checkpoint.card, network="stem8-ir16-head32"),
        checkpoint.network(),
    )
    with pytest.raises(UserError, match="not those of"):
        predict(load(tmp_path / "m.safetensors"), [data])


def test_images_of_other_bands_are_refused_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A network of four bands names what has four, and says of others what they have."""
    files = {
        "four.tif": tiff(noise(4, 16)),
        "planar.tif": tiff(noise(4, 16), planar=True),
        "six.tif": tiff(noise(6, 8)),
        "rgb.png": png(noise(3, 8)),
        "rgba.png": png(noise(4, 8)),
    }
    words = {"mean": (0.5,) * 4, "std": (0.25,) * 4, "colours": "bands", "levels": (0, 4095) * 4}
    card = Card(network=ARCH, classes=NAMES, resolution=16, **words)
    save(tmp_path / "m.safetensors", card, card.build())
    found = predict(load(tmp_path / "m.safetensors"), [folder(tmp_path / "x", files)])
    assert [Path(one.image).name for one in found.found] == ["four.tif", "planar.tif", "rgba.png"]
    assert found.found[0].top == found.found[1].top
    reasons = {Path(name).name: reason for name, reason in found.unreadable}
    assert reasons == {"six.tif": "6 bands, where 4 are read", "rgb.png": "3 bands, where 4 are read"}
    assert command(monkeypatch, tmp_path / "m.safetensors", tmp_path / "x") == 1
    assert "six.tif: skipped, 6 bands, where 4 are read" in capsys.readouterr().err
