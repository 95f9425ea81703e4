"""Pictures twice as wide as high, from a search to an exported file; what is at the ends is lost by a square crop."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.nas.search.small import TINY

HIGH, WIDE = 48, 96
SIDE = WIDE // 4
CHANCE = 1 / 2
COLOURS = {"blue": (60, 60, 200), "red": (200, 60, 60)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of noise with a coloured patch in the outer quarter to the left or to the right: the class."""
    home, chance = tmp_path_factory.mktemp("wide"), np.random.default_rng(0)
    for part, count in (("train", 150), ("test", 60)):
        for name, colour in COLOURS.items():
            folder = home / "data" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = chance.integers(80, 176, (HIGH, WIDE, 3), np.uint8)
                top, left = chance.integers(0, 8), WIDE - SIDE if number % 2 else 0
                pixels[top : top + HIGH - 8, left : left + SIDE] = colour
                Image.fromarray(pixels).save(folder / f"{number}.png")
    (home / "tiny.yaml").write_text(TINY)
    return home


def ran(*words: object, here: Path | None = None) -> str:
    """What a command prints, on one core."""
    path = os.pathsep.join(str(Path(part).resolve()) for part in sys.path if part)
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        cwd=here,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def judged(home: Path, fit: str, size: str) -> dict[str, float]:
    """Accuracies of a search's best network: in the search, trained anew, predicted, and by the exported file."""
    run, out, data = home / f"run-{fit}-{size}", home / f"out-{fit}-{size}", f"folder:{home / 'data'}"
    words = ("--trials", 3, "--epochs", 12, "--confirm", 0, "--baselines", "none", "--concurrency", 1)
    said = ran(
        *("-m", "nas.search", "--data", data, "--space", home / "tiny.yaml", "--budget", "5MFLOPs", *words),
        *("--train-resolution", size, "--fit", fit, "--target", "data", "--device", "cpu", "--out", run),
    )
    assert f"({fit})" in said
    front = (run / "front.csv").read_text().splitlines()
    row = dict(zip(front[0].split(","), front[-1].split(","), strict=True))
    ran("-m", "nas.train", f"{run}@{row['trial']}", "--epochs", 15, "--device", "cpu", "--out", out)
    result = json.loads((out / "result.json").read_text())
    images = home / "data" / "test"
    told = ran("-m", "nas.predict", out, images, "--device", "cpu", "--json", home / "predicted.json")
    assert "accuracy" in told
    predicted = json.loads((home / "predicted.json").read_text())
    ran("-m", "nas.export", out)
    return {
        "search": float(row["accuracy"]),
        "test": result["test_accuracy"],
        "predict": predicted["scores"]["accuracy"],
        "file": by_file(home, out, {one["image"]: one["top"][0]["class"] for one in predicted["images"]}),
    }


def by_file(home: Path, out: Path, said: dict[str, str]) -> float:
    """The share of some test pictures that the exported file, run as its card says, names as `nas.predict` did."""
    right, some = 0, 2
    for name in COLOURS:
        for number in range(some):
            picture = home / "data" / "test" / name / f"{number}.png"
            first = ran("model.onnx.py", picture, here=out).splitlines()[0]
            right += re.fullmatch(r"\s*[\d.]+%\s+(\w+)", first)[1] == said[str(picture)]  # type: ignore[index]
    return right / (some * len(COLOURS))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fit", "size", "lost"),
    [("crop", "32", True), ("pad", "32", False), ("stretch", "32", False), ("crop", "24x48", False)],
)
def test_what_is_at_the_ends_is_seen_unless_it_is_cut_off(
    home: Path, fit: str, size: str, lost: bool
) -> None:
    found = judged(home, fit, size)
    print(fit, size, found)
    assert found["predict"] == found["test"] and found["file"] == 1.0
    if lost:
        assert found["test"] < CHANCE + 0.15
    else:
        assert found["test"] > 0.8 and found["search"] > 0.8
