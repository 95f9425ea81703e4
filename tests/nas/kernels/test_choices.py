from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from nas.kernels import choices
from nas.kernels.choices import decide, speed_ratio, stored


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(choices, "_known", {})
    return tmp_path


def never() -> float:
    raise AssertionError("measured again")


def forget() -> None:
    """As in a new process."""
    choices._known.clear()


@pytest.mark.parametrize(("ratio", "answer"), [(0.9, False), (1.0, True), (7.0, True)])
def test_measured_once_and_kept(ratio: float, answer: bool) -> None:
    assert decide("a", lambda: ratio, at_least=1.0, otherwise=not answer) is answer
    assert decide("a", never, 1.0, not answer) is answer
    forget()
    assert decide("a", never, 1.0, not answer) is answer
    assert stored()["a"] == {"answer": answer, "ratio": ratio, "at_least": 1.0}


def test_what_a_process_has_read_stays() -> None:
    decide("a", lambda: 2.0, 1.0, False)
    for path in choices.folder().iterdir():
        path.unlink()
    assert decide("a", never, 1.0, False)
    forget()
    assert not decide("a", lambda: 0.5, 1.0, False)  # deleted: measured again


def test_who_is_first_is_right() -> None:
    """Another process stores its answer while this one measures."""

    def slow() -> float:
        choices._store(choices.folder() / "a.json", {"answer": False, "ratio": 0.2, "at_least": 1.0})
        return 5.0

    assert not decide("a", slow, 1.0, True)
    assert stored()["a"]["ratio"] == 0.2


def test_nothing_else_is_left_behind() -> None:
    decide("a", lambda: 2.0, 1.0, False)
    assert [path.name for path in choices.folder().iterdir()] == ["a.json"]


def test_without_a_place_to_store_the_answer_is_fixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path / "file"))
    assert decide("a", never, 1.0, otherwise=True)
    assert not decide("b", never, 1.0, otherwise=False)
    assert stored() == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"ratio": 1}'])
def test_a_damaged_file_gives_the_fixed_answer(text: str) -> None:
    """It is not replaced: two processes must not come to different answers."""
    choices.folder().mkdir(parents=True)
    (choices.folder() / "a.json").write_text(text)
    assert decide("a", lambda: 0.1, 1.0, otherwise=True)
    assert (choices.folder() / "a.json").read_text() == text


@pytest.mark.slow
def test_processes_agree() -> None:
    """Several ask at once, and measure different things."""
    code = (
        "import sys, time; from nas.kernels.choices import decide\n"
        "def ratio(): time.sleep(0.2); return float(sys.argv[1])\n"
        "print(decide('q', ratio, 1.0, False))"
    )
    asked = [
        subprocess.Popen([sys.executable, "-c", code, ratio], stdout=subprocess.PIPE, text=True)
        for ratio in ("2", "0.5")
    ]
    assert len({process.communicate()[0] for process in asked}) == 1


def test_speed_ratio_compares() -> None:
    x = torch.randn(200, 200)
    before = torch.get_num_threads()
    assert speed_ratio(lambda: [x @ x for _ in range(40)], lambda: x @ x) > 5
    assert speed_ratio(lambda: x @ x, lambda: [x @ x for _ in range(40)]) < 0.2
    assert torch.get_num_threads() == before


def test_a_clear_case_is_short() -> None:
    calls = 0

    def slow() -> None:
        nonlocal calls
        calls += 1
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass

    assert speed_ratio(slow, lambda: None) > 10
    assert calls == 2
