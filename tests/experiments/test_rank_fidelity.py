"""experiments.rank_fidelity: which archs, which trainings, going on, and what the rows say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from experiments import rank_fidelity
from experiments.agreement import agreement, kendall, spearman
from experiments.rank_fidelity import (
    Task,
    TrainingRow,
    draw,
    orders,
    perform,
    plan,
    summarise,
)
from experiments.rows import read, run
from nas.common.errors import UserError
from nas.data.dataset import Dataset, load
from nas.networks.cost import cost
from search_spaces import Arch, spaces
from tests.nas.search.small import TINY

ARCHS = ["stem8-ir8-ir8_t2_s2-ir8", "stem8-ir8-ir16_t2_s2-ir8", "stem8-ir8-2xir16_t2-ir8", "stem8-3xir16_t2"]


def row(arch: str, fidelity: str, seed: int, accuracy: float, final: int = 2) -> TrainingRow:
    macs = 10 * (ARCHS.index(arch) + 1)
    return TrainingRow(arch, fidelity, final, seed, macs, macs, 1.0, 100, accuracy, 1.0, 5.0, "f00d")


def complete() -> list[TrainingRow]:
    """`standard` ranks as the reference does, `quick` the other way round."""
    rows = []
    for place, arch in enumerate(ARCHS):
        rows += [row(arch, "thorough", seed, 0.7 + 0.01 * place + 0.001 * seed) for seed in (0, 1)]
        rows += [row(arch, "standard", 0, 0.5 + 0.02 * place), row(arch, "quick", 0, 0.4 - 0.02 * place)]
        rows.append(row(arch, "standard", 0, 0.55 + 0.02 * place, final=4))
    return rows


def test_archs_are_spread_over_cost_and_repeat() -> None:
    space = spaces.parse(TINY)
    archs = draw(space, 5, seed=3, most=10**9)
    macs = [cost(arch).macs for arch in archs]
    assert len(set(archs)) == 5
    assert macs == sorted(macs)
    steps = np.diff(np.log(macs))
    assert steps.max() < 4 * steps.mean()
    assert draw(space, 5, seed=3, most=10**9) == archs
    assert draw(space, 5, seed=4, most=10**9) != archs
    bound = macs[2]
    assert all(cost(arch).macs <= bound for arch in draw(space, 3, seed=3, most=bound))
    with pytest.raises(UserError, match="only 0"):
        draw(space, 3, seed=3, most=1000)


def test_the_plan_has_every_fidelity() -> None:
    tasks = plan([Arch.parse(text) for text in ARCHS], final_4=True)
    assert len(tasks) == len(set(tasks)) == 6 * len(ARCHS)
    assert {(task.fidelity, task.final, task.seed) for task in tasks} == {
        ("standard", 2, 0),
        ("quick", 2, 0),
        ("thorough", 2, 0),
        ("thorough", 2, 1),
        ("standard", 4, 0),
        ("thorough", 4, 0),
    }
    assert len(plan([Arch.parse(ARCHS[0])], final_4=False)) == 4


@pytest.fixture
def digits(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setattr(rank_fidelity, "epochs_of", lambda name, images: (0.1, ()))
    return load("digits")


def test_a_training_is_a_row(digits: Dataset, tmp_path: Path) -> None:
    task = Task(ARCHS[0], "quick", 2, 1)
    done = perform(task, digits)
    assert done.task == task
    assert 0 < done.accuracy <= 1 and done.core_seconds > 0 and done.images > 0
    assert done.macs == cost(Arch.parse(ARCHS[0])).macs
    assert (done.epochs, done.data) == (0.1, digits.fingerprint)
    assert replace(perform(task, digits), core_seconds=0) == replace(done, core_seconds=0)


@pytest.mark.slow
def test_a_study_goes_on_where_it_stopped(digits: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "trainings.csv"
    tasks = [Task(ARCHS[0], "quick", 2, seed) for seed in range(3)]
    first = list(run(tasks[:2], digits, path, 1, TrainingRow, perform))
    assert read(path, TrainingRow) == first
    rest = list(run(tasks, digits, path, 1, TrainingRow, perform))
    assert [done.task for done in rest] == tasks[2:]
    assert read(path, TrainingRow) == first + rest
    with pytest.raises(UserError, match="other data"):
        list(run(tasks, load("digits", resolution=16), path, 1, TrainingRow, perform))


def test_another_file_is_not_taken_for_a_study(tmp_path: Path) -> None:
    assert read(tmp_path / "none.csv", TrainingRow) == []
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="holds no trainings"):
        read(tmp_path / "other.csv", TrainingRow)


def test_orders_know_only_archs_whose_reference_is_complete() -> None:
    rows = [r for r in complete() if not (r.arch == ARCHS[0] and r.fidelity == "thorough" and r.seed == 1)]
    assert set(orders(rows).index) == set(ARCHS[1:])
    assert len(orders([r for r in complete() if r.fidelity == "quick"])) == 0


def test_the_summary_says_how_well_each_ranks() -> None:
    found = summarise(complete()).set_index("ranked_by")
    assert found.spearman["standard"] == pytest.approx(1)
    assert found.kendall["standard, last map 4x4"] == pytest.approx(1)
    assert found.spearman["quick"] == pytest.approx(-1)
    assert found.spearman["multiply-adds"] == pytest.approx(1)
    assert found.mean_accuracy["standard"] == pytest.approx(0.53)
    assert found.mean_accuracy["standard, last map 4x4"] == pytest.approx(0.58)
    assert found.spearman["one seed of the reference by the other"] == pytest.approx(1)
    assert found.archs["standard"] == 4
    assert len(summarise([r for r in complete() if r.fidelity != "thorough"])) == 0


def test_coefficients_are_scipys() -> None:
    chance = np.random.default_rng(1)
    one, other = (chance.integers(6, size=(20, 9)).astype(float) for _ in range(2))  # with ties
    for measure, theirs in ((spearman, spearmanr), (kendall, kendalltau)):
        expected = [theirs(a, b).statistic for a, b in zip(one, other, strict=True)]
        assert measure(one, other) == pytest.approx(expected)
    assert np.isnan(spearman(np.ones((1, 4)), other[:1, :4])[0])


def test_intervals_hold_the_coefficient_and_repeat() -> None:
    chance = np.random.default_rng(0)
    one = chance.normal(size=14)
    other = one + 0.5 * chance.normal(size=14)
    found = agreement(one, other)
    assert found["spearman_low"] < found["spearman"] < found["spearman_high"] <= 1
    assert found["kendall_low"] < found["kendall"] < found["kendall_high"] <= 1
    assert agreement(one, other) == found
