"""Searches of a few dozen images in folds, from end to end with Ray."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from nas.common.errors import UserError
from nas.compare import run as compare
from nas.search import run as search
from nas.search.record import open_run
from tests.nas.compare.by_hand import engine
from tests.nas.search.small import TINY

pytestmark = pytest.mark.slow


def striped(folder: Path, counts: dict[str, int], tested: int) -> str:
    """Pictures of stripes in noise: of one class lying and reddish, of the other standing and bluish."""
    rng = np.random.default_rng(0)
    for standing, (name, count) in enumerate(counts.items()):
        for number in range(count + tested):
            lines = np.sin(np.arange(24) * 2.0 + rng.uniform(0, 6))[None].repeat(24, 0)
            grey = 128 + 30 * (lines if standing else lines.T) + 15 * rng.standard_normal((24, 24))
            pixels = grey[..., None] + (np.array([-40, 0, 40]) if standing else np.array([40, 0, -40]))
            path = folder / ("train" if number < count else "test") / name
            path.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path / f"{number}.png")
    return f"folder:{folder}"


def searched(tmp_path: Path, **options: Any) -> tuple[search.Run, str]:
    """A search of a tiny space, and what it printed."""
    (tmp_path / "tiny.yaml").write_text(TINY)
    text = StringIO()
    given = {
        "space": str(tmp_path / "tiny.yaml"),
        "train_resolution": 24,
        "baselines": "none",
        "target": "data",
        "concurrency": 2,
        "device": "cpu",
        "out": tmp_path / "run",
        "console": Console(file=text, width=160),
        **options,
    }
    return search.search(**given), text.getvalue()


def test_sixty_images_are_searched_in_folds_confirmed_and_gone_on_with(tmp_path: Path) -> None:
    data = striped(tmp_path / "set", {"lying": 30, "standing": 30}, 10)
    found, said = searched(tmp_path, data=data, folds=5, trials=3, epochs=30, confirm=0.5)
    assert "the mean of 5 folds" in said and "measured batch-norm statistics anew" in said
    settings = json.loads((tmp_path / "run/manifest.json").read_text())
    assert settings["settings"]["folds"] == 5 and settings["validation_images"] == 60
    record = open_run(tmp_path / "run")
    for kind in ("search", "confirm"):
        trials = record.trials(kind)  # type: ignore[arg-type]
        assert trials
        for trial in trials:
            outcome = trial.user_attrs["outcome"]
            assert len(outcome["folds"]) == 5
            assert outcome["accuracy"] == pytest.approx(np.mean(outcome["folds"]))
    assert found.trials["accuracy"].max() > 0.9
    assert 0 not in {trial.user_attrs["seed"] for trial in record.trials("confirm")}  # another division

    again = search.search(resume=tmp_path / "run", trials=4, console=Console(file=StringIO()))
    assert len(again.trials) == 4
    pd.testing.assert_frame_equal(again.trials.head(3), found.trials)
    folds = [trial.user_attrs["outcome"]["folds"] for trial in open_run(tmp_path / "run").trials()]
    assert [len(one) for one in folds] == [5] * 4


def test_sixty_images_are_compared_in_folds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.compare.running.run_jobs", engine())
    data = striped(tmp_path / "set", {"lying": 30, "standing": 30}, 10)
    text = StringIO()
    told = compare.compare(
        "stem8-ir8_s2-ir16_k5_t2_s2-ir16_t2-head16_f16",
        data=data,
        folds=3,
        train_resolution=24,
        target="data",
        seeds=2,
        epochs=15.0,
        out=tmp_path / "two",
        console=Console(file=text, width=160),
    )
    assert told.summary["test_accuracy"].iloc[0] > 0.9 and "the mean of 3 folds" in text.getvalue()
    manifest = json.loads((tmp_path / "two/manifest.json").read_text())
    assert manifest["settings"]["folds"] == 3


def test_one_image_in_fifty_is_searched_in_folds_by_balanced_accuracy(tmp_path: Path) -> None:
    data = striped(tmp_path / "set", {"common": 250, "rare": 5}, 10)
    found, said = searched(
        tmp_path,
        data=data,
        folds=5,
        metric="balanced_accuracy",
        class_weights="balanced",
        trials=3,
        epochs=16,
        confirm=0,
    )
    assert "balanced accuracy" in said
    best = found.trials["accuracy"].max()
    assert best > 0.75  # chance is 0.5
    for trial in open_run(tmp_path / "run").trials():
        folds = trial.user_attrs["outcome"]["folds"]
        assert all(fold * 100 == pytest.approx(round(fold * 100)) for fold in folds)  # of 50 and of 1 image
    with pytest.raises(UserError, match=r"--folds 6.*'rare' has 5"):
        searched(tmp_path / "run", data=data, folds=6, out=tmp_path / "other")
