"""The processes of a search are ended from outside: what is said, what is left, and who may go on meanwhile."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from nas.search.record import open_run
from tests.nas.search.small import TINY
from tests.nas.search.test_search import Command, arguments, options, states

MOST_LEFT = 30.0
"""Seconds after which nothing of Ray's is left, on a busy machine."""


AGENTS = ("DashboardAgent", "DashboardA", "RuntimeEnvAgent", "RuntimeEnv")


@pytest.fixture
def given(tmp_path: Path) -> dict[str, object]:
    space = tmp_path / "tiny.yaml"
    space.write_text(TINY)
    return options(
        str(space), tmp_path / "run", trials=8, epochs=1.5, subset=1, baselines="none", concurrency=1
    )


def begun(given: dict[str, object]) -> tuple[Command, list[psutil.Process]]:
    """A search whose first trial has ended, and its processes."""
    command = Command(*arguments(given))
    command.until(lambda line: line.startswith("trial ") and "1/8 trials" in line)
    return command, psutil.Process(command.process.pid).children(recursive=True)


def all_gone(processes: list[psutil.Process]) -> bool:
    """Whether all that trains, schedules and stores has ended; Ray's two agents may outlive a killed driver."""
    until = time.monotonic() + MOST_LEFT
    while left := [process for process in processes if _lives(process)]:
        if time.monotonic() > until:
            raise AssertionError(left)
        time.sleep(0.5)
    return True


def _lives(process: psutil.Process) -> bool:
    try:
        dead = process.status() == psutil.STATUS_ZOMBIE
        return not dead and process.is_running() and not process.name().endswith(AGENTS)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
def test_a_killed_raylet_ends_the_search_in_one_line(given: dict[str, object], tmp_path: Path) -> None:
    command, processes = begun(given)
    raylet = next(process for process in processes if process.name() == "raylet")
    began = time.monotonic()
    raylet.kill()
    assert command.wait() == 1
    assert time.monotonic() - began < 10
    said = [line for line in command.lines if line.startswith("error: ")]
    assert len(said) == 1 and said == command.lines[-1:], "".join(command.lines)
    assert "raylet has died" in said[0] and "under way" in said[0] and "--resume" in said[0]
    assert "Traceback" not in "".join(command.lines)
    assert all_gone(processes)
    record = open_run(tmp_path / "run")
    with record.driven():  # as the next --resume does
        record.interrupt_running()
    ended = [state for state, _ in states(tmp_path / "run").values()]
    assert ended.count("COMPLETE") >= 1 and "RUNNING" not in ended


@pytest.mark.slow
def test_a_second_driver_is_refused_and_a_killed_one_leaves_nothing_running(
    given: dict[str, object], tmp_path: Path
) -> None:
    command, processes = begun(given)
    second = Command("--resume", str(tmp_path / "run"), "--concurrency", "1", "--device", "cpu")
    assert second.wait() == 2
    assert f"is driven by process {command.process.pid} on " in second.lines[-1]
    running = [number for number, (state, _) in states(tmp_path / "run").items() if state == "RUNNING"]
    assert len(running) == 1, "the second has ended what the first one trains"
    os.kill(command.process.pid, signal.SIGKILL)
    command.process.wait()
    assert all_gone(processes)
    third = Command("--resume", str(tmp_path / "run"), "--trials", "3", "--device", "cpu")
    assert third.wait() == 0, "".join(third.lines)
    archs = [arch for state, arch in states(tmp_path / "run").values() if state == "COMPLETE"]
    assert len(archs) == len(set(archs)) >= 3
