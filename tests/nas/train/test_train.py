from __future__ import annotations

import json
import os
import signal
import struct
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import nas.train
from nas.console import commands as console
from nas.data.dataset import load
from nas.networks.checkpoint import load as load_checkpoint
from nas.search.price import pricer
from nas.search.record import create_run
from nas.search.settings import Settings
from nas.train import trainer as training
from nas.train.__main__ import main
from nas.train.request import TrainRequest
from nas.train.trainer import TrainingFailed
from search_spaces import Arch, resolve, spaces

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


def same_weights(one: Path, other: Path) -> bool:
    left, right = (load_checkpoint(folder / "model.safetensors").state for folder in (one, other))
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


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

    checkpoint = load_checkpoint(out / "model.safetensors")
    card, model = checkpoint.card, checkpoint.network()
    assert (card.network, card.classes, card.resolution) == (str(arch), data.classes, 16)
    assert (card.mean, card.std, card.fingerprint) == (data.mean, data.std, data.fingerprint)
    assert (card.accuracy, card.test_accuracy) == (result["validation_accuracy"], result["test_accuracy"])
    assert card.made["seed"] == 3
    files = {"model.safetensors", "result.json", "curve.png", "manifest.json"}
    files |= {"model.safetensors.md", "model.safetensors.svg"}
    assert {file.name for file in out.iterdir()} == files
    assert training.evaluate(model, data.test(), data, "cpu") == result["test_accuracy"]
    assert training.evaluate(model, data.validation(), data, "cpu") == result["validation_accuracy"]


def test_a_librarys_classifier_is_trained_like_an_arch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, out = "torchvision:shufflenet_v2_x0_5", tmp_path / "run"
    words = ("--data", "digits", "--epochs", 0.2, "--resolution", 32, "--out", out)
    assert command(monkeypatch, name, *words) == 0
    assert json.loads((out / "result.json").read_text())["arch"] == name
    card = load_checkpoint(out / "model.safetensors").card
    assert card.network == name
    load_checkpoint(out / "model.safetensors").network()


def test_the_same_command_gives_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("--data", "digits", "--epochs", 0.2, "--resolution", 16, "--seed", 3)
    for name in ("a", "b"):
        torch.rand(5)
        assert command(monkeypatch, ARCH, *words, "--out", tmp_path / name) == 0
    assert same_weights(tmp_path / "a", tmp_path / "b")


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
    assert result["curve"][-1]["share"] < 1
    assert (
        max(one["accuracy"] for one in result["curve"]) == result["validation_accuracy"]
    )  # the best are kept


def test_what_minutes_ended_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("--data", "digits", "--epochs", 3, "--train-resolution", 16, "--keep", "last")
    assert command(monkeypatch, ARCH, *words, "--minutes", 0.0001, "--out", tmp_path / "early") == 0
    early = json.loads((tmp_path / "early" / "result.json").read_text())
    assert early["curve"][-1]["share"] < 1
    assert command(monkeypatch, "--resume", tmp_path / "early") == 0
    late = json.loads((tmp_path / "early" / "result.json").read_text())
    assert late["curve"][: len(early["curve"])] == early["curve"]
    assert late["curve"][-1]["share"] == 1
    assert command(monkeypatch, ARCH, *words, "--minutes", 100, "--out", tmp_path / "whole") == 0
    assert same_weights(tmp_path / "early", tmp_path / "whole")
    assert command(monkeypatch, "--resume", tmp_path / "early") == 0  # nothing is left to do


def test_patience_ends_what_gets_no_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a rate of next to nothing, from the second report on."""
    words = (
        "--data",
        "digits",
        "--epochs",
        10,
        "--train-resolution",
        16,
        "--recipe",
        "lr=1e-12,statistics_until=0",
    )
    out = tmp_path / "stale"
    assert command(monkeypatch, ARCH, *words, "--patience", 3, "--out", out) == 0
    result = json.loads((out / "result.json").read_text())
    assert 0.4 <= result["curve"][-1]["share"] < 1 and result["kept"] == "best"
    top = max(range(len(result["curve"])), key=lambda at: result["curve"][at]["accuracy"])
    assert len(result["curve"]) - 1 - top == 3
    assert "no better in 3 reports" in capsys.readouterr().out
    assert command(monkeypatch, "--resume", out) == 0 and "is finished" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--resume", "{}", "--epochs", "3"), "--epochs"),
        (("--resume", "{}", ARCH), ARCH),
        (("--resume", "{}/nothing"), "is no training"),
        ((), "no network"),
        ((ARCH, "--keep", "all"), "last or best"),
    ],
)
def test_what_cannot_go_on_is_refused(
    words: tuple[str, ...],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command(monkeypatch, *(word.format(tmp_path) for word in words)) == 2
    said = capsys.readouterr().err
    assert named in said and len(said.splitlines()) == 1


def test_a_point_of_a_run_brings_its_run_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = load("digits", resolution=16)
    settings = Settings(
        budgets=(),
        space=spaces.MOBILE,
        fidelity=training.Fidelity(1.0, 1.0, 16),
        data="digits",
        fingerprint=data.fingerprint,
        validation=data.share,
        recipe=training.Recipe(lr=0.123, mirror=False),
    )
    record = create_run(tmp_path / "run", None, settings, {})
    record.launch(ARCH, pricer(settings)(Arch.parse(ARCH)), {}, {})
    words = (f"{tmp_path / 'run'}@0", "--epochs", 0.2, "--recipe", "clip=2")
    assert command(monkeypatch, *words, "--out", tmp_path / "out") == 0
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert (result["arch"], result["data"]["name"]) == (str(resolve(ARCH)), "digits")
    assert result["fidelity"]["resolution"] == 16
    recipe = result["recipe"]
    assert (recipe["lr"], recipe["mirror"], recipe["clip"]) == (0.123, False, 2.0)
    # Said otherwise, it is otherwise.
    assert command(monkeypatch, *words, "--resolution", 24, "--out", tmp_path / "other") == 0
    assert json.loads((tmp_path / "other" / "result.json").read_text())["fidelity"]["resolution"] == 24

    changed = replace(settings, fingerprint="0123")
    record = create_run(tmp_path / "changed", None, changed, {})
    record.launch(ARCH, pricer(settings)(Arch.parse(ARCH)), {}, {})
    capsys.readouterr()
    assert command(monkeypatch, f"{tmp_path / 'changed'}@0", "--out", tmp_path / "third") == 2
    assert "are not those of the run" in capsys.readouterr().err


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


def test_ctrl_c_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (ARCH, "--data", "digits", "--train-resolution", 16, "--keep", "last")
    out = tmp_path / "run"

    def interrupt() -> None:
        while not (out / "state.pt").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        threading.Thread(target=interrupt, daemon=True).start()
        assert command(monkeypatch, *words, "--epochs", 400, "--out", out) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert f"python -m nas.train --resume {out}" in capsys.readouterr().err
    assert not (out / "result.json").exists()
    assert command(monkeypatch, *words, "--out", out) == 2  # nothing is overwritten
    assert f"go on with --resume {out}" in capsys.readouterr().err
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["settings"]["fingerprint"] = "0123"
    (out / "manifest.json").write_text(json.dumps(manifest))
    assert command(monkeypatch, "--resume", out) == 2  # other data than it began with
    assert "are not those of the training (0123)" in capsys.readouterr().err


def test_event_files_hold_the_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorboardX.proto.event_pb2 import Event

    words = ("--data", "digits", "--epochs", 2, "--train-resolution", 16, "--tensorboard")
    assert command(monkeypatch, ARCH, *words, "--out", tmp_path / "run") == 0
    (file,) = (tmp_path / "run").glob("events.*")
    whole, at, seen = file.read_bytes(), 0, []
    while at < len(whole):
        (length,) = struct.unpack_from("<Q", whole, at)
        event = Event.FromString(whole[at + 12 : at + 12 + length])
        seen += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
        at += length + 16
    curve = json.loads((tmp_path / "run" / "result.json").read_text())["curve"]
    expected = [
        (step, tag, pytest.approx(one[key]))
        for step, one in zip((1000, 2000), curve, strict=True)
        for tag, key in (("accuracy/validation", "accuracy"), ("loss/training", "loss"))
    ]
    assert seen == expected


def test_weights_from_elsewhere_and_frozen_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--data", "digits", "--epochs", 0.3, "--train-resolution", 16)
    first, second = tmp_path / "first", tmp_path / "second"
    assert command(monkeypatch, ARCH, *words, "--normalise", "half", "--out", first) == 0
    capsys.readouterr()
    assert command(monkeypatch, ARCH, *words, "--init", first, "--freeze", "features", "--out", second) == 0
    said = capsys.readouterr().out
    assert f"weights of {first / 'model.safetensors'}\n" in said and "features frozen: 330 weights" in said
    one, other = (load_checkpoint(folder / "model.safetensors") for folder in (first, second))
    assert one.card.mean == other.card.mean == (0.5, 0.5, 0.5)
    differ = {name for name in one.state if not torch.equal(one.state[name], other.state[name])}
    assert differ == {"head.classifier.2.weight", "head.classifier.2.bias"}
    assert other.card.made["freeze"] == "features"
    for wrong in (
        ("--init", tmp_path),
        ("--freeze", "head"),
        ("--freeze", ""),
        ("--init", first, "--normalise", "photo"),
    ):
        assert command(monkeypatch, ARCH, *words, *wrong, "--out", tmp_path / "third") == 2
        assert len(capsys.readouterr().err.splitlines()) == 1 and not (tmp_path / "third").exists()


def test_weights_of_another_arch_are_inherited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A child of fewer channels, taps and blocks knows something before it is trained."""
    parent, child = "stem8-ir16_k5_t4_s2-2xir16_k5_t4-head48", "stem8-ir16_k3_t3_s2-ir16_k3_t3-head48"
    words = ("--data", "digits", "--train-resolution", 16)
    first = tmp_path / "first"
    assert command(monkeypatch, parent, *words, "--epochs", 3, "--out", first) == 0
    capsys.readouterr()
    brief, rate = ("--epochs", 0.05), ("--recipe", "lr=0.0001")
    for name, init in (("inherits", ("--init", first)), ("anew", ())):
        assert command(monkeypatch, child, *words, *brief, *rate, *init, "--out", tmp_path / name) == 0
        said = capsys.readouterr().out
        told = f"from {first / 'model.safetensors'}, {parent}: 100.0 % of "
        assert (told in said) == (name == "inherits")
        assert ("the parent's block 3 (ir16_k5_t4): left out" in said) == (name == "inherits")
    results = {
        name: json.loads((tmp_path / name / "result.json").read_text()) for name in ("inherits", "anew")
    }
    accuracies = {name: result["validation_accuracy"] for name, result in results.items()}
    assert accuracies["inherits"] > accuracies["anew"] + 0.2
    refused = ("--init", first, "--out", tmp_path / "third")
    assert command(monkeypatch, "torchvision:squeezenet1_0", "--data", "digits", *refused) == 2
    assert "not of torchvision:squeezenet1_0" in capsys.readouterr().err
