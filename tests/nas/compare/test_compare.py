"""nas.compare: what it leaves behind, however it ends; the trainings are real, Ray runs once."""

import json
import math
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from nas.common.errors import UserError
from nas.compare import run as compare
from nas.compare.__main__ import main
from nas.compare.request import ComparisonRequest
from nas.compare.summary import FILES as WRITTEN
from nas.compare.trainings import Trainings
from nas.console import commands as console
from nas.engine.jobs import Job
from nas.runs.folders import find
from nas.search.price import pricer
from nas.search.record import create_run
from search_spaces import Arch
from tests.nas.compare.by_hand import Crash, Engine, engine
from tests.nas.compare.small import A, B
from tests.nas.search.small import outcome, settings

FILES = {*WRITTEN.split(", "), "manifest.json", "study.db"}


def options(out: Path, **changes: Any) -> dict[str, Any]:
    """Of a comparison that takes a moment."""
    given = {"data": "digits", "epochs": 0.1, "subset": 0.2, "seeds": 2, "device": "cpu", "out": out}
    return {**given, "target_resolution": 32, "target_classes": 10, **changes}


def said() -> tuple[Console, StringIO]:
    text = StringIO()
    return Console(file=text, width=200), text


@pytest.fixture
def driven(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the engine; without Ray from the start."""

    def use(run: Engine) -> None:
        monkeypatch.setattr("nas.compare.running.run_jobs", run)

    use(engine())
    return use


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pictures, which take longer than the trainings."""
    monkeypatch.setattr("nas.compare.summary.save_png", lambda sheet, path: path.touch())
    monkeypatch.setattr("nas.compare.summary.document", lambda sheets, heading, body, at: body)


def test_a_comparison_leaves_tables_a_picture_and_a_study(driven: Any, tmp_path: Path) -> None:
    screen, text = said()
    networks = ["mobilenet_v3_small_x0.35", A, A, "torchvision:squeezenet1_1"]
    found = compare.compare(networks, **options(tmp_path / "run"), console=screen)
    assert found.ending == "done" and {path.name for path in found.folder.iterdir()} == FILES
    assert found.summary["label"].tolist() == ["mobilenet_v3_small_x0.35", A, "torchvision:squeezenet1_1"]
    assert found.summary["seeds"].tolist() == [2, 2, 2] and len(found.trainings) == 6
    assert found.trainings["test_accuracy"].between(0, 1).all()
    first = found.trainings[found.trainings["network"] == found.summary["network"][0]]
    assert found.summary["test_accuracy"][0] == pytest.approx(first["test_accuracy"].mean())
    assert math.isnan(found.summary["difference"][0]) and found.summary["difference"][1:].notna().all()
    printed = pd.read_csv(found.folder / "published.csv")
    assert set(printed["label"]) == {"mobilenet_v3_small_x0.35"} and printed["source"].notna().all()
    assert "published: ImageNet" in text.getvalue() and "2 seeds" in text.getvalue()
    manifest = json.loads((found.folder / "manifest.json").read_text())
    assert manifest["settings"]["fingerprint"] and manifest["seeds"] == 2


@pytest.mark.usefixtures("undrawn")
def test_a_crash_loses_nothing_and_changes_nothing(driven: Any, tmp_path: Path) -> None:
    networks = [A, B]
    whole = compare.compare(networks, **options(tmp_path / "whole"), console=said()[0])
    driven(engine(crash_after=2))
    with pytest.raises(Crash):
        compare.compare(networks, **options(tmp_path / "run"), console=said()[0])
    driven(engine(interrupt_after=1))
    cut = compare.compare(resume=tmp_path / "run", console=said()[0])
    assert cut.ending == "interrupted" and cut.summary["note"].str.contains("unfinished").any()
    driven(engine())
    again = compare.compare(resume=tmp_path / "run", console=said()[0])
    pd.testing.assert_frame_equal(again.summary, whole.summary)
    trials = find(
        tmp_path / "run", None, lambda url, name: Trainings.open(url, name, "compare")
    )._study.trials
    done = [(t.user_attrs["network"], t.user_attrs["seed"]) for t in trials if t.state.name == "COMPLETE"]
    assert len(done) == len(set(done)) == 4 and len(trials) == 6


@pytest.mark.usefixtures("undrawn")
def test_seeds_are_added_and_only_they_are_trained(driven: Any, tmp_path: Path) -> None:
    first = compare.compare([A, B], **options(tmp_path / "run", seeds=1), console=said()[0])
    more = compare.compare(resume=tmp_path / "run", seeds=2, console=said()[0])
    assert more.trainings["seed"].tolist() == [0, 0, 1, 1]
    pd.testing.assert_frame_equal(more.trainings[:2], first.trainings)
    assert more.summary["seeds"].tolist() == [2, 2]
    with pytest.raises(UserError, match="--seeds 1"):
        compare.compare(resume=tmp_path / "run", seeds=1)


@pytest.mark.usefixtures("undrawn")
def test_the_winner_of_a_search_is_compared(driven: Any, tmp_path: Path) -> None:
    record = create_run(tmp_path / "search", None, settings(), {})
    number = record.launch(A, pricer(record.settings)(Arch.parse(A)), {}, {})
    record.complete(number, outcome(0.5))
    found = compare.compare(
        [f"{tmp_path / 'search'}@{number}", B], **options(tmp_path / "run", minutes=1e-6), console=said()[0]
    )
    assert found.summary["label"].tolist() == [f"search@{number}", B]
    assert found.summary["network"].tolist() == [A, B]


@pytest.mark.usefixtures("undrawn")
def test_a_failed_training_is_told_with_its_reason(
    driven: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nas.train.trainer import TrainingFailed

    def fails(job: Job, *args: Any) -> Any:
        if job.arch == B:
            raise TrainingFailed("the loss was nan at step 1 of 2")
        return outcome(0.5)

    monkeypatch.setattr("tests.nas.compare.by_hand.train_job", fails)
    found = compare.compare([A, B], **options(tmp_path / "run"), console=said()[0])
    assert found.summary["seeds"].tolist() == [2, 0]
    assert "the loss was nan" in found.summary["note"][1]
    again = compare.compare(resume=tmp_path / "run", console=said()[0])
    assert len(again.trainings) == 4  # none of them anew


def test_no_time_is_told_and_leaves_its_files(driven: Any, tmp_path: Path) -> None:
    screen, text = said()
    found = compare.compare([A, B], **options(tmp_path / "run", minutes=1e-6), console=screen)
    assert found.ending == "late" and {path.name for path in found.folder.iterdir()} == FILES
    assert found.trainings.empty and "unfinished, 0 of 2 seeds" in text.getvalue()


WRONG = {
    "": "no network",
    "mobilenet_v9": "mobilenet_v9",
    "torchvision:resnet51": "resnet51",
    "torchvision:inception_v3 --train-resolution 32": "inception_v3",
    "nowhere@17": "nowhere",
    f"{A} --data nonsense": "nonsense",
    f"{A} --seeds 0": "--seeds",
    f"{A} --seed -1": "seed",
    f"{A} --minutes 0": "--minutes",
    f"{A} --fidelity ladder": "ladder",
    f"{A} --fidelity quick --epochs 1": "--epochs",
    f"{A} --epochs 0": "epochs",
    f"{A} --subset 2": "subset",
    f"{A} --train-resolution 4": "--train-resolution",
    f"{A} --target-resolution 0": "target",
    f"{A} --device tpu": "tpu",
    "--resume nowhere": "nowhere",
    "--resume nowhere --epochs 3": "--epochs",
    f"--resume nowhere {A}": A,
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_input_is_one_line_and_leaves_nothing(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = line.split()
    if "--data" not in given and "--resume" not in given:
        given += ["--data", "digits"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["compare.py", *given])
    with pytest.raises(SystemExit) as exit_:
        console.run(main, ComparisonRequest)
    out, err = capsys.readouterr()
    errors = [one for one in err.splitlines() if not one.startswith("decoding ")]  # a notice of the data
    assert exit_.value.code == 2 and out == ""
    assert len(errors) == 1 and errors[0].startswith("error: ") and WRONG[line] in errors[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_ray_executes_a_comparison(tmp_path: Path) -> None:
    found = compare.compare([A, B], **options(tmp_path / "run", concurrency=2), console=said()[0])
    assert found.ending == "done" and found.summary["seeds"].tolist() == [2, 2]
    assert found.trainings["test_accuracy"].notna().all()
