"""A job of several folds: one result, the mean of what each comes to, and reports that rise through all of them."""

from dataclasses import replace

import pytest

from nas.common.errors import UserError
from nas.data.dataset import Dataset, load
from nas.engine.jobs import REPORTS, Job
from nas.engine.training import together, train_job
from nas.train.trainer import Fidelity, Progress, Recipe
from tests.nas.search.small import outcome

ARCH = "stem8-ir8-ir8_t2_s2-head8_f16"
JOB = Job(ARCH, Fidelity(0.1, 0.2), Recipe(), 0)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits", notify=lambda message: None)


def test_a_job_of_folds_is_the_mean_of_its_folds(digits: Dataset) -> None:
    reports: list[Progress] = []
    found = train_job(replace(JOB, folds=3, test=True), digits, "cpu", reports.append)
    alone = [train_job(replace(JOB, test=True), digits.fold(number, 3, 0), "cpu") for number in range(3)]
    assert found.folds == tuple(one.accuracy for one in alone)
    assert found.accuracy == pytest.approx(sum(found.folds) / 3)
    assert found.test == pytest.approx(sum(one.test or 0 for one in alone) / 3)
    assert (found.images, found.steps) == (sum(o.images for o in alone), sum(o.steps for o in alone))
    shares = [point.share for point in reports]
    assert (
        shares == sorted(shares) and shares[-1] == 1 and len(set(shares)) == len(shares) == len(found.curve)
    )
    assert [p.accuracy for p in reports] == [p.accuracy for p in found.curve]
    assert found.curve[-1].accuracy == pytest.approx(found.accuracy)
    assert len(shares) <= 3 * REPORTS


def test_another_seed_divides_the_images_anew(digits: Dataset) -> None:
    first, other = (train_job(replace(JOB, folds=2, seed=seed), digits, "cpu") for seed in (0, 1))
    assert first.folds != other.folds


def test_seconds_and_their_measuring_are_sums() -> None:
    parts = [replace(outcome(0.5, 2.0), measuring=0.5), replace(outcome(0.7, 3.0), measuring=1.0)]
    found = together(parts)
    assert (found.accuracy, found.seconds, found.measuring, found.folds) == (0.6, 5.0, 1.5, (0.5, 0.7))
    assert [point.seconds for point in found.curve] == [1.0, 2.0, 3.5, 5.0]


def test_a_class_with_fewer_images_than_folds_is_refused_when_the_data_are_loaded(digits: Dataset) -> None:
    with pytest.raises(UserError, match="--folds 21"):
        load("digits", folds=21)
