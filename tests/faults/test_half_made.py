"""A kill while a run is being made leaves nothing that stands in the way: the same command begins it anew."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest

from nas.common.errors import UserError
from nas.runs.folders import new_folder
from nas.search.record import create_run, open_run
from tests.nas.search.small import settings

MAKE = """
import os, signal, sys
from pathlib import Path
import nas.runs.folders, nas.search.record, optuna
from nas.runs.folders import new_folder
from nas.search.record import create_run
from tests.nas.search.small import settings

folder, storage, where, how = Path(sys.argv[1]), sys.argv[2] or None, sys.argv[3], int(sys.argv[4])

def stop(*arguments, **options):
    print("here", flush=True)
    os.kill(os.getpid(), how)

name, _, count = where.partition(" ")
owner = {"write_text": nas.runs.folders, "environment": nas.runs.folders}.get(name, optuna.Study)
owner = optuna if name == "create_study" else owner
real, left = getattr(owner, name), [int(count or 0)]

def counted(*arguments, **options):
    left[0] -= 1
    return stop() if left[0] < 0 else real(*arguments, **options)

setattr(owner, name, counted)
create_run(new_folder(folder), storage, settings(), {"trials": 3})
"""
PLACES = ["environment", "write_text", "create_study", "create_study 1", "create_study 3", "set_metric_names",
          "set_user_attr 1", "set_user_attr 2"]  # fmt: skip


def made(folder: Path, storage: str, where: str, how: int) -> "subprocess.Popen[str]":
    """A process that makes a run and gets a signal in the middle."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAKE, folder, storage, where, str(int(how))], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    return process


@pytest.mark.slow
@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("shared", [False, True])
def test_a_run_that_was_cut_off_is_begun_anew(tmp_path: Path, where: str, shared: bool) -> None:
    folder = tmp_path / "results" / "run"
    storage = f"sqlite:///{tmp_path / 'shared.db'}" if shared else ""
    process = made(folder, storage, where, signal.SIGKILL)
    process.communicate()
    assert folder.is_dir()
    with pytest.raises(UserError, match="cut off while it was being made; begin it anew with --out"):
        open_run(folder, storage or None)
    create_run(new_folder(folder), storage or None, settings(), {"trials": 3})
    assert open_run(folder, storage or None).note("trials") == 3
    assert {path.name for path in folder.iterdir()} == {"manifest.json", *([] if shared else ["study.db"])}


def test_a_run_that_is_being_made_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = made(folder, "", "create_study 1", signal.SIGSTOP)
    try:
        for attempt in (lambda: new_folder(folder), lambda: open_run(folder)):
            with pytest.raises(UserError, match=f"is being made by process {process.pid} on "):
                attempt()
        before = {path.name for path in folder.iterdir()}
        assert before >= {".making", "manifest.json", "study.db"}
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    create_run(new_folder(folder), None, settings(), {})
    open_run(folder)


def test_a_run_that_lacks_only_the_last_word_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = made(folder, "", "create_study 1", signal.SIGKILL)
    process.communicate()
    making = (folder / ".making").read_text()
    create_run(new_folder(folder), None, settings(), {"trials": 4})
    (folder / ".making").write_text(making)
    assert open_run(folder).note("trials") == 4
    assert not (folder / ".making").exists()


def test_what_an_earlier_version_left_is_begun_anew(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "manifest.json").touch()
    optuna.create_study(storage=f"sqlite:///{folder / 'study.db'}", study_name="run/search")
    os.utime(folder, (time.time() - 60,) * 2)
    create_run(new_folder(folder), None, settings(), {})
    assert open_run(folder).trials() == []


def test_a_folder_with_anything_else_is_not_emptied(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    made(folder, "", "create_study 1", signal.SIGKILL).communicate()
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        new_folder(folder)
    assert (folder / "mine.txt").read_text() == "mine"


def test_a_run_that_is_whole_is_not_begun_anew(tmp_path: Path) -> None:
    create_run(tmp_path / "run", None, settings(), {})
    with pytest.raises(UserError, match="go on with --resume"):
        new_folder(tmp_path / "run")
