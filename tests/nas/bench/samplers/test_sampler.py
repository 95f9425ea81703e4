"""The command: what it writes and prints, how it resumes, and what it says to bad input."""

import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from nas.bench.__main__ import app
from nas.common.errors import UserError
from tests.nas.bench.samplers.test_tables import macro

QUICK = ["sampler", "--seeds", "2", "--evaluations", "6", "--processes", "1", "--sampler", "front"]


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False, standalone_mode=False)
    if isinstance(done.exception, Exception):
        raise done.exception
    return done.output


def test_a_file_is_searched_in_every_scenario(tmp_path: Path) -> None:
    table, out = macro(tmp_path / "macro.json"), tmp_path / "out"
    options = ["--table", table, "--out", out, "--sampler", "random", "--workers", 1, "--workers", 4]
    printed = run(*QUICK, *options, "--noise", "--cap")
    rows = pd.read_csv(out / "summary.csv")
    scenarios = {"1 at a time", "4 at a time", "noisy", "noisy, as chosen", "under a cap"}
    assert set(rows["scenario"]) == scenarios
    assert len(rows) == 10
    assert (rows["to_95_low"] <= rows["to_95_high"]).all()
    assert all(name in printed for name in rows["scenario"])
    assert len(pd.read_csv(out / "curves.csv")) == 10 * 6
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    page = (out / "curves.html").read_text(encoding="utf-8")
    assert "plotly" in page
    assert not re.search(r"<script[^>]+src=", page)  # it fetches nothing


def test_a_run_goes_on_with_more_seeds(tmp_path: Path) -> None:
    run(*QUICK, "--table", "constant", "--out", tmp_path)
    before = (tmp_path / "plays.jsonl").read_text()
    run("sampler", "--seeds", "3", *QUICK[3:], "--table", "constant", "--out", tmp_path)
    after = (tmp_path / "plays.jsonl").read_text()
    assert after.startswith(before)
    assert len(after.splitlines()) == 3


def test_milliseconds_by_number_of_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.bench.samplers.timing.SIZES", (10, 30))
    monkeypatch.setattr("nas.bench.samplers.timing.TIMED", 2)
    run("sampler", "--timing", "--sampler", "front", "--table", "integers", "--out", tmp_path)
    rows = pd.read_csv(tmp_path / "timing.csv")
    assert rows["trials"].tolist() == [10, 30]
    assert (rows["median_ms"] <= rows["longest_ms"]).all()


@pytest.mark.parametrize(
    ("option", "value"), [("--sampler", "annealing"), ("--table", "nowhere.json")], ids=["sampler", "table"]
)
def test_bad_input_is_refused_by_name(tmp_path: Path, option: str, value: str) -> None:
    with pytest.raises(UserError, match=value):
        run(*QUICK, "--out", tmp_path, option, value)
