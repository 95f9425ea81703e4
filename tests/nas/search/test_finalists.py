"""A search under milliseconds: what is within them, what is timed at its end, and how it goes on."""

import time
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any
from zlib import crc32

import pandas as pd
import pytest
from rich.console import Console

from nas.common.errors import UserError
from nas.engine.jobs import Job
from nas.latency import Measurement
from nas.latency.table.file import named_path, save
from nas.latency.table.identity import TableId
from nas.latency.table.table import Table
from nas.networks.references import Model
from nas.search.campaign import Campaign
from nas.search.finalists import KEPT, is_here, reopened, time_finalists, with_table
from nas.search.proposer import Proposer, check_satisfiable
from nas.search.record import Record
from nas.search.results import results
from nas.search.settings import Settings
from nas.search.tables import print_summary, write_results
from search_spaces import Arch, spaces
from tests.nas.latency.table.synthetic import REFERENCE_MS, Synthetic, network_ratio, table
from tests.nas.search.small import KINDS, all_archs, outcome, settings
from tests.nas.search.test_campaign import in_memory

BUDGET = 0.8


@pytest.fixture(scope="module")
def made() -> Table:
    return table(KINDS)


def under(made: Table, **changes: Any) -> Settings:
    """Of a search that BUDGET binds."""
    return settings(
        **{
            "space": KINDS,
            "budgets": (f"{BUDGET}ms",),
            "objectives": ("accuracy", "latency"),
            "latency": TableId.of(made, here=True),
            "baselines": ("mobilenet_v3_small_x0.35",),
            **changes,
        }
    )


def trained(given: Settings, made: Table, trials: int = 25) -> Record:
    """A record whose search has ended, the accuracies being some that follow from the archs."""
    record = in_memory(given)
    source = Campaign(record, Proposer(spaces.parse(KINDS), given, table=made), trials=trials)
    while isinstance(found := source.next(), tuple):
        key, job = found
        source.finished(key, outcome(accuracy(job)))
    return record


def accuracy(job: Job) -> float:
    """Some accuracy that follows from the arch, no two alike."""
    return crc32(job.arch.encode()) / 2**32


class Off(Synthetic):
    """Whole networks take longer than the table knows: `off` times as long, the whole session `drift` times."""

    def __init__(self, off: float = 1.0, drift: float = 1.0) -> None:
        super().__init__()
        self.off, self.drift = off, drift

    def networks(self, models: Sequence[Model]) -> list[Measurement]:
        found = super().networks(models)
        return [
            replace(
                m,
                ratio=m.ratio * self.off,
                **{name: getattr(m, name) * self.off * self.drift for name in ("ms", "low", "high")},
            )
            for m in found
        ]


def silent(message: str) -> None:
    pass


def test_the_budget_of_milliseconds_binds(made: Table) -> None:
    assert any(made.predict(arch).ms > BUDGET for arch in all_archs(KINDS))
    record = trained(under(made), made)
    trials = record.frame(record.trials())
    assert len(trials) == 25 and (trials["latency_ms"] <= BUDGET).all()
    assert (trials["predicted_low"] < trials["predicted_ms"]).all()
    for trial, row in zip(record.trials(), trials.itertuples(), strict=True):
        assert trial.values[1] == row.predicted_ms == made.predict(Arch.parse(row.arch)).ms


@pytest.mark.parametrize("sampler", ["front", "tpe", "nsga2"])
def test_every_sampler_takes_the_latency_as_known(made: Table, sampler: str) -> None:
    record = trained(under(made, sampler=sampler), made, trials=20)
    assert (record.frame(record.trials())["latency_ms"] <= BUDGET).all()


def test_a_budget_that_nothing_meets_ends_at_once(made: Table) -> None:
    least = min(made.predict(arch).ms for arch in all_archs(KINDS))
    space = spaces.parse(KINDS)
    check_satisfiable(space, under(made, budgets=(f"{1.01 * least:.6f}ms",)), made)
    with pytest.raises(UserError, match="ms predicted on Computed"):
        check_satisfiable(space, under(made, budgets=(f"{0.9 * least:.6f}ms",)), made)


def test_the_front_and_the_baselines_are_timed_whole(made: Table) -> None:
    record = trained(under(made), made)
    time_finalists(record, made, silent, Off())
    found = results(record)
    assert found.front["measured_ms"].notna().all() and found.baselines["measured_ms"].notna().all()
    for row in found.front.itertuples():
        truth = network_ratio(Arch.parse(row.arch)) * made.timings.reference_ms
        assert row.latency_ms == row.measured_ms == pytest.approx(truth)
        assert row.measured_low < row.measured_ms < row.measured_high
    assert found.trials["measured_ms"].isna().any()  # only finalists are
    asked = Off()
    time_finalists(record, made, silent, asked)
    assert asked.asked == []  # what was timed is not timed again


def test_a_point_over_budget_by_more_than_its_interval_is_taken_off(made: Table, tmp_path: Path) -> None:
    record = trained(under(made), made)
    before = results(record).front
    time_finalists(record, made, silent, Off(off=2.0))
    found = results(record)
    assert (found.front["measured_low"] <= BUDGET).all() and found.front["measured_ms"].notna().all()
    over = found.trials[found.trials["measured_low"] > BUDGET]
    assert len(over) and set(over["trial"]) & set(before["trial"])
    text = StringIO()
    print_summary(found, Console(file=text, width=200), tmp_path)
    for number in over["trial"]:
        assert f"trial {number} is over the budget" in text.getvalue()
    write_results(found, tmp_path)
    assert "Over the budget when timed" in (tmp_path / "front.html").read_text()


def test_one_within_its_interval_stays(made: Table) -> None:
    record = trained(under(made), made)
    number = int(results(record).front.iloc[-1]["trial"])
    record.measure(number, {"ms": 1.01 * BUDGET, "low": 0.99 * BUDGET, "high": 1.05 * BUDGET})
    assert number in set(results(record).front["trial"])
    record.measure(number, {"ms": 1.03 * BUDGET, "low": 1.01 * BUDGET, "high": 1.05 * BUDGET})
    assert number not in set(results(record).front["trial"])


def test_a_slow_hour_takes_nothing_off(made: Table) -> None:
    record, other = trained(under(made), made), trained(under(made), made)
    time_finalists(record, made, silent, Off(drift=2.0))
    time_finalists(other, made, silent, Off())
    times = [results(each).front[["trial", "measured_ms"]].to_numpy() for each in (record, other)]
    assert times[0] == pytest.approx(times[1]) and len(times[0])


def test_of_another_device_nothing_is_timed_and_that_is_said(made: Table) -> None:
    record, said = trained(under(made), made), list[str]()
    time_finalists(record, made, said.append)  # the computed device is not this machine
    assert "Computed" in said[0] and "not timed again" in said[0]
    assert results(record).front["measured_ms"].isna().all()


def test_a_machine_too_busy_to_time_loses_nothing(made: Table) -> None:
    class Busy(Synthetic):
        def networks(self, models: Sequence[Model]) -> list[Measurement]:
            raise UserError("the machine is busy")

    record, said = trained(under(made), made), list[str]()
    time_finalists(record, made, said.append, Busy())
    assert "busy" in said[0] and len(results(record).front)


def test_what_was_timed_is_in_the_files_and_the_page(made: Table, tmp_path: Path) -> None:
    record = trained(under(made), made)
    time_finalists(record, made, silent, Off())
    found = results(record)
    write_results(found, tmp_path)
    written = pd.read_csv(tmp_path / "front.csv")
    assert written[["measured_ms", "measured_low", "measured_high"]].notna().all(axis=None)
    page = (tmp_path / "front.html").read_text()
    assert "measured (ms)" in page and "predicted (ms)" in page and "Computed" in page


def test_the_control_is_timed_like_the_search(made: Table) -> None:
    given = under(made, control="random")
    record = in_memory(given)
    space = spaces.parse(KINDS)
    control = Proposer(space, given, sampler="random", table=made)
    source = Campaign(record, Proposer(space, given, table=made), trials=10, control=control)
    while isinstance(found := source.next(), tuple):
        source.finished(found[0], outcome(accuracy(found[1])))
    time_finalists(record, made, silent, Off())
    assert results(record).control_front["measured_ms"].notna().all()


# The table of a run --------------------------------------------------------------------------------------


def test_a_run_remembers_its_table(made: Table, tmp_path: Path) -> None:
    given = Settings.from_json(under(made).to_json())
    assert given == under(made) and given.latency is not None and given.latency.device.startswith("Computed")
    with pytest.raises(UserError, match="lost its latency table"):
        reopened(given, tmp_path, None)
    save(made, tmp_path / KEPT)
    assert reopened(given, tmp_path, None) == made
    save(table(KINDS, noise=0.03), tmp_path / KEPT)
    with pytest.raises(UserError, match="another time"):
        reopened(given, tmp_path, None)
    save(made, tmp_path / "mine.json")
    assert reopened(given, tmp_path, str(tmp_path / "mine.json")) == made
    with pytest.raises(UserError, match="begun without"):
        reopened(settings(), tmp_path, str(tmp_path / "mine.json"))
    assert reopened(settings(), tmp_path, None) is None


def test_an_imported_table_serves_by_its_name(
    made: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path))
    save(made, named_path("board"))
    assert with_table(under(made), "board", silent) == made
    assert not is_here(made)
    with pytest.raises(UserError, match="--target-resolution 32"):
        with_table(under(made, target_resolution=224), "board", silent)


def test_latency_without_a_table_is_refused_with_the_command(made: Table) -> None:
    for changes in ({"budgets": ("4ms",)}, {"objectives": ("accuracy", "latency")}):
        with pytest.raises(UserError, match=r"python -m nas\.latency table"):
            settings(**changes)
    assert under(made).objective == "latency_ms" and settings().objective == "macs"
    assert REFERENCE_MS > 0


def test_a_bound_in_minutes_ends_the_making_of_a_table(made: Table) -> None:
    """What is timed until then is kept beside the table's place, and what a table needs is told with it."""
    with pytest.raises(UserError, match=r"--minutes ended .* of its \d+ parts and networks"):
        with_table(under(made), None, silent, until=time.monotonic() - 1)
