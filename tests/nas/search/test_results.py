"""nas.search.results and tables: what is on the front, the area under a fixed reference, and tables that can be read again."""

import math
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from nas.console import commands as console
from nas.report.__main__ import main
from nas.search.price import Price
from nas.search.record import COLUMNS, INTERRUPTED, Kind, Record, create_run
from nas.search.results import TOLD, Results, front_of, reference, relative_hypervolume, results
from nas.search.settings import Settings
from nas.search.tables import print_summary, write_results
from tests.nas.search.small import arch_of, outcome, settings

BUDGET = settings(budgets=("100kFLOPs",))
HEADER = (
    "trial,state,arch,accuracy,macs,params,activations,weights,memory,latency_ms,seconds,epochs,"
    "predicted_ms,predicted_low,predicted_high,measured_ms,measured_low,measured_high"
)


def table(*rows: tuple[str, float, int]) -> pd.DataFrame:
    """Trials of a state, an accuracy and multiply-adds; parameters are a tenth of these."""
    lines = [
        {
            "trial": number,
            "state": state,
            "arch": f"arch{number}",
            "accuracy": accuracy,
            "macs": macs,
            "params": macs // 10,
            "activations": 1000 - macs,
            "latency_ms": math.nan,
            "seconds": 1.0,
            "epochs": 0.1,
            "name": "",
            "reason": "",
        }
        for number, (state, accuracy, macs) in enumerate(rows)
    ]
    return pd.DataFrame(lines, columns=[*COLUMNS, "name", "reason"])


def done(*rows: tuple[float, int]) -> pd.DataFrame:
    return table(*(("COMPLETE", accuracy, macs) for accuracy, macs in rows))


# The front -----------------------------------------------------------------------------------------------


def test_the_front_is_cheapest_first_and_of_finished_trials_within_budget() -> None:
    trials = table(
        ("COMPLETE", 0.7, 90_000),
        ("COMPLETE", 0.5, 10_000),
        ("COMPLETE", 0.4, 20_000),  # dominated
        ("COMPLETE", 0.9, 100_001),  # over budget
        ("COMPLETE", 0.8, 100_000),  # exactly on it
        ("FAIL", 0.99, 1),
        ("RUNNING", 0.99, 1),
        ("PRUNED", 0.99, 1),
        ("COMPLETE", math.nan, 1),
    )
    assert front_of(trials, BUDGET)["trial"].tolist() == [1, 0, 4]


def test_every_budget_counts() -> None:
    trials = done((0.5, 10_000), (0.6, 20_000), (0.7, 30_000))
    given_ = settings(budgets=("25kFLOPs", "1.5kParams"))
    assert front_of(trials, given_)["trial"].tolist() == [0]
    assert front_of(trials, settings())["trial"].tolist() == [0, 1, 2]


def test_the_front_is_of_the_runs_objective() -> None:
    trials = done((0.5, 10), (0.6, 20), (0.7, 30))
    by_activations = settings(objectives=("accuracy", "activations"))
    assert front_of(trials, by_activations)["trial"].tolist() == [2]


def test_of_equal_trials_the_first_is_shown() -> None:
    trials = done((0.5, 20), (0.5, 20), (0.5, 10), (0.5, 10), (0.6, 10))
    assert front_of(trials, BUDGET)["trial"].tolist() == [4]
    assert front_of(trials.iloc[:4], BUDGET)["trial"].tolist() == [2]
    assert front_of(trials.iloc[:2], BUDGET)["trial"].tolist() == [0]


def share(front: pd.DataFrame) -> float:
    """Of what could be dominated within the budget, above chance."""
    return relative_hypervolume(front["accuracy"], front[BUDGET.objective], (0.1, 100_000.0))


def test_of_nothing_the_front_is_nothing() -> None:
    for trials in (table(), table(("FAIL", math.nan, 5)), done((0.5, 10**9))):
        front = front_of(trials, BUDGET)
        assert len(front) == 0 and list(front.columns) == [*COLUMNS, "name", "reason"]
        assert share(front) == 0.0


# The area ------------------------------------------------------------------------------------------------


def test_the_reference_is_chance_and_the_budget() -> None:
    assert reference(BUDGET, 10) == (0.1, 100_000.0)
    assert reference(settings(budgets=("4kParams", "100kFLOPs")), 4) == (0.25, 100_000.0)
    assert reference(settings(budgets=("4kParams",)), 10) is None
    assert reference(settings(budgets=("4kParams",), objectives=("accuracy", "params")), 10) == (0.1, 4000.0)


def test_the_area_is_a_share_of_what_could_be() -> None:
    assert share(done((1.0, 0))) == 1.0
    assert share(done((0.55, 50_000))) == pytest.approx(0.25)
    assert share(done((0.1, 1))) == 0.0  # chance


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 120_000)), max_size=12), st.data())
def test_the_area_never_shrinks_with_more_trials(points: list[tuple[int, int]], data: st.DataObject) -> None:
    """Its reference is fixed: neither a bad trial nor one over budget moves it."""
    trials = done(*((accuracy / 100, macs) for accuracy, macs in points))
    few = trials.iloc[: data.draw(st.integers(0, len(points)))]
    areas = [share(front_of(part, BUDGET)) for part in (few, trials)]
    assert 0.0 <= areas[0] <= areas[1] + 1e-12 <= 1.0 + 1e-9


# Files ---------------------------------------------------------------------------------------------------


def a_run(folder: Path, given_: Settings = BUDGET) -> Record:
    """Three finished trials, one failed, one interrupted and two baselines, one of them failed."""
    record = create_run(folder, None, given_, {})

    def launch(arch: str, macs: int, name: str = "") -> int:
        kind: Kind = "baselines" if name else "search"
        return record.launch(arch_of(arch), Price(macs, macs // 10, 7), {}, {}, kind=kind, name=name)

    for arch, accuracy, macs in (("a", 0.5, 10_000), ("b", 0.75, 50_000), ("c", 0.4, 60_000)):
        record.complete(launch(arch, macs), outcome(accuracy))
    record.fail(launch("d", 1), 'TrainingFailed: loss is nan, "at" step 3')
    record.fail(launch("e", 1), INTERRUPTED)
    record.complete(launch("f", 50_000, "mobilenet_v2"), outcome(0.45), kind="baselines")
    record.fail(launch("g", 1, "mobilenext"), "no", kind="baselines")
    return record


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "run"
    write_results(results(a_run(folder)), folder)
    return folder


def test_the_tables_have_the_promised_columns(run_folder: Path) -> None:
    for name in ("trials", "front", "baselines"):
        header = (run_folder / f"{name}.csv").read_text().splitlines()[0]
        beside = ",".join(TOLD) if name == "front" else "name,reason"
        assert header == f"{HEADER},{beside}"


def test_the_tables_are_read_back_as_they_were(run_folder: Path) -> None:
    trials = pd.read_csv(run_folder / "trials.csv", keep_default_na=True)
    assert trials["trial"].tolist() == [0, 1, 2, 3, 4]
    assert trials["state"].tolist() == ["COMPLETE"] * 3 + ["FAIL"] * 2
    assert trials["accuracy"].tolist()[:3] == [0.5, 0.75, 0.4] and trials["accuracy"].isna().sum() == 2
    assert trials["macs"].tolist() == [10_000, 50_000, 60_000, 1, 1]
    assert trials["macs"].dtype == "int64" and trials["params"].dtype == "int64"
    assert trials["reason"].tolist()[3:] == ['TrainingFailed: loss is nan, "at" step 3', INTERRUPTED]
    front = pd.read_csv(run_folder / "front.csv")
    assert front["trial"].tolist() == [0, 1]
    baselines = pd.read_csv(run_folder / "baselines.csv")
    assert baselines["name"].tolist() == ["mobilenet_v2", "mobilenext"]


def test_pictures_are_standalone(run_folder: Path) -> None:
    page = (run_folder / "front.html").read_text(encoding="utf-8")
    assert "<html" in page and 'src="http' not in page and "digits" in page
    assert (run_folder / "front.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_else_is_left_in_the_folder(run_folder: Path) -> None:
    names = {path.name for path in run_folder.iterdir()}
    tables = {"trials.csv", "front.csv", "baselines.csv"}
    assert names == {"study.db", "manifest.json", "front.html", "front.png", "verdict.json"} | tables


def test_a_run_without_a_single_result_is_written_too(tmp_path: Path) -> None:
    record = create_run(tmp_path / "run", None, BUDGET, {})
    found = results(record)
    write_results(found, tmp_path / "run")
    assert len(pd.read_csv(tmp_path / "run" / "trials.csv")) == 0
    assert "front: 0" in printed(found)


def test_the_command_makes_the_files_anew(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in run_folder.glob("*.csv")}
    for path in {*run_folder.glob("*.csv"), *run_folder.glob("front.*")}:
        path.unlink()
    monkeypatch.setattr("sys.argv", ["report.py", str(run_folder)])
    with pytest.raises(SystemExit) as exit_:
        console.run(main)
    assert exit_.value.code == 0
    assert {path.name: path.read_bytes() for path in run_folder.glob("*.csv")} == before
    assert (run_folder / "front.html").is_file() and (run_folder / "front.png").is_file()


def test_the_command_refuses_what_is_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["report.py", str(tmp_path)])
    with pytest.raises(SystemExit) as exit_:
        console.run(main)
    captured = capsys.readouterr()
    assert exit_.value.code == 2 and captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


# The summary ---------------------------------------------------------------------------------------------


def printed(found: Results, width: int = 200) -> str:
    text = StringIO()
    print_summary(found, Console(file=text, width=width), Path("my-run"))
    return text.getvalue()


def rows_of(text: str) -> dict[str, str]:
    """The lines of the table by what stands in their first column."""
    return {line.split()[0]: line for line in text.splitlines() if "%" in line}


def test_each_point_names_the_baselines_that_it_dominates(tmp_path: Path) -> None:
    text = printed(results(a_run(tmp_path / "run")))
    rows = rows_of(text)
    assert "mobilenet_v2" in rows["0"]  # 0.5 at 10 k against 0.45 at 50 k
    assert "mobilenet_v2" in rows["1"]  # more accurate at the same cost
    assert "mobilenet_v2" in rows and "mobilenext" not in text  # one that failed dominates nothing
    assert "50.00%" in rows["0"] and "45.00%" in rows["mobilenet_v2"]
    assert "3 COMPLETE" in text and "2 FAIL" in text and "front: 2" in text


def test_no_baseline_that_is_better_or_equal_is_called_dominated(tmp_path: Path) -> None:
    record = create_run(tmp_path / "run", None, BUDGET, {})
    cost = Price(50_000, 5_000, 7)
    record.complete(record.launch(arch_of("a"), cost, {}, {}), outcome(0.5))
    record.complete(
        record.launch(arch_of("a"), cost, {}, {}, kind="baselines", name="equal"),
        outcome(0.5),
        kind="baselines",
    )
    record.complete(
        record.launch(arch_of("b"), cost, {}, {}, kind="baselines", name="better"),
        outcome(0.6),
        kind="baselines",
    )
    row = rows_of(printed(results(record)))["0"]
    assert "none" in row and "equal" not in row and "better" not in row


def test_the_summary_says_the_target_and_the_convention(tmp_path: Path) -> None:
    text = printed(results(a_run(tmp_path / "run", settings(budgets=("100kFLOPs",), target_resolution=96))))
    assert "96x96, 10 classes" in text and "digits" in text and "multiply-adds" in text


@pytest.mark.parametrize("name", ["[red]pets", "cats [/bold] dogs"])
def test_names_are_printed_as_they_are(tmp_path: Path, name: str) -> None:
    found = results(a_run(tmp_path / "run", settings(data_name=name)))
    assert name in printed(found)


def test_the_archs_can_be_copied_from_a_narrow_terminal(tmp_path: Path) -> None:
    record = create_run(tmp_path / "run", None, BUDGET, {})
    arch = "stem16-" + "-".join(f"ir{8 * n}" for n in range(1, 40))
    record.complete(record.launch(arch, Price(10, 10, 10), {}, {}), outcome(0.5))
    assert f"trial 0: {arch}\n" in printed(results(record), width=60)


def test_results_hold_the_tables_of_the_storage(tmp_path: Path) -> None:
    found: Any = results(a_run(tmp_path / "run"))
    assert (len(found.trials), len(found.front), len(found.baselines)) == (5, 2, 2)
    assert found.settings == BUDGET
