"""nas.search from end to end with Ray: what it leaves behind, however it ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

import nas
from nas.common.errors import UserError
from nas.console import commands as console
from nas.search import run as search
from nas.search.__main__ import main
from nas.search.record import INTERRUPTED, open_run
from nas.search.request import Request
from search_spaces import Arch
from tests.live_tensors import peak
from tests.nas.search.small import TINY

ROOT = Path(nas.__file__).parents[1]
FILES = {
    "manifest.json",
    "study.db",
    "trials.csv",
    "front.csv",
    "baselines.csv",
    "front.html",
    "front.png",
    "verdict.json",
}


@pytest.fixture(scope="session")
def space(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("space") / "tiny.yaml"
    file.write_text(TINY)
    return str(file)


def options(space: str, out: Path, **changes: Any) -> dict[str, Any]:
    """Of a search that takes a moment."""
    return {
        "budget": "1MFLOPs",
        "data": "digits",
        "space": space,
        "trials": 4,
        "epochs": 0.2,
        "subset": 0.5,
        "baselines": "mobilenet_v3_small_x0.35",
        "target_resolution": 32,
        "target_classes": 10,
        "confirm": 0,
        "concurrency": 1,
        "device": "cpu",
        "out": out,
        **changes,
    }


def arguments(given: dict[str, Any]) -> list[str]:
    """The same on the command line."""
    return [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", str(value))]


@pytest.fixture(scope="module")
def run(space: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[search.Run, str]:
    """A finished run, and what it printed."""
    text = StringIO()
    given = options(space, tmp_path_factory.mktemp("search") / "run")
    return search.search(**given, console=Console(file=text, width=160)), text.getvalue()


def test_a_search_leaves_tables_pictures_and_a_study(run: tuple[search.Run, str]) -> None:
    found, text = run
    assert found.ending == "done"
    assert {path.name for path in found.folder.iterdir()} == FILES
    assert found.trials["state"].tolist() == ["COMPLETE"] * 4
    assert found.trials["arch"].nunique() == 4
    assert (found.trials["macs"] <= 1e6).all() and found.trials["accuracy"].between(0, 1).all()
    assert set(found.front["trial"]) <= set(found.trials["trial"]) and len(found.front) >= 1
    assert found.baselines["name"].tolist() == ["mobilenet_v3_small_x0.35"]
    written = pd.read_csv(found.folder / "trials.csv")
    assert written["arch"].tolist() == found.trials["arch"].tolist()
    assert written["accuracy"].tolist() == found.trials["accuracy"].tolist()
    manifest = json.loads((found.folder / "manifest.json").read_text())
    assert manifest["settings"]["seed"] == 0 and manifest["settings"]["data_name"] == "digits"
    assert "4/4 trials" in text and "digits" in text and str(found.folder) in text


def test_a_search_leaves_no_ray_and_no_folders_behind(run: tuple[search.Run, str]) -> None:
    import ray

    assert not ray.is_initialized()


def test_resuming_what_is_done_prints_it_again_without_training(run: tuple[search.Run, str]) -> None:
    found, _ = run
    before = (found.folder / "trials.csv").read_bytes()
    again = search.search(resume=found.folder, console=Console(file=StringIO()))
    assert again.ending == "done" and len(again.trials) == 4
    assert (found.folder / "trials.csv").read_bytes() == before


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run(run: tuple[search.Run, str], space: str, tmp_path: Path) -> None:
    again = search.search(**options(space, tmp_path / "again"), console=Console(file=StringIO()))
    for name in ("trials.csv", "front.csv", "baselines.csv"):
        first, second = (pd.read_csv(folder / name) for folder in (run[0].folder, again.folder))
        pd.testing.assert_frame_equal(
            first.drop(columns="seconds"), second.drop(columns="seconds"), check_exact=True
        )


# Ends before the end -------------------------------------------------------------------------------------


class Command:
    """`python -m nas.search` in a process group of its own."""

    def __init__(self, *parts: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nas.search", *parts],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []

    def until(self, wanted: Callable[[str], bool]) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if wanted(line):
                return
        raise AssertionError("".join(self.lines))

    def signal(self, number: int) -> None:
        os.killpg(self.process.pid, number)

    def wait(self) -> int:
        rest, _ = self.process.communicate(timeout=120)
        self.lines += rest.splitlines(keepends=True)
        return self.process.returncode


def states(folder: Path) -> dict[int, tuple[str, str]]:
    """Of every trial that the storage holds, the interrupted and repeated ones included."""
    record = open_run(folder)
    trials = record._studies["search"].get_trials(deepcopy=False)
    return {t.number: (t.state.name, t.user_attrs["arch"]) for t in trials}


@pytest.mark.slow
def test_a_run_survives_being_killed_and_interrupted(space: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    given = options(space, folder, trials=7, epochs=1.5, subset=1, baselines="none", concurrency=2)
    first = Command(*arguments(given))
    first.until(lambda line: line.startswith("trial ") and "2/7 trials" in line)
    first.signal(signal.SIGKILL)
    first.wait()
    killed = states(folder)
    done = {number: arch for number, (state, arch) in killed.items() if state == "COMPLETE"}
    assert 2 <= len(done) < 7

    second = Command("--resume", str(folder), "--concurrency", "2", "--device", "cpu")
    second.until(lambda line: f"{len(done) + 1}/7 trials" in line)
    second.signal(signal.SIGINT)
    assert second.wait() == 130, "".join(second.lines)
    assert "--resume" in second.lines[-1] and "Traceback" not in "".join(second.lines)
    table = pd.read_csv(folder / "trials.csv")
    assert "RUNNING" not in set(table["state"])
    assert set(done) <= set(table.loc[table["state"] == "COMPLETE", "trial"])
    assert set(table.loc[table["state"] == "FAIL", "reason"]) <= {INTERRUPTED}

    third = Command("--resume", str(folder), "--concurrency", "2", "--device", "cpu")
    assert third.wait() == 0, "".join(third.lines)
    table = pd.read_csv(folder / "trials.csv")
    assert table["state"].tolist() == ["COMPLETE"] * 7 and table["arch"].nunique() == 7
    everything = states(folder)
    assert "RUNNING" not in {state for state, _ in everything.values()}
    finished = [arch for state, arch in everything.values() if state == "COMPLETE"]
    assert len(finished) == len(set(finished)) == 7
    assert {number: everything[number][1] for number in done} == done


@pytest.mark.slow
def test_a_confirming_phase_ends_in_order_at_sigterm_and_goes_on(space: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    given = options(space, folder, trials=5, confirm=0.7, baselines="none", concurrency=2)
    first = Command(*arguments(given))
    first.until(lambda line: "confirmed, seed" in line)
    os.kill(first.process.pid, signal.SIGTERM)  # the driver alone, as a service manager does
    assert first.wait() == 130, "".join(first.lines)
    assert "Traceback" not in "".join(first.lines) and (folder / "front.png").is_file()
    before = pd.read_csv(folder / "trainings.csv")

    second = Command("--resume", str(folder), "--concurrency", "2", "--device", "cpu")
    assert second.wait() == 0, "".join(second.lines)
    trainings, front = (pd.read_csv(folder / f"{name}.csv") for name in ("trainings", "front"))
    over = trainings[trainings["state"] == "COMPLETE"]
    assert set(before.loc[before["state"] == "COMPLETE", "trial"]) <= set(over["trial"])
    assert not over.duplicated(["arch", "seed"]).any()
    for row in front.itertuples():
        assert row.accuracy == pytest.approx(over[over["arch"] == row.arch]["accuracy"].mean())
    assert set(front["place"]) <= {"front", "undecided"}
    verdict = json.loads((folder / "verdict.json").read_text())
    assert verdict["confirmed"] and verdict["recommended"] in front["trial"].tolist()
    assert second.lines[-2].startswith("take trial ")


@pytest.mark.slow
def test_a_bound_in_minutes_is_kept(space: str, tmp_path: Path) -> None:
    given = options(space, tmp_path / "run", minutes=0.3, epochs=40, subset=1, baselines="none")
    del given["trials"]
    began = time.monotonic()
    found = search.search(**given, console=Console(file=StringIO()))
    assert found.ending == "late" and time.monotonic() - began < 0.3 * 60 + 40
    assert {path.name for path in found.folder.iterdir()} == FILES
    assert set(found.trials["state"]) <= {"COMPLETE", "FAIL"}
    cut = found.trials[found.trials["state"] == "FAIL"]
    assert len(cut) == 1 and cut["reason"].tolist() == [INTERRUPTED]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB, where the system lets us make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    if sys.platform != "linux" or os.getuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk_ends_in_one_line_with_what_was_finished(space: str, small_disk: Path) -> None:
    folder = small_disk / "run"
    command = Command(*arguments(options(space, folder, trials=40, baselines="none")))
    command.until(lambda line: "2/40 trials" in line)
    try:
        with (small_disk / "filler").open("wb") as filler:
            while True:
                filler.write(b"\0" * 4096)
                filler.flush()
    except OSError:
        pass
    assert command.wait() == 1, "".join(command.lines)
    text = "".join(command.lines)
    assert "Traceback" not in text
    said = [line for line in command.lines if line.startswith("error: ")]
    assert len(said) == 1 and "disk is full" in said[0]
    finished = [state for state, _ in states(folder).values() if state == "COMPLETE"]
    assert len(finished) >= 2
    (small_disk / "filler").unlink()
    assert len(open_run(folder).trials()) >= 2


# Wrong inputs --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of images: one good, one with an empty class, one with a text file called .jpg."""
    home = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for name in ("good", "empty", "text"):
        for part in ("train", "test"):
            for label in ("cat", "dog"):
                folder = home / name / part / label
                folder.mkdir(parents=True)
                for number in range(3):
                    if (name, label) != ("empty", "dog"):
                        pixels = rng.integers(0, 255, (8, 8, 3), np.uint8)
                        Image.fromarray(pixels).save(folder / f"{number}.png")
    (home / "text" / "train" / "cat" / "note.jpg").write_text("not a picture")
    return home


WRONG = {
    "--budget 300": "300",
    "--budget 1kFLOPs": "1kFLOPs",
    "--budget 300MFLOPs --budget 200MFLOPs": "200MFLOPs",
    "--data folder:/nowhere/at/all": "/nowhere/at/all",
    "--data folder:PICTURES/empty": "dog",
    "--data folder:PICTURES/text": "note.jpg",
    "--data nonsense": "nonsense",
    "--nonsense 3": "--nonsense",
    "--budget 320KB --budget 512KB": "320KBRAM",
    "--board stm32f747": "stm32f746",
    "--target phone": "papers or data",
    "--trials many": "--trials",
    "--trials 0": "--trials",
    "--minutes -1": "--minutes",
    "--minutes nan": "--minutes",
    "--epochs 0": "epochs",
    "--subset 2": "subset",
    "--fidelity fast": "fast",
    "--fidelity quick --epochs 1": "--epochs",
    "--sampler cmaes": "cmaes",
    "--scheduler pbt": "pbt",
    "--fidelity ladder --scheduler asha": "asha",
    "--control front": "front",
    "--warm-start PICTURES": "PICTURES",
    "--granularity net": "net",
    "--objectives accuracy,latency --latency-table nowhere.json": "nowhere.json",
    "--budget 4ms --latency-table pixel9": "pixel9",
    "--objectives macs": "macs",
    "--baselines resnet50": "resnet50",
    "--space nowhere.yaml": "nowhere.yaml",
    "--seed -1": "seed",
    "--concurrency 0": "--concurrency",
    "--device tpu": "tpu",
    "--storage nonsense": "storage",
    "--out PICTURES": "not empty",
    "--resume PICTURES": "PICTURES",
    "--resume nowhere": "nowhere",
    "--resume PICTURES --epochs 3": "--epochs",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_input_is_one_line_and_leaves_nothing(
    line: str,
    pictures: Path,
    space: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = line.replace("PICTURES", str(pictures)).split()
    common = {"--data": "digits", "--space": space, "--target-resolution": "32", "--target-classes": "10"}
    if "--resume" not in given:
        given += [part for name, value in common.items() if name not in given for part in (name, value)]
    had = sorted(pictures.rglob("*"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["search.py", *given])
    with pytest.raises(SystemExit) as exit_:
        console.run(main, Request)
    out, err = capsys.readouterr()
    errors = [said for said in err.splitlines() if not said.startswith("decoding ")]  # a notice of the data
    assert exit_.value.code == 2 and out == ""
    assert len(errors) == 1 and errors[0].startswith("error: ")
    assert WRONG[line].replace("PICTURES", str(pictures)) in errors[0]
    assert list(tmp_path.iterdir()) == [] and sorted(pictures.rglob("*")) == had


def test_a_gpu_that_is_not_there_is_refused_before_anything_is_made(
    space: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.raises(UserError, match="cuda"):
        search.search(**options(space, tmp_path / "run", device="cuda"))
    assert not (tmp_path / "run").exists()


def test_the_tables_that_were_not_written_come_with_a_resumption(
    run: tuple[search.Run, str], tmp_path: Path
) -> None:
    """A driver that was killed has written none; a copy of its folder goes on elsewhere."""
    for name in ("manifest.json", "study.db"):
        shutil.copy(run[0].folder / name, tmp_path / name)
    search.search(resume=tmp_path, console=Console(file=StringIO()))
    assert {path.name for path in tmp_path.iterdir()} == FILES


# Boards -----------------------------------------------------------------------------------------------------


def test_costs_are_printed_as_in_the_papers_too(run: tuple[search.Run, str]) -> None:
    found, text = run
    said = text[text.index("costs as in the papers, 224x224, 1000 classes:") :].splitlines()
    for number, row in zip(found.front["trial"], said[3:], strict=False):
        counted = nas.cost(Arch.parse(found.trials.set_index("trial")["arch"][number]))
        assert row.split()[:3] == [str(number), f"{counted.macs / 1e6:.2f}", f"{counted.params / 1e6:.3f}"]


@pytest.mark.slow
def test_a_search_for_a_board_ends_with_a_front_within_its_memories(tmp_path: Path) -> None:
    """Recounted on the built networks by `tests.live_tensors`, which knows nothing of ours."""
    text, out = StringIO(), tmp_path / "run"
    given = {
        "data": "digits",
        "board": "stm32f746",
        "space": "mcu",
        "objectives": "accuracy,memory",
        "trials": 3,
    }
    given |= {"epochs": 1, "baselines": "none", "concurrency": 1, "device": "cpu", "target_resolution": 96}
    found = search.search(**given, out=out, console=Console(file=text, width=160))
    assert (
        "budget 1024KBflash (weights at int8, KB of 1024 bytes) and 320KBRAM (peak memory" in text.getvalue()
    )
    assert "96x96, 10 classes" in text.getvalue() and len(found.front)
    for _, row in found.trials.iterrows():
        network = nas.build(Arch.parse(row["arch"]), 10, 96)
        assert row["memory"] == peak(network, 96) <= 320 * 1024
        vectors = sum(p.numel() for p in network.parameters() if p.dim() < 2)
        everything = sum(p.numel() for p in network.parameters())
        assert row["weights"] == everything + 3 * vectors <= 1024 * 1024
    assert (found.front["accuracy"] > 0.3).any()
    again = search.search(resume=out, trials=4, console=Console(file=StringIO()))
    assert len(again.trials) == 4 and (again.trials["memory"] <= 320 * 1024).all()


# Milliseconds ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_budget_of_milliseconds_ends_with_a_front_timed_again(
    space: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table of this machine is made first; what the front holds was timed whole, and survives a resumption."""
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path / "cache"))
    given = options(space, tmp_path / "run", budget="50ms")
    found = search.search(**given, console=Console(file=StringIO()))
    assert (found.folder / "latency.json").is_file()
    assert found.front["measured_ms"].notna().all() and found.baselines["measured_ms"].notna().all()
    assert (found.trials["predicted_low"] < found.trials["predicted_high"]).all()
    again = search.search(resume=found.folder, trials=6, console=Console(file=StringIO()))
    assert len(again.trials) == 6 and again.front["measured_ms"].notna().all()
    (found.folder / "latency.json").unlink()
    with pytest.raises(UserError, match="latency table"):
        search.search(resume=found.folder, console=Console(file=StringIO()))
