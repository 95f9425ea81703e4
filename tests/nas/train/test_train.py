from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import nas.train
from nas.console import commands as console
from nas.data.dataset import load
from nas.networks.building import build
from nas.runs.naming import resolve as resolve_model
from nas.train import trainer as training
from nas.train.__main__ import main
from nas.train.request import TrainRequest
from nas.train.trainer import TrainingFailed
from search_spaces import resolve

ARCH = "stem8-ir16_s2-ir24_t2_s2-head32_f32"
Run = Any


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def surround(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("NAS_CACHE_DIR", str(cache))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def command(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """The exit code of `python -m nas.train WORDS`."""
    monkeypatch.setattr(sys, "argv", ["nas.train", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        console.run(main, TrainRequest)
    return int(end.value.code or 0)


def test_the_module_offers_the_trainer() -> None:
    for name in nas.train.__all__:
        assert getattr(nas.train, name) is getattr(training, name)


def test_retraining_writes_what_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "run"
    words = ("--data", "digits", "--epochs", 1.5, "--resolution", 16, "--seed", 3)
    assert command(monkeypatch, ARCH, *words, "--out", out) == 0
    result = json.loads((out / "result.json").read_text())
    printed = capsys.readouterr().out

    arch = resolve(ARCH)
    assert result["arch"] == str(arch)
    data = load("digits", resolution=16)
    assert (result["data"]["name"], result["data"]["fingerprint"]) == ("digits", data.fingerprint)
    assert result["fidelity"] == {"epochs": 1.5, "subset": 1.0, "resolution": 16}
    assert result["recipe"]["lr"] == training.Recipe().lr
    assert result["seed"] == 3
    assert result["versions"]["torch"] == torch.__version__
    assert result["curve"][-1]["accuracy"] == result["validation_accuracy"]
    for figure in ("validation_accuracy", "test_accuracy"):
        assert 0.3 < result[figure] <= 1
        assert f"{result[figure]:.4f}" in printed
    assert "digits" in printed

    model = build(arch, len(data.classes), 16)
    model.load_state_dict(torch.load(out / "weights.pt", weights_only=True))
    assert training.evaluate(model, data.test(), data, "cpu") == result["test_accuracy"]
    assert training.evaluate(model, data.validation(), data, "cpu") == result["validation_accuracy"]


def test_a_librarys_classifier_is_trained_like_an_arch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, out = "torchvision:shufflenet_v2_x0_5", tmp_path / "run"
    words = ("--data", "digits", "--epochs", 0.2, "--resolution", 32, "--out", out)
    assert command(monkeypatch, name, *words) == 0
    assert json.loads((out / "result.json").read_text())["arch"] == name
    module = build(resolve_model(name), 10, 32)
    module.load_state_dict(torch.load(out / "weights.pt", weights_only=True))


def test_the_same_command_gives_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("--data", "digits", "--epochs", 0.2, "--resolution", 16, "--seed", 3)
    for name in ("a", "b"):
        torch.rand(5)
        assert command(monkeypatch, ARCH, *words, "--out", tmp_path / name) == 0
    left, right = (torch.load(tmp_path / name / "weights.pt", weights_only=True) for name in ("a", "b"))
    assert all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize(
    "words",
    [
        ("no_such_network",),
        ("stem8-",),
        (ARCH, "--epochs", "0"),
        (ARCH, "--epochs", "long"),
        (ARCH, "--subset", "2"),
        (ARCH, "--device", "tpu"),
        (ARCH, "--data", "folder:/no/such/folder"),
        (ARCH, "--seed", "-1"),
        (ARCH, "--minutes", "0"),
    ],
)
def test_bad_input_ends_in_one_line_and_leaves_nothing(
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    assert command(monkeypatch, "--data", "digits", "--out", out, *words) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not out.exists()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_there_is_never_overwritten(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    kept = out
    if kind == "folder":
        out.mkdir()
        kept = out / "notes.txt"
    kept.write_text("mine")
    assert command(monkeypatch, ARCH, "--data", "digits", "--out", out) == 2
    assert kept.read_text() == "mine"
    assert str(out) in capsys.readouterr().err


def test_minutes_end_it_early_with_what_it_has_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("--data", "digits", "--epochs", 40, "--train-resolution", 16, "--minutes", 0.01)
    assert command(monkeypatch, ARCH, *words) == 0
    (file,) = (tmp_path / "results").glob("*/result.json")  # where nothing is said
    result = json.loads(file.read_text())
    assert (
        result["curve"][-1]["share"] < 1 and result["curve"][-1]["accuracy"] == result["validation_accuracy"]
    )


def test_a_failed_training_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise TrainingFailed("the loss was nan at step 7")

    monkeypatch.setattr("nas.train.trainer.train", fail)
    out = tmp_path / "run"
    assert command(monkeypatch, ARCH, "--data", "digits", "--resolution", "16", "--out", out) == 1
    assert "nan at step 7" in capsys.readouterr().err
    assert not list(out.iterdir())
