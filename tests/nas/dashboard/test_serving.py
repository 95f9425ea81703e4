"""nas.dashboard: one page on this machine, which follows a run and never writes to it."""

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nas.common.errors import UserError
from nas.dashboard import LivePage, serve
from nas.search.price import Price
from nas.search.record import Record, create_run, open_run
from tests.nas.browsing import browser
from tests.nas.search import small
from tests.nas.search.made_up import ARCH

__all__ = ["browser"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create_run(tmp_path / "run", None, small.settings(budgets=("300MFLOPs",)), {"classes": 10})
    return tmp_path / "run"


def add(record: Record, accuracy: float, macs: int = 10**8) -> None:
    number = record.launch(ARCH, Price(macs, 10**6, 10**6, 10**6, 10**5), {}, {})
    record.complete(number, small.outcome(accuracy))


def asked(address: str, path: str = "", **headers: str) -> Any:
    request = urllib.request.Request(address + path, headers=headers)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=30) as answer:
        return answer.read().decode()


def test_the_body_comes_anew_when_a_trial_ends_and_only_then(folder: Path) -> None:
    record = open_run(folder)
    with serve(LivePage(folder)) as address:
        assert "<!doctype html>" in asked(address) and 'data-live="/state"' in asked(address)
        first = json.loads(asked(address, "state"))
        assert "nothing has run yet" in first["body"]
        assert json.loads(asked(address, f"state?seen={first['seen']}"))["body"] is None
        add(record, 0.6)
        second = json.loads(asked(address, f"state?seen={first['seen']}"))
        assert "take trial 0: 60.0 %" in second["body"] and second["seen"] != first["seen"]


def test_a_trial_under_way_is_no_error(folder: Path) -> None:
    record = open_run(folder)
    with serve(LivePage(folder)) as address:
        asked(address, "state")
        record.launch(ARCH, Price(10**8, 10**6, 10**6, 10**6, 10**5), {}, {})
        assert "under way" in json.loads(asked(address, "state"))["body"]
        add(record, 0.6)
        assert "take trial 1: 60.0 %" in json.loads(asked(address, "state"))["body"]


def test_the_study_is_never_written_to(folder: Path) -> None:
    add(open_run(folder), 0.5)
    before = (folder / "study.db").read_bytes()
    with serve(LivePage(folder)) as address:
        asked(address)
        asked(address, "state")
    assert (folder / "study.db").read_bytes() == before
    with pytest.raises(UserError, match="readonly database"):
        add(open_run(folder, reading=True), 0.7)
    assert (folder / "study.db").read_bytes() == before


def test_it_is_for_this_machine_alone(folder: Path) -> None:
    with serve(LivePage(folder)) as address:
        assert address.startswith("http://127.0.0.1:")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            asked(address, Host="elsewhere.example:80")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            asked(address, "study.db")
        port = int(address.rstrip("/").rpartition(":")[2])
        with pytest.raises(UserError, match=f"--port {port}"), serve(LivePage(folder), port):
            pass


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no run"):
        LivePage(tmp_path)


@pytest.fixture
def searching(tmp_path: Path) -> Iterator[Path]:
    """A search on digits under way in a process of its own."""
    call = [sys.executable, "-m", "nas.search", "--data", "digits", "--epochs", "2", "--trials", "12"]
    call += ["--confirm", "0", "--baselines", "none", "--concurrency", "1", "--budget", "60MFLOPs"]
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen([*call, "--out", str(tmp_path / "run")], stdout=said, stderr=said)
    try:
        for _ in range(600):
            if (tmp_path / "run" / "study.db").exists() or process.poll() is not None:
                break
            time.sleep(0.2)
        yield tmp_path / "run"
        assert process.wait(300) == 0, (tmp_path / "said").read_text()
    finally:
        process.kill()


@pytest.mark.slow
def test_the_page_follows_a_running_search_in_a_browser(browser: Any, searching: Path) -> None:
    """The front grows while the page is open, what the reader chose stays, and the search ends as if alone."""
    for _ in range(100):  # until its studies are there
        try:
            board = LivePage(searching)
            break
        except UserError:
            time.sleep(0.3)
    with serve(board) as address:
        page, errors = browser.new_page(), []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(str(address))
        page.wait_for_function(
            "document.querySelectorAll('#main [data-choose]').length >= 1", timeout=240_000
        )
        seen = page.evaluate("run.networks.length")
        page.evaluate("document.querySelector('#tab-params').click()")
        page.wait_for_function(f"run.networks.length >= {seen + 4}", timeout=240_000)
        assert page.locator("#tab-params").get_attribute("aria-selected") == "true"
        assert page.locator("#params-0 .main-svg").count() >= 1
        assert errors == []
        page.close()


@pytest.mark.slow
def test_the_command_ends_with_ctrl_c(folder: Path) -> None:
    call = [sys.executable, "-c", _HEARING, str(folder)]
    process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert "http://127.0.0.1:" in line
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode in (0, 130) and "Traceback" not in err


_HEARING = """
import signal, runpy, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
sys.argv = ["dashboard", sys.argv[1]]
runpy.run_module("nas.dashboard", run_name="__main__", alter_sys=True)
"""
