"""Folders of 1, 4 and 6 channels, of 12, 16 and 8 bits, from a search to an exported file.

Two classes differ in the direction of stripes in one band: the last but one, which a reading as RGB would lose; of grey
in a range of 12 bits, of which a reading of the upper 8 of 16 would leave next to nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from nas.compare import compare
from nas.data import load
from nas.export import export
from nas.networks import checkpoint
from nas.networks.cost import cost
from nas.networks.references import parse
from nas.predict import predict
from nas.search import search
from nas.train.request import TrainRequest
from nas.train.run import carry_out as train
from tests.nas.data.files import Array, folder, png, tiff
from tests.nas.search.small import TINY

SIDE = 24


@dataclass(frozen=True)
class Set:
    """Images [SIDE, SIDE, channels] of so many bits; `telling` is the band in which the classes differ."""

    channels: int
    bits: int
    telling: int
    train: tuple[int, int]
    planar: bool = False
    images: int = 6000
    """Of a training."""

    def image(self, label: int, chance: np.random.Generator) -> Array:
        made = chance.normal(0.3, 0.06, (SIDE, SIDE, self.channels))
        stripes = 0.12 * np.sin(np.arange(SIDE) * 2 * np.pi / 6 + chance.uniform(0, 2 * np.pi))
        made[..., self.telling] += stripes[:, None] if label else stripes[None, :]
        levels = (made.clip(0, 1) * (2**self.bits - 1)).round()
        return levels.astype(np.uint8 if self.bits == 8 else np.uint16)

    def written(self, place: Path) -> Path:
        chance = np.random.default_rng(self.channels)
        files = {}
        for part, counts in (("train", self.train), ("test", (40, 40))):
            for label, count in enumerate(counts):
                for number in range(count):
                    pixels = self.image(label, chance)
                    data = png(pixels) if self.channels == 1 else tiff(pixels, planar=self.planar)
                    name = "png" if self.channels == 1 else "tif"
                    files[f"{part}/{'down' if label else 'across'}/{number:03}.{name}"] = data
        return folder(place, files)


SETS = {
    "grey": Set(1, 12, 0, (60, 60)),
    "four bands": Set(4, 16, 3, (120, 120)),
    "six bands, 1 to 50": Set(6, 8, 4, (500, 10), planar=True, images=24_000),
}


@pytest.mark.slow
def test_what_a_reading_as_colours_would_learn_is_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same images without the telling band: no better than chance."""
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path / "cache"))
    home, words = tmp_path / "set", {"photometric": "minisblack", "planarconfig": "contig"}
    for file in SETS["four bands"].written(home).rglob("*.tif"):
        tifffile.imwrite(file, tifffile.imread(file)[..., :3], **words)
    request = TrainRequest("stem8-ir16_t2_s2-head32", data=f"folder:{home}", train_resolution=SIDE, epochs=10)
    assert train(replace(request, out=tmp_path / "run")) == 0
    assert checkpoint.load(tmp_path / "run" / "model.safetensors").card.channels == 3
    accuracy = json.loads((tmp_path / "run" / "result.json").read_text())["test_accuracy"]
    assert 0.3 < accuracy < 0.7


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_from_a_search_to_a_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path / "cache"))
    made, data = SETS[name], f"folder:{SETS[name].written(tmp_path / 'set')}"
    channels, asked = made.channels, 1 if made.channels == 1 else None
    (tmp_path / "tiny.yaml").write_text(TINY)
    epochs = made.images / sum(made.train)
    terms = {"data": data, "channels": asked, "epochs": epochs, "train_resolution": SIDE, "target": "data"}
    terms |= {"metric": "balanced_accuracy", "class_weights": "balanced"}
    run = search(
        **terms, space=str(tmp_path / "tiny.yaml"), trials=3, baselines="none", confirm=0.0, concurrency=2,
        out=tmp_path / "run",
    )  # fmt: skip
    for row in run.trials.itertuples():
        assert row.macs == cost(parse(str(row.arch)), SIDE, 2, channels).macs
    assert f"costs at 24x24, 2 classes, {channels} channel" in capsys.readouterr().out
    best = f"{run.folder}@{int(run.trials.set_index('trial')['accuracy'].idxmax())}"
    compared = compare(
        [best, "stem8-ir16_t2_s2-head32"], **terms, seeds=1, concurrency=2, out=tmp_path / "two"
    )
    code = train(TrainRequest(best, epochs=epochs, seed=1, out=tmp_path / "long"))
    assert code == 0
    result = json.loads((tmp_path / "long" / "result.json").read_text())

    trained = checkpoint.load(tmp_path / "long" / "model.safetensors")
    assert trained.card.channels == channels == load(data, resolution=SIDE, channels=asked).channels
    found = predict(trained, [tmp_path / "set" / "test"])
    recalls = [np.mean(found.guesses[found.labels == label] == label) for label in (0, 1)]
    assert np.mean(recalls) == pytest.approx(result["test_balanced_accuracy"])
    figures = run.trials["accuracy"].max(), *compared.trainings["test_accuracy"], np.mean(recalls)
    with capsys.disabled():
        print(
            f"\n{name}: best of the search, two compared, trained and predicted: {np.round(figures, 3).tolist()}"
        )
    assert np.mean(recalls) > 0.85 and compared.trainings["test_accuracy"].max() > 0.75

    done = export(tmp_path / "long")
    assert done.compared > 20 and done.said == "set"
    one = sorted((tmp_path / "set" / "test" / "down").iterdir())[0]
    lines = [sys.executable, f"{done.path.name}.py", str(one)]
    said = subprocess.run(lines, cwd=done.path.parent, capture_output=True, text=True, check=False)
    if channels > 1:
        assert said.returncode == 0, said.stderr
        (mine,) = predict(trained, [one]).found
        share, label = said.stdout.splitlines()[0].split()
        assert label == mine.top[0][0] and float(share.rstrip("%")) / 100 == pytest.approx(
            mine.top[0][1], abs=0.002
        )
    else:
        assert said.returncode == 1 and "scale them first" in said.stderr
    eight = export(tmp_path / "long", int8=True, max_drop=20.0, calibration=32)
    assert eight.accuracy is not None and eight.accuracy > 0.7
