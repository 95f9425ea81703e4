"""nas.bench: that the loops train, at once and in turn, and that the tables say what was timed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nas.bench.trainer import command as train
from nas.bench.trainer import kernel
from nas.bench.trainer.command import (
    NETWORKS,
    Throughput,
    evaluation_ways,
    share_of_peak,
    summarise,
    visits,
    ways,
)
from nas.bench.trainer.crew import Crew
from nas.bench.trainer.loops import (
    PLAIN,
    Ground,
    Pace,
    Way,
    evaluation_pace,
    loader,
    pace,
    product_rate,
    reach,
)
from nas.common.errors import UserError
from nas.kernels import library
from nas.kernels.compute import Compute
from search_spaces import Arch

SMALL = "stem8-ir8-ir16_t2_s2-head16"
OURS = Way("ours", Compute(bf16=False))
USERS = Way("plain loop", PLAIN, processes=1, threads=1, gather=False, keep=False)


def at_once() -> None:
    pass


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """A folder of 2 classes: dark and bright pictures, larger than they are trained at."""
    folder = tmp_path_factory.mktemp("pictures")
    chance = np.random.default_rng(0)
    for part, count in (("train", 160), ("test", 2)):
        for name, level in (("bright", 180), ("dark", 20)):
            (folder / part / name).mkdir(parents=True)
            for index in range(count):
                pixels = chance.integers(level, level + 60, (40, 36, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{index:03d}.png")
    return Ground.of(f"folder:{folder}")


@pytest.fixture(autouse=True)
def threads_are_given_back() -> object:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_both_loops_are_timed(ground: Ground) -> None:
    for way in (OURS, USERS):
        told: list[str] = []
        done = pace(way, SMALL, ground, 0.05, lambda told=told: told.append("ready"))  # type: ignore[misc]
        assert done.images >= 128 and done.images % 128 == 0
        assert done.seconds >= 0.05
        assert told == ["ready"]


@pytest.mark.slow
def test_both_loops_learn(ground: Ground) -> None:
    for way, images in ((OURS, 5120), (USERS, 5120)):
        found = reach(way, SMALL, ground, images, at_once)
        assert found.images == images
        assert found.loss < 0.6
        assert found.training_accuracy > 0.8


def test_the_plain_loop_sees_our_training_images_and_no_others(ground: Ground) -> None:
    batches = loader(ground, workers=0)
    split = ground.data.train()
    assert len(batches.dataset) == len(split)  # type: ignore[arg-type]
    labels = np.array([batches.dataset[index][1] for index in range(20)])
    assert np.array_equal(labels, split.labels[:20])
    images, _ = next(iter(batches))
    assert images.shape == (128, 3, 32, 32)


def test_a_folder_that_imagefolder_reads_differently_is_refused(ground: Ground, tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    for name in ("bright", "dark"):
        (tmp_path / "train" / name).mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / "train" / name / "one.png")
    with pytest.raises(UserError, match="other files"):
        loader(Ground(ground.data, tmp_path), workers=0)


def test_without_a_folder_pictures_come_from_the_array(ground: Ground) -> None:
    batches = loader(Ground(ground.data), workers=0)
    image, label = batches.dataset[3]
    assert image.shape == (3, 32, 32)
    assert label == ground.data.train().labels[3]


def test_evaluation_is_timed(ground: Ground) -> None:
    assert evaluation_pace(OURS, SMALL, ground, 0.02, at_once).images > 0


def test_a_product_is_timed() -> None:
    assert product_rate(False, 0.05, at_once) > 1e8


def fail(ready: Callable[[], None]) -> None:
    raise ZeroDivisionError("on purpose")


@pytest.mark.slow
def test_a_crew_works_together_and_tells_of_failures(ground: Ground) -> None:
    with Crew() as crew:
        done: list[Pace] = crew.together([partial(pace, OURS, SMALL, ground, 0.1)] * 2)
        assert [one.images > 0 for one in done] == [True, True]
        with pytest.raises(ZeroDivisionError, match="on purpose"):
            crew.together([partial(product_rate, False, 10.0), fail])  # before the other is ready
        assert len(crew.together([partial(product_rate, False, 0.01)] * 2)) == 2  # it lives on


def test_every_improvement_is_switched_off_alone() -> None:
    ours, *changed, plain = ways()
    assert len({way.name for way in ways()}) == len(ways())
    assert all(way != ours for way in changed)
    assert (plain.compute, plain.gather, plain.keep, plain.processes, plain.threads) == (
        PLAIN,
        False,
        False,
        1,
        2,
    )
    assert [way.compute.folded for way in evaluation_ways()] == [True, False, False]


def test_a_round_holds_every_network_and_a_brief_one_only_the_two_loops() -> None:
    assert {network for network, _, _ in visits(brief=False)} == set(NETWORKS)
    brief = visits(brief=True)
    assert {way.name for _, _, way in brief} == {"ours", "plain loop"}
    assert len(brief) == 2 * len(NETWORKS)
    for text in NETWORKS.values():
        assert str(Arch.parse(text)) == text


def test_ratios_are_taken_within_a_round() -> None:
    rates = {"ours": (100.0, 50.0, 200.0), "plain loop": (20.0, 10.0, 20.0)}
    timings = [
        Throughput(number, "mobilenet_v2", "training", way, rate, 1.0)
        for way, each in rates.items()
        for number, rate in enumerate(each)
    ]
    found = summarise(timings).set_index("way").loc["plain loop"]
    assert (found.images_per_second, found.ours_is_times) == (20, 5)
    assert (found.lowest, found.highest) == (5, 10)


def test_the_share_of_the_peak_is_of_multiply_adds(ground: Ground) -> None:
    share = share_of_peak("mobilenet_v2", 100.0, ground, 1e9)
    assert share == pytest.approx(2 * share_of_peak("mobilenet_v2", 50.0, ground, 1e9))
    assert 0.1 < share < 10


def test_undisturbed_is_known_of_single_threads() -> None:
    done = [Pace(128, 2.0, 1.0), Pace(128, 2.0, 1.9)]
    assert train._undisturbed(OURS, done) == 0.5
    assert train._undisturbed(USERS, done) == 1.0


@pytest.mark.skipif(library.load() is None, reason="the library was not built")
def test_gradients_are_compared() -> None:
    lines = list(kernel.compare(torch.float32, 8, 6, 5, 2))
    taken = any(line.chosen for line in lines)
    assert [line.gradient for line in lines] == ["input", "weights", *(["as chosen"] if taken else [])]
    assert all(line.ratio == pytest.approx(line.torch_ms / line.ours_ms) for line in lines)
    assert all(line.error < 1e-5 for line in lines)


class Here(Crew):
    """Does the work in this process, one after the other."""

    def together(self, works, *, keep=True):  # type: ignore[no-untyped-def]
        return [work(at_once) for work in works]


def test_what_the_commands_print_and_write(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(train, "Crew", Here)
    monkeypatch.setattr(train, "NETWORKS", {"small": SMALL})
    monkeypatch.setattr(train, "peaks", lambda crew: {"fp32": 1e9, "bf16": 2e9})
    monkeypatch.setattr(train, "ways", lambda: [OURS, replace(OURS, name="plain loop")])
    monkeypatch.setattr(train, "equal_image_ways", lambda: [OURS])
    train.main(f"folder:{ground.folder}", tmp_path, rounds=1, seconds=0.01, equal=0.0, brief=True)
    train.accuracy(f"folder:{ground.folder}", tmp_path, images=128, networks="small")
    printed = capsys.readouterr().out
    assert "small: " in printed and "every core was ours to" in printed
    assert "mean of 1 networks after 128 images" in printed
    assert {"images", "precision", "peak_multiply_adds", "undisturbed"} <= set(
        json.loads((tmp_path / "machine.json").read_text())
    )
    rows = {file.name: len(file.read_text().splitlines()) for file in tmp_path.glob("*.csv")}
    assert rows == {"timings.csv": 3, "summary.csv": 3, "equal_images.csv": 2}
