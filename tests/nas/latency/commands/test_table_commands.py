"""The commands about tables: table, check, explain, export, import, tables."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import nas
from nas.common.errors import UserError
from nas.latency import explaining
from nas.latency import fingerprint as fingerprint_here
from nas.latency.commands import tables
from nas.latency.table.file import load, own_path, save
from search_spaces import spaces
from tests.nas.latency.table.synthetic import CONDITIONS, table
from tests.nas.search.small import KINDS, TINY

ROOT = Path(nas.__file__).parents[1]
SMALL: dict[str, Any] = {"resolution": 32, "classes": 10}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def kinds(tmp_path: Path) -> str:
    file = tmp_path / "kinds.yaml"
    file.write_text(KINDS)
    return str(file)


def run(*parts: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nas.latency", *parts]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_board_s_table_is_imported_listed_and_explained(
    tmp_path: Path, kinds: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explaining, "effects", partial(explaining.effects, pairs=20))
    monkeypatch.setattr(explaining, "explained", partial(explaining.explained, drawn=50))
    made = table(KINDS)
    save(made, tmp_path / "board.json")
    tables.import_(tables.ImportRequest(tmp_path / "board.json", "board"))
    tables.tables()
    assert "board: " in capsys.readouterr().out
    tables.explain(
        tables.ExplainRequest(space=kinds, latency_table="board", out=tmp_path / "pictures" / "why")
    )
    said = capsys.readouterr().out
    assert "SandGlass for inverted residual" in said and "Computed" in said
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {"why.png", "why.html"}


def test_this_machine_s_table_is_told_exported_and_checked(
    tmp_path: Path, kinds: str, capsys: pytest.CaptureFixture[str]
) -> None:
    space, here = spaces.parse(KINDS), fingerprint_here(CONDITIONS)
    save(table(KINDS, **asdict(here)), own_path(here, space))
    tables.table(tables.TableRequest(space=kinds, **SMALL))
    assert "MAPE" in capsys.readouterr().out  # it is there: nothing is timed
    tables.export(tables.ExportRequest(tmp_path / "out.json", space=kinds, **SMALL))
    assert load(tmp_path / "out.json").fingerprint == here
    tables.check(tables.CheckRequest(space=kinds, networks=4, **SMALL))
    said = capsys.readouterr().out
    assert "on 4 networks" in said and "Spearman" in said and "multiply-adds instead" in said


def test_a_corrupt_table_is_refused_by_the_commands_and_named(kinds: str) -> None:
    path = own_path(fingerprint_here(CONDITIONS), spaces.parse(KINDS))
    path.parent.mkdir(parents=True)
    path.write_text('{"format": "nas-search latency table 1"')
    with pytest.raises(UserError, match=re.escape(path.name)):
        tables.check(tables.CheckRequest(space=kinds, **SMALL))
    with pytest.raises(UserError, match=re.escape(path.name)):
        tables.table(tables.TableRequest(space=kinds, **SMALL))


@pytest.mark.slow
def test_a_table_killed_half_way_goes_on_where_it_was(tmp_path: Path) -> None:
    space = tmp_path / "tiny.yaml"
    space.write_text(TINY)
    options = ["--space", str(space), "--resolution", "32", "--classes", "10"]
    path = own_path(fingerprint_here(CONDITIONS), spaces.parse(TINY))
    journal = path.with_suffix(".part.jsonl")
    process = subprocess.Popen([sys.executable, "-m", "nas.latency", "table", *options], cwd=ROOT)
    for _ in range(1200):
        if journal.exists() and len(journal.read_text().splitlines()) > 40:
            break
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    timed = journal.read_text().splitlines()
    assert len(timed) > 40 and not path.exists()
    done = run("table", *options)
    assert done.returncode == 0, done.stderr
    total = len(load(path).timings.parts) + len(load(path).timings.networks)
    assert f"timed {len(timed) - 1} of {total}" in done.stderr  # the header is a line as well
    assert not journal.exists() and "MAPE" in done.stdout
