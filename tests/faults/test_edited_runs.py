"""A run whose storage was edited: what cannot be is named and left out, and the rest is reported, resumed and named."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from nas.common.errors import UserError
from nas.compare.trainings import Setup, Trainings
from nas.runs import sound
from nas.runs.naming import resolve
from nas.search.campaign import Campaign
from nas.search.price import Price
from nas.search.proposer import Proposer
from nas.search.record import Kind, create_run, open_run
from nas.search.results import results
from nas.search.settings import space_of
from nas.search.tables import write_results
from nas.train.trainer import Fidelity
from tests.nas.search.small import outcome, settings

PRICE = Price(macs=20_000, params=3_000, activations=500, weights=10, memory=20)
SPACE = space_of(settings())
ARCHS = [str(SPACE.arch(SPACE.draw(lambda d, n=n: d.choices[n % len(d.choices)]))) for n in (0, 1, 2)]


@pytest.fixture
def run(written: Path, tmp_path: Path) -> Path:
    """A copy of the run."""
    return Path(shutil.copytree(written, tmp_path / "run"))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two finished trials, a baseline and what confirmed the first; trial 1 is edited below."""
    folder = tmp_path_factory.mktemp("written") / "run"
    record = create_run(folder, None, settings(), {"trials": 5, "classes": 10})
    for arch, accuracy in zip(ARCHS[:2], (0.5, 0.6), strict=True):
        record.complete(record.launch(arch, PRICE, {}, {}), outcome(accuracy))
    base = record.launch(ARCHS[0], PRICE, {}, {}, kind="baselines", name="mobilenet_v2")
    record.complete(base, outcome(0.4), kind="baselines")
    again = record.launch(ARCHS[0], PRICE, {}, {}, kind="confirm", seed=1, of=0)
    record.complete(again, outcome(0.5), kind="confirm")
    return folder


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    """What was said in one test is said again in the next."""
    sound._say.cache_clear()
    yield


def edit(folder: Path, key: str, value: Any, number: int = 1, kind: Kind | str = "search") -> None:
    """Write an attribute of a trial as someone would with a tool for databases; None deletes it."""
    where = (
        "WHERE key = ? AND trial_id = (SELECT trial_id FROM trials JOIN studies USING (study_id) "
        "WHERE study_name = ? AND number = ?)"
    )
    with sqlite3.connect(folder / "study.db") as database:
        if value is None:
            done = database.execute(
                f"DELETE FROM trial_user_attributes {where}", (key, f"run/{kind}", number)
            )
        else:
            text = value if isinstance(value, str) and value.startswith("raw ") else json.dumps(value)
            done = database.execute(
                f"UPDATE trial_user_attributes SET value_json = ? {where}",
                (text.removeprefix("raw "), key, f"run/{kind}", number),
            )
        assert done.rowcount == 1
    database.close()


def edit_values(folder: Path, objective: int, kind_of: str, value: float | None) -> None:
    with sqlite3.connect(folder / "study.db") as database:
        done = database.execute(
            "UPDATE trial_values SET value = ?, value_type = ? WHERE objective = ? AND trial_id = (SELECT trial_id FROM "
            "trials JOIN studies USING (study_id) WHERE study_name = 'run/search' AND number = 1)",
            (value, kind_of, objective),
        )
        assert done.rowcount == 1
    database.close()


def outcome_with(**values: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "accuracy": 0.6, "loss": 1.0, "seconds": 2.0, "images": 5, "steps": 5, "curve": []
    }  # fmt: skip
    return {name: value for name, value in (told | values).items() if value != "gone"}


def goes_on(folder: Path, capsys: pytest.CaptureFixture[str], left_out: str) -> None:
    """The run is read and its points are named without what was edited, which is named."""
    found = results(open_run(folder))
    assert found.trials["trial"].tolist() == [0] and found.front["trial"].tolist() == [0]
    assert left_out in (said := capsys.readouterr().err) and said.count("\n") == 1
    assert str(resolve(f"{folder}@best")) == ARCHS[0]
    with pytest.raises(UserError, match="has no '1'"):
        resolve(f"{folder}@1")


BAD: list[tuple[str, Any]] = [
    *((name, None) for name in ("arch", "macs", "params", "activations", "name", "epochs", "outcome")),
    *(("arch", value) for value in ("", "nonsense", 5, [], "stem8-ir8_x", "stem8-" + "ir8-" * 5000)),
    *(
        (name, value)
        for name in ("macs", "params", "activations", "weights", "memory")
        for value in (-1, "many", float("inf"))
    ),
    *(("macs", value) for value in (1.5, 10**30, True, float("nan"))),
    *(("name", value) for value in (5, ["x"], {})),
    *(("epochs", value) for value in (0, -1, "x", float("nan"), float("inf"), 1e300, [])),
    *(("outcome", value) for value in (5, "x", [], {}, {"accuracy": 0.6})),
    *(("outcome", outcome_with(accuracy=value)) for value in (2, -1, "x", float("nan"), float("inf"), "gone")),
    *(("outcome", outcome_with(seconds=value)) for value in (-1, float("nan"), float("inf"), "x", "gone")),
    ("outcome", outcome_with(accuracy=0.7)),  # another than the value
    ("outcome", outcome_with(curve=5)),
    ("outcome", outcome_with(curve=[{"share": 2}])),
    ("outcome", outcome_with(test=3)),
    ("outcome", outcome_with(folds=[2.0])),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), BAD, ids=range(len(BAD)))
def test_a_trial_with_an_edited_attribute_is_named_and_left_out(
    run: Path, key: str, value: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(run, key, value)
    goes_on(run, capsys, "run/search: trial 1 is left out, its record cannot be: ")


@pytest.mark.parametrize(
    ("objective", "kind_of", "value"),
    [(0, "FINITE", 2.0), (0, "FINITE", -1.0), (0, "INF_POS", None), (0, "FINITE", 0.9), (1, "FINITE", -1.0), (1, "INF_POS", None)],
)  # fmt: skip
def test_a_trial_with_an_edited_value_is_named_and_left_out(
    run: Path, objective: int, kind_of: str, value: float | None, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_values(run, objective, kind_of, value)
    goes_on(run, capsys, "trial 1 is left out")


def test_an_edited_run_is_reported_and_resumed(run: Path) -> None:
    edit(run, "arch", "nonsense")
    record = open_run(run)
    record.interrupt_running()
    proposer = Proposer(SPACE, record.settings, record.trials())
    assert Campaign(record, proposer, trials=5).next() not in (None, "wait")
    write_results(results(record), run)
    assert "nonsense" not in (run / "trials.csv").read_text()


def test_nothing_is_said_of_a_run_that_is_as_it_was_written(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = results(open_run(run))
    assert found.trials["trial"].tolist() == [0, 1] and found.is_confirmed
    assert capsys.readouterr().err == "" and str(resolve(f"{run}@1")) == ARCHS[1]


@pytest.mark.parametrize(
    ("key", "value"), [("seed", None), ("seed", "x"), ("of", None), ("of", "x"), ("of", -1), ("name", None)]
)
def test_a_confirming_training_with_an_edited_attribute_is_left_out(
    run: Path, key: str, value: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(run, key, value, 0, "confirm")
    found = results(open_run(run))
    assert not found.is_confirmed and found.front["trial"].tolist() == [1]
    assert "run/confirm: trial 0 is left out" in capsys.readouterr().err
    assert str(resolve(f"{run}@best")) == ARCHS[1]


@pytest.mark.parametrize("value", ["raw nonsense", "raw ", "raw {"])
def test_what_is_no_json_is_said_in_one_line(run: Path, value: str) -> None:
    edit(run, "arch", value)
    with pytest.raises(UserError, match="storage cannot be used: a record in it is no JSON"):
        open_run(run).trials()


@pytest.mark.parametrize(
    ("key", "value"),
    [("trials", "x"), ("trials", -1), ("classes", 0), ("validation_images", "x"), ("prior", 5), ("prior", [{}])],
)  # fmt: skip
def test_a_note_that_cannot_be_is_refused_by_name(run: Path, key: str, value: Any) -> None:
    record = open_run(run)
    record._studies["search"].set_user_attr(key, value)
    with pytest.raises(UserError, match=f"note '{key}'"):
        record.note(key)


def test_times_that_cannot_be_are_left_out(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = open_run(run)
    for number, times in enumerate(({"ms": "x", "low": 1, "high": 2}, [1, 2])):
        record._studies["search"].set_user_attr(f"measured {number}", times)
    assert results(record).trials["measured_ms"].isna().all()
    assert "measured 0" in (said := capsys.readouterr().err) and "measured 1" in said


@pytest.mark.parametrize("attribute", [{"outcome": {"accuracy": 2}}, {"outcome": 5}, {"curve": [5]}])
def test_what_a_dead_driver_left_and_cannot_be_is_no_result(run: Path, attribute: dict[str, Any]) -> None:
    record = open_run(run)
    number = record.launch(ARCHS[2], PRICE, {}, {})
    trial_id = record._studies["search"].get_trials()[number]._trial_id
    for key, value in attribute.items():
        record._studies["search"]._storage.set_trial_user_attr(trial_id, key, value)
    again = open_run(run)
    again.interrupt_running()
    assert again._studies["search"].get_trials()[number].state == TrialState.FAIL
    assert [trial.number for trial in again.trials()] == [0, 1]


@pytest.mark.parametrize(
    ("key", "value"),
    [*((name, None) for name in ("network", "seed", "epochs", "macs", "outcome")), ("network", "x"), ("seed", -1),
     ("outcome", outcome_with(accuracy=2)), ("outcome", outcome_with(test=-1)), ("reason", 5)],
)  # fmt: skip
def test_a_training_of_a_comparison_is_left_out_as_well(
    tmp_path: Path, key: str, value: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    setup = Setup(networks=tuple(ARCHS[:2]), fidelity=Fidelity(1.0), target_resolution=32, target_classes=10)
    trainings = Trainings.create(url, "run", setup, {"seeds": 2}, "compare")
    for network in ARCHS[:2]:
        number = trainings.launch(network, 0, setup.cost(network))
        if key == "reason" and network == ARCHS[1]:
            trainings.fail(number, "no")
        else:
            trainings.complete(number, outcome(0.6))
    edit(tmp_path, key, value, 1, "compare")
    again = Trainings.open(url, "run", "compare")
    assert again.frame()["trial"].tolist() == [0] and again.over() == {(ARCHS[0], 0)}
    assert "run/compare: trial 1 is left out" in capsys.readouterr().err
