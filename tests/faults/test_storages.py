"""A storage that goes away and comes back, that stays away, that two processes meet in, or that is none."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from optuna.trial import TrialState
from sqlalchemy.exc import OperationalError

from nas.common.errors import UserError
from nas.runs import storages
from nas.search.price import Price
from nas.search.record import Record, create_run
from tests.faults.watching import at_once
from tests.nas.search.small import arch_of, outcome, settings

PRICE = Price(macs=20_000, params=3_000, activations=500)


class Network:
    """Between a storage and its server; where it is cut, statements end as a driver's do whose server has gone."""

    def __init__(self) -> None:
        self.cut = False
        self.left: int | None = None  # statements until it is cut
        self.answers = True  # False: commits are done, and their answers lost

    def before(self, *arguments: Any) -> None:
        if self.left is not None:
            self.left -= 1
            self.cut |= self.left < 0
        if self.cut:
            raise self.error()

    def committed(self, *arguments: Any) -> None:
        if not self.answers:
            self.answers = True
            raise self.error()

    @staticmethod
    def error() -> OperationalError:
        return OperationalError(
            "SELECT 1", {}, ConnectionError("server closed the connection unexpectedly\nno")
        )


@pytest.fixture
def network() -> Iterator[Network]:
    found = Network()
    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", found.before)
    yield found
    sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", found.before)


@pytest.fixture
def record(tmp_path: Path, network: Network) -> Record:
    return create_run(tmp_path / "run", None, settings(), {})


@pytest.fixture
def back_after(network: Network, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """The server comes back while so many pauses are made."""

    def arrange(pauses: int) -> None:
        made = []

        def sleep(seconds: float) -> None:
            made.append(seconds)
            if len(made) == pauses:
                network.cut, network.left = False, None

        monkeypatch.setattr(storages.time, "sleep", sleep)

    return arrange


@pytest.mark.parametrize("statements", range(0, 40, 3))
def test_what_was_to_be_written_is_written_once_when_the_server_is_back(
    record: Record,
    network: Network,
    back_after: Callable[[int], None],
    statements: int,
) -> None:
    """Whichever statement of a trial's life it is that finds no server."""
    back_after(3)
    network.left = statements
    number = record.launch(arch_of("a"), PRICE, {}, {})
    record.complete(number, outcome(0.5))
    record.fail(record.launch(arch_of("b"), PRICE, {}, {}), "no")
    record.measure(number, {"ms": 1.0, "low": 0.9, "high": 1.1})
    states = [(trial.state, trial.user_attrs["arch"]) for trial in record.trials()]
    assert states == [(TrialState.COMPLETE, arch_of("a")), (TrialState.FAIL, arch_of("b"))]


def test_that_a_server_went_away_is_said_once(
    record: Record, network: Network, back_after: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    number = record.launch(arch_of("a"), PRICE, {}, {})
    back_after(3)
    network.cut = True
    record.complete(number, outcome(0.5))
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.endswith(
        "closed the connection unexpectedly; trying again for 90 s\n"
    )
    assert record.trials()[0].state == TrialState.COMPLETE


def test_a_write_whose_answer_was_lost_is_not_done_twice(record: Record, network: Network) -> None:
    study = record._studies["search"]
    engine = study._storage._backend.engine  # type: ignore[attr-defined]
    sqlalchemy.event.listen(engine, "commit", lambda connection: None)
    real = study.add_trial

    def add_and_lose(trial: Any) -> None:
        real(trial)
        study.add_trial = real  # type: ignore[method-assign]
        raise Network.error()

    study.add_trial = add_and_lose  # type: ignore[method-assign]
    number = record.launch(arch_of("a"), PRICE, {}, {})
    told = study.tell

    def tell_and_lose(*arguments: Any, **options: Any) -> Any:
        told(*arguments, **options)
        study.tell = told  # type: ignore[method-assign]
        raise Network.error()

    study.tell = tell_and_lose  # type: ignore[method-assign]
    record.complete(number, outcome(0.5))
    assert [trial.state for trial in study.get_trials()] == [TrialState.COMPLETE]


def test_a_server_that_stays_away_ends_in_one_line(
    record: Record, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storages, "PATIENCE", 1.0)
    network.cut = True
    began = time.monotonic()
    with pytest.raises(
        UserError, match=r"^the storage cannot be used: .*closed the connection.*--resume goes on$"
    ) as ended:
        record.launch(arch_of("a"), PRICE, {}, {})
    assert 0.3 < time.monotonic() - began < 10 and "\n" not in str(ended.value)
    network.cut = False
    assert record.trials() == []


@pytest.mark.parametrize(
    "orig",
    [
        "database or disk is full",
        "attempt to write a readonly database",
        "no such table: trials",
        "unable to open database file",
    ],
)
def test_what_does_not_pass_is_not_waited_for(orig: str) -> None:
    import sqlite3

    error = OperationalError("x", {}, sqlite3.OperationalError(orig))
    began = time.monotonic()

    def work() -> None:
        raise error

    with pytest.raises(UserError, match=orig):
        storages.patiently(work)
    assert time.monotonic() - began < 0.2


MEET = """
import sys
from nas.runs.storages import connect
print("ready", flush=True)
sys.stdin.readline()
connect(sys.argv[1])
print("connected", flush=True)
"""


@pytest.mark.slow
def test_first_runs_that_meet_on_an_empty_database_all_connect(tmp_path: Path) -> None:
    for round_ in range(3):
        url = f"sqlite:///{tmp_path / f'{round_}.db'}"
        processes = [
            subprocess.Popen([sys.executable, "-c", MEET, url], stdin=-1, stdout=-1, text=True)
            for _ in range(4)
        ]
        assert at_once(processes) == ["connected"] * 4


@pytest.mark.parametrize(
    "words", ["table studies already exists", "duplicate key value violates unique constraint"]
)
def test_tables_that_another_process_made_meanwhile_are_met_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """As PostgreSQL says it, where two ask for the same tables at once."""
    import optuna

    real, left = optuna.storages.RDBStorage.__init__, [2]

    def racing(*arguments: Any, **options: Any) -> None:
        if left[0]:
            left[0] -= 1
            raise sqlalchemy.exc.IntegrityError("CREATE TABLE", {}, Exception(words))
        real(*arguments, **options)

    monkeypatch.setattr(optuna.storages.RDBStorage, "__init__", racing)
    assert storages.connect(f"sqlite:///{tmp_path / 'x.db'}") is not None and left == [0]


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost:6379",
        "redis+x://h",
        "access+pyodbc://h/x",
        "shillelagh://",
        "journal:x",
        "pickle://x",
    ],
)
def test_a_storage_that_may_unpickle_what_a_server_sends_is_refused(url: str) -> None:
    with pytest.raises(UserError, match="no address of a database that can be used: expected sqlite:///"):
        storages.connect(url)


def test_a_password_is_said_nowhere() -> None:
    for url in ("redis://me:secret@h/0", "postgresql+nothing://me:secret@h/x"):
        with pytest.raises(UserError) as refused:
            storages.connect(url)
        assert "secret" not in str(refused.value)
