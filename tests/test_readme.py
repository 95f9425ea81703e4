"""The README's commands exist, with the options that it gives them."""

import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from nas.export import export
from nas.search.price import pricer
from nas.search.record import create_run
from nas.search.settings import Settings
from nas.train.trainer import Fidelity
from search_spaces import Arch, spaces
from tests.nas.export.small import TEXT, trained

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"python -m (nas\.\w+(?:[^\n`]*\\\n)*[^\n`]*)", README)))
GROUPS = ("nas.bench", "nas.latency")  # the word behind one of these is a command of its own


def program(command: str) -> tuple[str, ...]:
    """What is run, without its arguments."""
    words = command.split()
    return tuple(words[: 2 if words[0] in GROUPS else 1])


def test_there_are_recipes() -> None:
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("called", sorted({program(command) for command in COMMANDS}), ids=" ".join)
def test_each_command_knows_its_options(
    called: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run as `python -m` runs it, in this process: a start of each would cost seconds."""
    module = called[0]
    monkeypatch.setattr("sys.argv", [*called, "--help"])
    started = module if find_spec(module).submodule_search_locations is None else f"{module}.__main__"
    monkeypatch.delitem(sys.modules, started, raising=False)  # as it is in a process of its own
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for command in COMMANDS:
        words = shlex.split(command.replace("\\", ""), comments=True)
        if program(command) == called:
            for word in words[1:]:
                if word.startswith("--"):
                    assert word.split("=")[0] in said, command


def test_the_picture_is_there() -> None:
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).is_file(), path


def test_ci_runs_the_readmes_test_command() -> None:
    """.ci/run takes the block under this mark out of the README; without it it would run nothing."""
    block = README.split("<!-- run the tests -->")[1].split("```")[1]
    assert "pytest" in block
    assert "<!-- run the tests -->" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_an_exported_file_runs_as_written(tmp_path: Path) -> None:
    """In a fresh process, where nothing of ours can be imported and torch is not."""
    code = README.split("<!-- run an exported file -->")[1].split("```python\n")[1].split("```")[0]
    folder = tmp_path / "results" / "winner"
    folder.mkdir(parents=True)
    trained(folder / "model.safetensors", TEXT)
    done = export(folder, int8=True, max_drop=10.0)
    digits = load_digits()
    guesses = []
    for index in range(3):
        grey = np.round(digits.images[index] * (255 / 16)).astype("uint8")
        Image.fromarray(grey).save(tmp_path / "digit.png")
        checked = code + "\nassert not {'torch', 'nas'} & set(sys.modules)\n"
        told = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        ran = subprocess.run(
            [sys.executable, "-P", "-c", checked, "digit.png"],
            cwd=tmp_path,
            env=told,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        guesses.append(ran.stdout.strip())
    assert done.accuracy is not None and done.accuracy > 0.6
    assert sum(guess == str(label) for guess, label in zip(guesses, digits.target, strict=False)) >= 2


@pytest.mark.slow
def test_from_a_search_to_a_file_within_three_minutes(tmp_path: Path) -> None:
    block = README.split("<!-- run from a search to a file -->")[1].split("```bash\n")[1].split("```")[0]
    told = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    began = time.monotonic()
    ran = subprocess.run(
        ["bash", "-e", "-c", block], cwd=tmp_path, env=told, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert time.monotonic() - began < 180
    assert "7" in ran.stdout.splitlines()[-5].split()  # the likeliest of five
    scores = pd.read_csv(tmp_path / "results" / "judged" / "classes.csv")
    assert scores["recall"].mean() > 0.8


def recipes(*commands: str) -> list[list[str]]:
    """The README's lines that run these commands, as words, in their order; none that needs the network."""
    lines = re.findall(r"^    python -m ((?:.*\\\n)*.*)$", README, flags=re.MULTILINE)
    words = [shlex.split(line.replace("\\\n", " "), comments=True) for line in lines]
    return [one for one in words if one[0] in commands and not any("torchvision:" in word for word in one)]


@pytest.mark.slow
def test_what_is_trained_names_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipes of training and predicting as printed, one after the other, on pictures of digits called flowers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(ROOT)
    digits = load_digits()
    for name, label in (("aster", 0), ("daisy", 1)):
        for n, index in enumerate(np.flatnonzero(digits.target == label)[:60]):
            file = Path("flowers") / ("test" if n % 3 == 2 else "train") / name / f"{n}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((digits.images[index] * 15).astype(np.uint8)).resize((96, 96)).save(file)
    shutil.copy("flowers/test/daisy/5.png", "photo.jpg")
    shutil.copytree("flowers/test/aster", "more-photos")
    settings = Settings(
        budgets=(), space=spaces.MOBILE, fidelity=Fidelity(1.0), data=f"folder:{tmp_path / 'flowers'}"
    )
    record = create_run(Path("results/20260131-120000"), None, settings, {})
    for width in range(18):
        arch = Arch.parse(f"stem8-ir{8 * (width + 1)}_s2-head32")
        record.launch(str(arch), pricer(settings)(arch), {}, {})
    lines = recipes("nas.train", "nas.predict")
    assert len(lines) == 7
    for words in lines:
        monkeypatch.setattr("sys.argv", words)
        monkeypatch.delitem(sys.modules, f"{words[0]}.__main__", raising=False)
        with pytest.raises(SystemExit) as ended:
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        assert ended.value.code == 0, words
    assert json.loads(Path("results/winner/result.json").read_text())["arch"] == "stem8-ir144_s2-head32"
    assert Path("results/judged/confusion.png").is_file() and Path("named.csv").is_file()
    assert json.loads(Path("judged.json").read_text())["scores"]["accuracy"] > 0.8

    (block,) = (
        text for text in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "nas.predict" in text
    )
    exec(compile(block, "README.md", "exec"), {})
