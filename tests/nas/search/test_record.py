"""nas.search.record: what was written is there after a reopening, and an interrupted trial makes way for its repeat."""

import math
import sqlite3
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState

from nas.common.errors import UserError
from nas.runs.studies import annotate
from nas.search.price import Price
from nas.search.record import COLUMNS, INTERRUPTED, Record, is_over
from tests.nas.search.small import arch_of, outcome, settings

COST = Price(macs=2_000_000_000, params=3_000, activations=500)
POINT: dict[str, Any] = {"s1.width": 8, "s1.block": "ir", "s1.squeeze_excite": False, "s1.expansion": 1.5}
DISTRIBUTIONS = {name: CategoricalDistribution((value, 99)) for name, value in POINT.items()}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


@pytest.fixture
def record(url: str) -> Record:
    return Record.create(url, "run", settings(seed=5), {"trials": 7})


def launch(record: Record, arch: str = "a", name: str = "", cost: Price = COST) -> int:
    if name:
        return record.launch(arch_of(arch), cost, {}, {}, kind="baselines" if name else "search", name=name)
    return record.launch(arch_of(arch), cost, POINT, DISTRIBUTIONS)


def test_a_run_is_described_by_its_storage_alone(record: Record, url: str) -> None:
    again = Record.open(url, "run")
    assert again.settings == settings(seed=5)
    assert again.note("trials") == 7
    assert again.note("nothing") is None
    assert again.trials() == [] and again.trials("baselines") == []


def test_a_trial_is_written_before_it_runs(record: Record, url: str) -> None:
    assert [launch(record, "a"), launch(record, "b")] == [0, 1]
    trials = Record.open(url, "run").trials()
    assert [t.state for t in trials] == [TrialState.RUNNING] * 2
    assert [t.user_attrs["arch"] for t in trials] == [arch_of("a"), arch_of("b")]
    assert trials[0].params == POINT and trials[0].distributions == DISTRIBUTIONS
    assert not is_over(trials[0])


def test_a_result_is_read_back_whole(record: Record, url: str) -> None:
    launch(record)
    record.complete(launch(record, "b"), outcome(0.75, seconds=3.5))
    trial = Record.open(url, "run").trials()[1]
    assert trial.state == TrialState.COMPLETE and is_over(trial)
    assert trial.values == [0.75, 2e9]
    assert trial.user_attrs["outcome"]["accuracy"] == 0.75
    assert [point["share"] for point in trial.user_attrs["outcome"]["curve"]] == [0.5, 1.0]


def test_the_second_value_is_the_runs_objective(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    record = Record.create(url, "run", settings(objectives=("accuracy", "params")), {})
    record.complete(launch(record), outcome(0.5))
    assert record.trials()[0].values == [0.5, 3000.0]
    study = optuna.load_study(study_name="run/search", storage=url)
    assert study.directions == [optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE]
    assert study.metric_names == ["accuracy", "params"]


def test_a_failure_keeps_its_reason(record: Record, url: str) -> None:
    record.fail(launch(record), "TrainingFailed: loss is nan at step 3")
    trial = Record.open(url, "run").trials()[0]
    assert trial.state == TrialState.FAIL and is_over(trial)
    assert trial.user_attrs["reason"] == "TrainingFailed: loss is nan at step 3"


def test_results_may_come_in_any_order(record: Record) -> None:
    numbers = [launch(record, arch) for arch in "abc"]
    record.complete(numbers[2], outcome(0.3))
    record.fail(numbers[0], "no")
    record.complete(numbers[1], outcome(0.2))
    assert [t.state.name for t in record.trials()] == ["FAIL", "COMPLETE", "COMPLETE"]
    assert [t.values for t in record.trials()[1:]] == [[0.2, 2e9], [0.3, 2e9]]


def test_baselines_are_apart(record: Record, url: str) -> None:
    assert launch(record, "a") == 0
    assert launch(record, "b", name="mobilenet_v2") == 0
    record.complete(0, outcome(0.9), kind="baselines")
    again = Record.open(url, "run")
    assert [t.state.name for t in again.trials()] == ["RUNNING"]
    assert [t.state.name for t in again.trials("baselines")] == ["COMPLETE"]
    assert again.frame(again.trials("baselines"))["name"].tolist() == ["mobilenet_v2"]
    assert again.frame(again.trials())["name"].tolist() == [""]


# What a dead driver left ---------------------------------------------------------------------------------


def test_what_was_running_is_interrupted_and_nothing_else(record: Record, url: str) -> None:
    record.complete(launch(record, "a"), outcome(0.5))
    record.fail(launch(record, "b"), "diverged")
    launch(record, "c")
    launch(record, "d", name="mobilenext")
    again = Record.open(url, "run")
    assert again.interrupt_running() == 2
    assert again.interrupt_running() == 0
    assert [t.state.name for t in again.trials()] == ["COMPLETE", "FAIL", "FAIL"]
    assert [is_over(t) for t in again.trials()] == [True, True, False]
    assert again.trials()[2].user_attrs["reason"] == INTERRUPTED
    assert [is_over(t) for t in again.trials("baselines")] == [False]


def test_a_result_that_was_written_and_not_told_is_kept(record: Record, url: str) -> None:
    """The driver died between the two writes of a result: the training is not lost."""
    done, failed = launch(record, "a"), launch(record, "b")
    annotate(record._studies["search"], done, {"outcome": asdict(outcome(0.625))})
    annotate(record._studies["search"], failed, {"reason": "diverged"})
    again = Record.open(url, "run")
    again.interrupt_running()
    assert again.trials()[0].state == TrialState.COMPLETE
    assert again.trials()[0].values == [0.625, 2e9]
    assert again.trials()[1].user_attrs["reason"] == "diverged" and is_over(again.trials()[1])


def test_an_interrupted_trial_is_hidden_once_run_again(record: Record) -> None:
    record.fail(launch(record, "a"), INTERRUPTED)
    record.fail(launch(record, "b"), INTERRUPTED)
    assert [t.number for t in record.trials()] == [0, 1]
    launch(record, "a")
    assert [t.number for t in record.trials()] == [1, 2]
    record.fail(2, INTERRUPTED)
    launch(record, "a")
    assert [t.number for t in record.trials()] == [1, 3]
    record.complete(3, outcome(0.5))
    assert [t.number for t in record.trials()] == [1, 3]


def test_a_failed_trial_is_not_hidden(record: Record) -> None:
    record.fail(launch(record, "a"), "diverged")
    launch(record, "a")
    assert [t.number for t in record.trials()] == [0, 1]


def test_two_baselines_of_one_arch_do_not_hide_each_other(record: Record) -> None:
    record.fail(launch(record, "a", name="one"), INTERRUPTED, kind="baselines")
    launch(record, "a", name="two")
    assert [t.user_attrs["name"] for t in record.trials("baselines")] == ["one", "two"]


# Tables --------------------------------------------------------------------------------------------------


def test_the_columns_are_those_promised() -> None:
    promised = (
        "trial,state,arch,accuracy,macs,params,activations,weights,memory,latency_ms,seconds,epochs,"
        "predicted_ms,predicted_low,predicted_high,measured_ms,measured_low,measured_high"
    )
    assert ",".join(COLUMNS) == promised


def test_bytes_are_whole_and_unknown_of_a_trial_stored_before_they_were_counted(record: Record) -> None:
    counted = replace(COST, weights=3_600, memory=1_024)
    launch(record, "a", cost=counted)
    assert Price.stored(counted.attributes()) == counted
    assert record.frame(record.trials())[["weights", "memory"]].values.tolist() == [[3_600, 1_024]]
    assert record.frame(record.trials())["memory"].dtype == "int64"
    assert "memory" not in COST.attributes() and math.isnan(Price.stored(COST.attributes()).memory)
    launch(record, "b", cost=COST)
    assert record.frame(record.trials())["memory"].isna().tolist() == [False, True]


def test_a_table_has_a_row_a_trial_and_numbers_in_its_columns(record: Record) -> None:
    record.complete(launch(record, "a"), outcome(0.5, seconds=2.5))
    record.fail(launch(record, "b"), "diverged")
    launch(record, "c")
    frame = record.frame(record.trials())
    assert frame.columns.tolist() == [*COLUMNS, "name", "reason"]
    assert frame["trial"].tolist() == [0, 1, 2]
    assert frame["state"].tolist() == ["COMPLETE", "FAIL", "RUNNING"]
    assert frame["macs"].tolist() == [COST.macs] * 3
    assert frame["accuracy"][0] == 0.5 and frame["seconds"][0] == 2.5
    assert frame["reason"].tolist() == ["", "diverged", ""]
    assert frame["epochs"].tolist() == [0.1] * 3
    for name in ("accuracy", "seconds", "latency_ms"):
        assert frame[name].dtype == "float64"
        assert math.isnan(frame[name][2])
    for name in ("trial", "macs", "params", "activations"):
        assert pd.api.types.is_integer_dtype(frame[name])


def test_a_table_of_nothing_can_be_reckoned_with(record: Record) -> None:
    frame = record.frame([])
    assert frame.columns.tolist() == [*COLUMNS, "name", "reason"] and len(frame) == 0
    for name in ("accuracy", "macs", "params", "seconds"):
        assert pd.api.types.is_numeric_dtype(frame[name])


# Several runs in a storage, and storages that are none ---------------------------------------------------


def test_runs_in_one_storage_do_not_meet(url: str) -> None:
    one = Record.create(url, "one", settings(seed=1), {})
    two = Record.create(url, "two", settings(seed=2), {})
    launch(one)
    assert (len(one.trials()), len(two.trials())) == (1, 0)
    assert Record.open(url, "two").settings.seed == 2
    with pytest.raises(UserError, match="one"):
        Record.create(url, "one", settings(), {})
    assert len(Record.open(url, "one").trials()) == 1


def test_a_name_that_is_half_taken_is_refused(url: str) -> None:
    optuna.create_study(storage=url, study_name="run/baselines")
    optuna.create_study(storage=url, study_name="run/control")
    with pytest.raises(UserError, match="run"):
        Record.create(url, "run", settings(), {})


def test_what_is_not_there_cannot_be_opened(url: str, record: Record) -> None:
    with pytest.raises(UserError, match="other"):
        Record.open(url, "other")


def test_a_run_that_was_never_quite_made_is_refused(url: str) -> None:
    optuna.create_study(storage=url, study_name="run/search")
    with pytest.raises(UserError, match="run"):
        Record.open(url, "run")
    optuna.create_study(storage=url, study_name="run/baselines")
    optuna.create_study(storage=url, study_name="run/control")
    with pytest.raises(UserError, match="cut off"):
        Record.open(url, "run")


@pytest.mark.parametrize(
    "bad",
    [
        "nonsense",
        "foo://x/y",
        "sqlite:////nowhere/at/all/x.db",
        "postgresql+nodriver://u:secret@h/d",
        "redis://",
    ],
)
@pytest.mark.parametrize("method", ["create", "open"])
def test_a_storage_that_is_none_is_one_line(bad: str, method: str) -> None:
    with pytest.raises(UserError) as refusal:
        if method == "create":
            Record.create(bad, "run", settings(), {})
        else:
            Record.open(bad, "run")
    assert "\n" not in str(refusal.value) and "storage" in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_text(
        "this is a shopping list, not a database, and long enough to be read\n" * 9
    )
    with pytest.raises(UserError, match="storage"):
        Record.open(f"sqlite:///{tmp_path / 'study.db'}", "run")


def test_a_database_that_may_not_be_written_is_refused(url: str, record: Record, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="storage"):
        Record.create(f"sqlite:///file:{tmp_path / 'study.db'}?mode=ro&uri=true", "other", settings(), {})


def test_a_damaged_database_is_refused(url: str, record: Record, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "study.db") as connection:
        connection.execute("drop table trials")
        connection.execute("drop table studies")
    with pytest.raises(UserError, match="storage"):
        Record.open(url, "run")
