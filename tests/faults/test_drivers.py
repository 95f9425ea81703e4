"""One process drives a run: a second is refused while the first lives, and takes over when it is dead."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import optuna
import pytest

from nas.common.errors import UserError
from nas.engine.jobs import Job
from nas.engine.tune import _Dispatcher, _End
from nas.runs import drivers
from nas.runs.drivers import Claim, check_free, claims, driving, is_alive
from nas.search.record import create_run, open_run
from tests.faults.watching import at_once
from tests.nas.search.small import settings

DRIVE = """
import sys, time
from pathlib import Path
from nas.search.record import open_run

with open_run(Path(sys.argv[1])).driven():
    print("drives", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    create_run(tmp_path / "run", None, settings(), {})
    return tmp_path / "run"


def study_of(run: Path) -> optuna.Study:
    return open_run(run)._studies["search"]


@contextmanager
def another(run: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that drives the run."""
    process = subprocess.Popen([sys.executable, "-c", DRIVE, run], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "drives\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_second_driver_is_refused_by_name_and_takes_over_from_a_dead_one(run: Path) -> None:
    with another(run) as process:
        for attempt in (lambda: open_run(run).check_free(), lambda: open_run(run).driven().__enter__()):
            with pytest.raises(UserError, match=f"driven by process {process.pid} on .+; wait for its end"):
                attempt()
        os.kill(process.pid, signal.SIGSTOP)  # stopped is not dead
        with pytest.raises(UserError, match="driven by process"):
            open_run(run).check_free()
        began = time.monotonic()
        process.kill()
        process.wait()
        with open_run(run).driven() as driver:
            driver.check()
            assert time.monotonic() - began < 5
            assert len(claims(study_of(run))) == 1
    assert claims(study_of(run)) == []


def test_a_run_is_free_after_its_driver_however_that_ended(run: Path) -> None:
    with open_run(run).driven():
        pass
    with pytest.raises(ZeroDivisionError), open_run(run).driven():
        raise ZeroDivisionError
    with open_run(run).driven():
        with pytest.raises(UserError, match=f"process {os.getpid()}"), open_run(run).driven():
            pass
        assert len(claims(study_of(run))) == 1  # who is refused takes nothing along


def test_of_many_that_come_at_once_one_drives(run: Path, tmp_path: Path) -> None:
    script = tmp_path / "at_once.py"
    script.write_text(
        "import sys, time\n"
        "from pathlib import Path\n"
        "from nas.common.errors import UserError\n"
        "from nas.search.record import open_run\n"
        "record = open_run(Path(sys.argv[1]))\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "try:\n"
        "    with record.driven():\n"
        "        print('drives', flush=True)\n"
        "        time.sleep(4)\n"
        "except UserError as error:\n"
        "    print('refused', flush=True)\n"
    )
    processes = [
        subprocess.Popen([sys.executable, script, run], stdin=-1, stdout=-1, text=True) for _ in range(4)
    ]
    said = at_once(processes)
    assert said.count("drives") <= 1 and set(said) <= {"drives", "refused"}


def elsewhere(**values: object) -> Claim:
    """A claim of another machine."""
    return replace(Claim.mine(), machine="other", host="far", pid=7, state="drives", **values)  # type: ignore[arg-type]


def test_of_another_machine_the_heartbeat_tells(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = study_of(run)
    monkeypatch.setattr(drivers, "BEAT", 0.2)
    fresh, silent = elsewhere(), elsewhere(beat=time.time() - 1000)
    assert is_alive(study, fresh) and not is_alive(study, silent)
    fresh.write(study)
    with pytest.raises(UserError, match="process 7 on far"):
        check_free(study)
    fresh.withdraw(study)
    silent.write(study)
    check_free(study)
    assert claims(study) == []


def test_a_process_that_beats_is_alive_whatever_its_clock_says(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_of(run)
    monkeypatch.setattr(drivers, "BEAT", 30.0)
    wrong = elsewhere(beat=time.time() - 10_000)
    wrong.write(study)
    other = subprocess.Popen(
        [sys.executable, "-c", BEATING, run, json.dumps(asdict(replace(wrong, beat=wrong.beat + 1)))]
    )
    assert is_alive(study, wrong)
    other.wait()


BEATING = """
import json, sys
from pathlib import Path
from nas.runs.drivers import Claim
from nas.search.record import open_run
Claim(**json.loads(sys.argv[2])).write(open_run(Path(sys.argv[1]))._studies["search"])
"""


def test_a_driver_that_was_taken_for_dead_starts_nothing_more(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drivers, "BEAT", 0.1)
    study = study_of(run)
    with driving(study) as driver:
        for claim in claims(study):
            claim.withdraw(study)  # as a process does that takes over
        driver._thread.join(10)
        with pytest.raises(UserError, match="taken over by another process"):
            driver.check()

        class Endless:
            def next(self) -> tuple[str, Job]:
                raise AssertionError("a job of a run that is another's")

        end = _End(None)
        dispatcher = _Dispatcher(Endless(), end, 1, driver.check)  # type: ignore[arg-type]
        assert dispatcher.suggest("x") is None and dispatcher.exhausted
        assert isinstance(end.error, UserError)


@pytest.mark.parametrize("value", [5, "x", [], {"pid": "x"}, {"name": "x"}])
def test_what_was_edited_claims_nothing(run: Path, value: object) -> None:
    study_of(run).set_user_attr("driver x", value)
    with open_run(run).driven():
        pass
