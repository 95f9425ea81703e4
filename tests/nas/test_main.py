"""`python -m nas` and what `nas` itself offers."""

import runpy
import sys
from importlib.metadata import version
from importlib.util import find_spec

import pytest

import nas


def said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["nas", *words])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("nas", run_name="__main__", alter_sys=True)
    captured = capsys.readouterr()
    return int(end.value.code or 0), captured.out, captured.err


def test_it_lists_the_commands(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = said(capsys, monkeypatch)
    assert code == 0 and all(f"  {name} " in out for name in nas.COMMANDS)
    assert said(capsys, monkeypatch, "--help")[1] == out


def test_every_command_is_there() -> None:
    for name in nas.COMMANDS:
        spec = find_spec(f"nas.{name}")
        assert spec is not None
        assert spec.submodule_search_locations is None or find_spec(f"nas.{name}.__main__") is not None


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(capsys, monkeypatch, "--version")[1].split() == ["nas-search", version("nas-search")]
    assert nas.__version__ == version("nas-search")


def test_a_word_runs_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = said(capsys, monkeypatch, "search", "--help")
    assert code == 0 and "--budget" in out


def test_a_mistyped_command_is_refused_with_the_nearest(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = said(capsys, monkeypatch, "serach")
    assert (code, out) == (2, "") and "search" in err and err.count("\n") == 1


def test_dir_shows_what_a_user_may_use() -> None:
    assert {"build", "cost", "search", "latency"} <= set(dir(nas))
    assert not {"common", "engine", "runs"} & set(dir(nas))
    assert nas.report.__name__ == "nas.report"
