"""nas.ablate: what it leaves behind, however it ends; the trainings are real, Ray runs once."""

from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from nas.ablate import run as ablate
from nas.ablate.__main__ import main
from nas.ablate.request import AblationRequest
from nas.ablate.summary import FILES as WRITTEN
from nas.compare.trainings import Trainings
from nas.console import commands as console
from nas.runs.folders import find
from tests.nas.compare.by_hand import Crash, Engine, engine

BASE = "stem8_HS-ir8-2xir16_k5_t2_s2_se_HS-head32_HS"
FILES = {*WRITTEN.split(", "), "manifest.json", "study.db"}


def options(out: Path, **changes: Any) -> dict[str, Any]:
    """Of an ablation that takes a moment."""
    given = {"data": "digits", "epochs": 0.1, "subset": 0.2, "seeds": 2, "device": "cpu", "out": out}
    shown = {"target_resolution": 32, "target_classes": 10, "console": Console(file=StringIO(), width=200)}
    return {**given, **shown, **changes}


@pytest.fixture
def driven(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the engine; without Ray from the start."""

    def use(run: Engine) -> None:
        monkeypatch.setattr("nas.compare.running.run_jobs", run)

    use(engine())
    return use


def test_an_ablation_leaves_verdicts_of_both_comparisons(driven: Any, tmp_path: Path) -> None:
    text = StringIO()
    found = ablate.ablate(
        BASE, components=["se", "kernel"], **options(tmp_path / "run", console=Console(file=text, width=200))
    )
    assert found.ending == "done" and {path.name for path in found.folder.iterdir()} == FILES
    trained = found.summary[found.summary["status"] == "train"]
    assert set(trained["comparison"]) == {"base", "as is", "equal macs"} and (trained["seeds"] == 2).all()
    assert found.trainings["test_accuracy"].isna().all()  # an ablation reads no test image
    for name in ("se off", "kernel 5 -> 3"):
        assert any(line.startswith(name) for line in text.getvalue().splitlines())
    equal = trained[trained["comparison"] == "equal macs"]
    assert (equal["ratio"].sub(1).abs() <= 0.01).all()
    missing = found.summary[
        (found.summary["comparison"] == "equal macs") & found.summary["status"].eq("impossible")
    ]
    assert missing["note"].ne("").all()
    first, second = (found.trainings[found.trainings["seed"] == seed]["network"].tolist() for seed in (0, 1))
    assert first == second == list(dict.fromkeys(trained["arch"]))


@pytest.mark.slow  # of comparisons it is tested every day
def test_a_crash_loses_nothing_and_only_new_seeds_are_added(driven: Any, tmp_path: Path) -> None:
    given = {"components": ["se"], "equal": []}
    whole = ablate.ablate(BASE, **given, **options(tmp_path / "whole"))
    driven(engine(crash_after=3))
    with pytest.raises(Crash):
        ablate.ablate(BASE, **given, **options(tmp_path / "run"))
    driven(engine())
    again = ablate.ablate(resume=tmp_path / "run", console=Console(file=StringIO()))
    pd.testing.assert_frame_equal(again.summary, whole.summary)
    trials = find(tmp_path / "run", None, lambda url, name: Trainings.open(url, name, "ablate"))._study.trials
    done = [(t.user_attrs["network"], t.user_attrs["seed"]) for t in trials if t.state.name == "COMPLETE"]
    assert len(done) == len(set(done)) == len(whole.trainings)
    assert len(trials) == len(done) + 1  # the one that was under way
    more = ablate.ablate(resume=tmp_path / "run", seeds=3, console=Console(file=StringIO()))
    pd.testing.assert_frame_equal(more.trainings[: len(done)], again.trainings)
    assert more.trainings["seed"][len(done) :].tolist() == [2] * (len(done) // 2)


def test_a_study_is_a_file(driven: Any, tmp_path: Path) -> None:
    file = tmp_path / "story.yaml"
    file.write_text(
        f"title: a story\ndata: digits\nequal: none\nepochs: 9\nseeds: 1\nsteps:\n"
        f"  - {{name: A, network: {BASE}}}\n  - {{name: no SE, from: A, switch: [se off]}}\n"
    )
    given = options(tmp_path / "run", data=None, seeds=None, subset=0.2)
    found = ablate.ablate(config=file, **given)
    assert found.summary["name"].tolist() == ["A", "A -> no SE"]
    assert found.trainings["epochs"].tolist() == [0.1, 0.1]  # the command line has the last word


STORY = Path(__file__).parents[3] / "experiments" / "v3_ablation.yaml"
WRONG = {
    "": "no network",
    "mobilenet_v9": "mobilenet_v9",
    "torchvision:resnet18": "resnet18",
    f"{BASE} --components sex": "sex",
    f"{BASE} --components nowhere:function": "nowhere",
    f"{BASE} --equal flops": "flops",
    f"{BASE} --equal latency": "latency",
    f"{BASE} --pairs se": "se",
    f"{BASE} --pairs se,block,kernel": "pairs",
    f"{BASE} --seeds 0": "--seeds",
    f"{BASE} --epochs 0": "epochs",
    f"{BASE} --fidelity ladder": "ladder",
    f"{BASE} --minutes -3": "--minutes",
    "--config nowhere.yaml": "nowhere.yaml",
    f"{BASE} --config nowhere.yaml": "--config",
    f"--config {STORY} --equal macs": "--equal",
    f"--config {STORY} --per-stage": "--per-stage",
    f"{BASE} --components none": "nothing to ablate",
    f"{BASE} --components os:getcwd": "os:getcwd",
    "--resume nowhere": "nowhere",
    "--resume nowhere --equal none": "--equal",
    "--resume nowhere --components se": "--components",
    "--resume nowhere --seed 3": "--seed",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_input_is_one_line_and_leaves_nothing(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = line.split()
    if "--data" not in given and "--resume" not in given:
        given += ["--data", "digits"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["ablate.py", *given])
    with pytest.raises(SystemExit) as exit_:
        console.run(main, AblationRequest)
    out, err = capsys.readouterr()
    errors = [one for one in err.splitlines() if not one.startswith("decoding ")]  # a notice of the data
    assert exit_.value.code == 2 and out == ""
    assert len(errors) == 1 and errors[0].startswith("error: ") and WRONG[line] in errors[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_ray_executes_an_ablation(tmp_path: Path) -> None:
    given = options(tmp_path / "run", concurrency=2)
    found = ablate.ablate(
        BASE, components=["se", "kernel"], pairs=[("se", "kernel")], leave_one_in=True, **given
    )
    assert found.ending == "done"
    assert (found.summary.loc[found.summary["status"] == "train", "seeds"] == 2).all()
    assert found.summary["name"].str.contains("interaction").any() and "plain" in set(found.summary["name"])
