"""A training that is killed at any moment goes on, loses an epoch at most, and ends with the very same weights."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import random
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from nas.networks.checkpoint import load
from nas.train.request import TrainRequest
from nas.train.run import CURVE, MODEL, RESULT, STATE, carry_out

ARCH = "stem8-ir16_s2-ir24_t2_s2-head32_f32"
EPOCHS = 6
# A start of Python and torch for each round would take minutes, and a fork of this process could not go backwards
# once a test has: a server without tests forks.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["nas.train.run"])


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def asked(folder: Path) -> TrainRequest:
    recipe = "ema=0.9,fall=cosine,min_steps=60"
    return TrainRequest(
        ARCH, data="digits", epochs=EPOCHS, subset=0.4, train_resolution=16, recipe=recipe, out=folder
    )


def work(request: TrainRequest, said: Path) -> None:
    """A training in a process of its own; what it says is kept."""
    with said.open("a") as file, contextlib.redirect_stdout(file):
        os._exit(carry_out(request))


def killed(request: TrainRequest, said: Path, seconds: float) -> int | None:
    """The exit code of a training that is killed after so many seconds, or has ended by then."""
    process = SERVER.Process(target=work, args=(request, said))
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    return process.exitcode


def survived(folder: Path, said: Path) -> None:
    """Nothing is half written, and what was reported is in the state."""
    reports = said.read_text().count("validation accuracy") - said.read_text().count("test accuracy")
    if (folder / MODEL).exists():
        load(folder / MODEL).network()
    if (folder / RESULT).exists():
        assert (folder / MODEL).exists()
        json.loads((folder / RESULT).read_text())
    elif reports:
        assert len(torch.load(folder / STATE, weights_only=True)["curve"]) >= reports


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], float]:
    """The weights of a training that nobody killed, and its seconds."""
    folder = tmp_path_factory.mktemp("killed") / "whole"
    assert (
        killed(asked(folder.with_name("first")), folder.with_name("said"), 600) == 0
    )  # decodes and measures
    started = time.monotonic()
    assert killed(asked(folder), folder.with_name("said"), 600) == 0
    return dict(load(folder / MODEL).state), time.monotonic() - started


def onward(folder: Path) -> TrainRequest:
    """How it goes on; what was killed before it began begins anew."""
    if (folder / "manifest.json").exists():
        return TrainRequest(resume=folder)
    shutil.rmtree(folder, ignore_errors=True)
    return asked(folder)


def play(folder: Path, whole: tuple[dict[str, Any], float], seed: int) -> int:
    """A round: killed once or twice at random moments, then left alone; how often it was killed indeed."""
    weights, seconds = whole
    chance, said = random.Random(seed), folder.with_name(f"{folder.name}-said")
    kills, code = 0, killed(asked(folder), said, chance.uniform(0, 1.1) * seconds)
    for again in range(chance.randint(0, 1) + 1):
        kills += code != 0
        survived(folder, said)
        code = killed(onward(folder), said, 600 if again else chance.uniform(0, 1.1) * seconds)
    if code != 0:
        survived(folder, said)
        code = killed(onward(folder), said, 600)
    assert code == 0
    found = load(folder / MODEL).state
    assert all(torch.equal(found[name], weights[name]) for name in weights)
    left = {file.name for file in folder.iterdir()}
    assert left == {MODEL, f"{MODEL}.md", f"{MODEL}.svg", RESULT, CURVE, "manifest.json"}
    shares = [one["share"] for one in json.loads((folder / RESULT).read_text())["curve"]]
    assert shares == pytest.approx([n / EPOCHS for n in range(1, EPOCHS + 1)])
    return kills


@pytest.mark.parametrize("seed", range(3))
def test_killed_and_resumed(tmp_path: Path, whole: tuple[dict[str, Any], float], seed: int) -> None:
    play(tmp_path / "run", whole, seed)


@pytest.mark.slow
def test_killed_and_resumed_forty_times(tmp_path: Path, whole: tuple[dict[str, Any], float]) -> None:
    assert sum(play(tmp_path / f"run{seed}", whole, 100 + seed) for seed in range(40)) >= 25
