"""nas.compare.trainings: what a comparison's study remembers, read back by another process."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

import nas
from nas.common.errors import UserError
from nas.compare.trainings import COLUMNS, Setup, Trainings
from nas.search.record import Record
from search_spaces import Arch
from tests.nas.compare.small import A, B, C, setup
from tests.nas.search import small


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


ROWS = [{"label": "x", "network": "stem8-ir8"}]


@pytest.fixture
def trainings(url: str) -> Trainings:
    return Trainings.create(url, "run", setup(test=True), {"seeds": 2, "rows": ROWS}, "compare")


def finish(trainings: Trainings, network: str, seed: int, accuracy: float) -> None:
    number = trainings.launch(network, seed, trainings.setup.cost(network))
    trainings.complete(number, small.outcome(accuracy))


def test_a_comparison_is_described_by_its_storage_alone(trainings: Trainings, url: str) -> None:
    finish(trainings, A, 1, 0.75)
    again = Trainings.open(url, "run", "compare")
    assert again.setup == trainings.setup and again.seeds == (0, 1) and again.noted("rows") == ROWS
    accuracies = again.accuracies(A)
    assert math.isnan(accuracies[0]) and accuracies[1] == 0.75
    assert again.over() == {(A, 1)}


def test_seeds_may_be_added(trainings: Trainings, url: str) -> None:
    trainings.note("seeds", 4)
    assert Trainings.open(url, "run", "compare").seeds == (0, 1, 2, 3)


def test_a_run_of_another_command_is_refused_by_its_name(trainings: Trainings, url: str) -> None:
    with pytest.raises(UserError, match=r"nas\.compare, not of nas\.ablate"):
        Trainings.open(url, "run", "ablate")
    with pytest.raises(UserError, match=r"nas\.compare, not of nas\.search"):
        Record.open(url, "run")
    Record.create(url, "other", small.settings(), {})
    with pytest.raises(UserError, match=r"nas\.search, not of nas\.compare"):
        Trainings.open(url, "other", "compare")
    with pytest.raises(UserError, match="no run called"):
        Trainings.open(url, "nothing", "compare")


def test_what_is_missing_of_a_network_is_said(trainings: Trainings) -> None:
    assert trainings.shortfall(A).startswith("unfinished, 0 of 2 seeds")
    finish(trainings, A, 0, 0.5)
    trainings.fail(trainings.launch(A, 1, trainings.setup.cost(A)), "the loss was nan")
    assert trainings.shortfall(A) == "unfinished, 1 of 2 seeds; failed: the loss was nan"
    trainings.fail(trainings.launch(B, 0, trainings.setup.cost(B)), "interrupted")
    assert "--resume" in trainings.shortfall(B)
    for seed in (0, 1):
        finish(trainings, C, seed, 0.5)
    assert trainings.shortfall(C) == ""


def test_a_result_that_was_written_and_not_told_is_kept(trainings: Trainings, url: str) -> None:
    from dataclasses import asdict

    from nas.runs import studies as storage

    number = trainings.launch(A, 0, trainings.setup.cost(A))
    storage.annotate(trainings._study, number, {"outcome": asdict(small.outcome(0.625))})
    again = Trainings.open(url, "run", "compare")
    assert again.interrupt_running() == 0 and again.accuracies(A)[0] == 0.625


def test_the_table_has_a_row_a_training(trainings: Trainings) -> None:
    finish(trainings, A, 0, 0.5)
    trainings.fail(trainings.launch(B, 0, trainings.setup.cost(B)), "interrupted")
    finish(trainings, B, 0, 0.25)
    table = trainings.frame()
    assert list(table.columns) == list(COLUMNS)
    assert table["network"].tolist() == [A, B] and table["accuracy"].tolist() == [0.5, 0.25]
    assert table["macs"].tolist() == [trainings.setup.cost(network).macs for network in (A, B)]


def test_a_table_of_nothing_has_its_columns(trainings: Trainings) -> None:
    assert list(trainings.frame().columns) == list(COLUMNS) and trainings.frame().empty


def test_a_setup_comes_back_from_its_text() -> None:
    given = setup(seed=3, test=True)
    assert Setup.from_json(given.to_json()) == given


@pytest.mark.parametrize("changes", [{"networks": ()}, {"networks": (A, A)}, {"seed": -1}])
def test_what_is_no_setup_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        setup(**changes)


@pytest.mark.parametrize("broken", [{"unknown": 1}, {"fidelity": 3}, {"networks": 7}])
def test_what_another_version_wrote_is_refused(broken: dict[str, Any]) -> None:
    text = json.dumps(json.loads(setup().to_json()) | broken)
    with pytest.raises(UserError, match="cannot be read by this version"):
        Setup.from_json(text)


def test_costs_are_those_at_the_target() -> None:
    assert setup().cost(A) == nas.cost(Arch.parse(A), 32, 10)
    large = setup(target_resolution=224, target_classes=1000)
    assert large.cost("torchvision:squeezenet1_1").params == 1_235_496
