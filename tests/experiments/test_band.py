"""experiments.band: networks of one cost, and what each way of spending a training's time says of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments import band
from experiments.band import (
    AVERAGED,
    HALF,
    PLAN,
    REFERENCE,
    STANDARD,
    BandRow,
    BandTask,
    draw,
    left_out,
    perform,
    scores,
    summarise,
)
from nas.common.errors import UserError
from nas.data.dataset import load
from nas.networks.cost import cost
from nas.search.budget import Budget
from search_spaces import Arch, spaces
from tests.nas.search.small import TINY

BOUNDS = Budget.parse("5-7MFLOPs")
SPACE = spaces.parse(TINY)


def test_networks_of_a_band_cost_alike_and_are_of_middling_depth() -> None:
    archs = draw(SPACE, BOUNDS, 8, seed=1)
    assert len(set(archs)) == 8 and archs == draw(SPACE, BOUNDS, 8, seed=1) != draw(SPACE, BOUNDS, 8, seed=2)
    assert all(5e6 <= cost(arch).macs <= 7e6 for arch in archs)
    depths = [len(arch.blocks) for arch in archs]
    every = [len(SPACE.sample(np.random.default_rng(seed)).blocks) for seed in range(200)]
    assert min(depths) >= min(every) and max(depths) <= max(every)


@pytest.mark.parametrize("text", ["7MFLOPs", "1-7MFLOPs", "1-1.2ms", "1-1.2MFLOPs"])
def test_what_is_no_band_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--band"):
        draw(SPACE, Budget.parse(text), 8, seed=1)


def row(arch: str, way: str, seed: int, truth: float, chance: np.random.Generator) -> BandRow:
    """A made-up training: losses tell the truth, checks are as noisy as a training."""
    noise = {REFERENCE: 0.001, STANDARD: 0.02, AVERAGED: 0.005, HALF: 0.03}[way]
    accuracy = truth + noise * chance.normal()
    checks = " ".join(f"{accuracy * share:.4f}" for share in np.linspace(0.5, 1, 10))
    losses = " ".join(f"{2 - truth:.4f}" for _ in range(10))
    macs, blocks = cost(Arch.parse(arch)).macs, len(Arch.parse(arch).blocks)
    return BandRow(arch, way, seed, macs, 10, blocks, 1.0, 100, accuracy, checks, losses, 5.0, "f00d")


def rows() -> list[BandRow]:
    chance = np.random.default_rng(0)
    truths = {str(arch): chance.uniform(0.6, 0.7) for arch in draw(SPACE, BOUNDS, 16, seed=1)}
    return [row(arch, way, seed, truth, chance) for way, seed in PLAN for arch, truth in truths.items()]


def test_the_summary_finds_which_way_knows(tmp_path: Path) -> None:
    found = summarise(rows(), SPACE).set_index("ranked_by")
    assert found.kendall["training losses of the last half"] > 0.95
    assert found.lead_low["training losses of the last half"] > 0
    assert found.kendall["average of the weights"] > found.kendall["accuracy at the end"]
    assert found.of_ceiling["average of the weights"] == pytest.approx(
        found.kendall["average of the weights"] / found.kendall["one seed of the reference by the others"]
    )
    assert abs(found.lead["mean of the last three checks"]) < 0.1  # the same noise in all its checks
    assert {"multiply-adds", "number of blocks", "two trainings, at twice the time"} <= set(found.index)
    assert summarise([r for r in rows() if r.way != REFERENCE], SPACE).empty
    trials = pd.DataFrame({"state": "COMPLETE", "arch": [r.arch for r in rows()[:9]], "accuracy": 0.6})
    trials.to_csv(tmp_path / "trials.csv")
    seeds, ways = scores(rows(), SPACE, tmp_path / "trials.csv")
    assert len(seeds) == 16 and len(ways["the model's belief"]) == 2


def test_a_way_that_is_not_complete_is_left_out() -> None:
    part = [r for r in rows() if r.way in (REFERENCE, STANDARD) and not (r.way == STANDARD and r.seed == 1)]
    found = summarise(part[:-1], SPACE)
    assert "half as long, two seeds" not in set(found.ranked_by) and found.archs.iloc[0] == 15


def test_a_value_is_predicted_from_the_others_alone() -> None:
    """What is right about itself alone helps nothing; what is right about all does."""
    wanted = pd.Series(np.random.default_rng(0).normal(size=12))
    told = left_out(np.asarray(wanted, dtype=np.float64)[:, None], wanted)
    assert np.corrcoef(told, wanted)[0, 1] > 0.9
    assert np.corrcoef(left_out(np.eye(12), wanted), wanted)[0, 1] < 0


def test_each_way_trains_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(band, "epochs_of", lambda name, images: (0.4 if name == REFERENCE else 0.2, ()))
    data, arch = load("digits"), str(draw(SPACE, BOUNDS, 1, seed=1)[0])
    done = {way: perform(BandTask(arch, way, 1), data) for way in (REFERENCE, STANDARD, HALF, AVERAGED)}
    assert [done[way].epochs for way in done] == [0.4, 0.2, 0.1, 0.2]
    assert all(r.task == BandTask(arch, way, 1) for way, r in done.items())
    checks, losses = done[STANDARD].curve
    assert len(checks) == len(losses) == 10 and checks[-1] == round(done[STANDARD].accuracy, 4)
    assert done[AVERAGED].losses == done[STANDARD].losses  # the same training, other weights are judged
    assert replace(perform(BandTask(arch, HALF, 1), data), core_seconds=0) == replace(
        done[HALF], core_seconds=0
    )
