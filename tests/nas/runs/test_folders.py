"""nas.runs.folders: a run's folder is made whole or not at all, is never written over, and is found again."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

from nas.common.errors import UserError
from nas.runs import folders as runs
from nas.runs.folders import new_folder
from nas.search.record import Record, create_run, open_run
from tests.nas.search.small import arch_of, outcome, settings
from tests.nas.search.test_record import COST, launch


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }


# The folder ----------------------------------------------------------------------------------------------


def test_a_new_or_empty_folder_is_taken_and_not_yet_made(home: Path) -> None:
    assert new_folder(Path("new/run")) == Path("new/run")
    (home / "empty").mkdir()
    assert new_folder(home / "empty") == home / "empty"
    assert everything(home) == {"empty": b""}


def test_by_default_a_folder_is_named_by_its_time(home: Path) -> None:
    folder = new_folder(None)
    assert folder.parent == Path("results") and folder.name[:2] == "20"
    assert everything(home) == {}


def test_a_folder_in_use_is_refused(home: Path) -> None:
    (home / "used").mkdir()
    (home / "used" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty") as refusal:
        new_folder(home / "used")
    assert "--resume" not in str(refusal.value)


def test_the_folder_of_a_run_is_refused_with_what_to_do(home: Path) -> None:
    create_run(home / "run", None, settings(), {})
    with pytest.raises(UserError, match="--resume"):
        new_folder(home / "run")


@pytest.mark.parametrize("name", ["file", "file/below", "x" * 300])
def test_what_can_be_no_folder_is_refused(home: Path, name: str) -> None:
    (home / "file").write_text("a file")
    with pytest.raises(UserError):
        create_run(new_folder(home / name), None, settings(), {})
    assert everything(home) == {"file": b"a file"}


@pytest.mark.parametrize(
    "name", ["a?1", "a#b", "a%41", "a%3F", "a b", "a{x}", "ü", "a'b", ":memory:", "a&b=c", "x;y"]
)
def test_a_folder_of_any_name_keeps_its_own_study(home: Path, name: str) -> None:
    number = launch(create_run(home / name, None, settings(), {}))
    assert [path.name for path in home.iterdir()] == [name] and (home / name / "study.db").is_file()
    assert [trial.number for trial in open_run(home / name, None).trials()] == [number]


# Making it -----------------------------------------------------------------------------------------------


def test_a_run_is_made_of_a_study_and_a_manifest(home: Path) -> None:
    record = create_run(home / "a" / "run", None, settings(seed=3), {"trials": 9})
    assert record.settings.seed == 3
    assert set(everything(home / "a" / "run")) == {"study.db", "manifest.json"}
    manifest = json.loads((home / "a" / "run" / "manifest.json").read_text())
    assert manifest["settings"]["seed"] == 3 and manifest["settings"]["fingerprint"] == "f00d"
    assert manifest["trials"] == 9
    assert manifest["storage"] == "study.db"
    assert set(manifest) >= {"command", "versions", "device", "git_revision", "started", "python"}


class Failure(Exception):
    """What goes wrong in the middle."""


def fail(*arguments: Any, **options: Any) -> None:
    raise Failure


@pytest.mark.parametrize("where", ["manifest", "environment", "study"])
@pytest.mark.parametrize("before", ["nothing", "parent", "folder"])
def test_nothing_is_left_where_making_it_fails(
    home: Path, monkeypatch: pytest.MonkeyPatch, where: str, before: str
) -> None:
    folder = home / "results" / "run"
    if before != "nothing":
        (folder if before == "folder" else folder.parent).mkdir(parents=True)
    had = everything(home)
    name = {
        "manifest": "nas.runs.folders.write_text",
        "environment": "nas.runs.folders.environment",
        "study": "nas.search.record.Record.create",
    }[where]
    monkeypatch.setattr(name, fail)
    with pytest.raises(Failure):
        create_run(folder, None, settings(), {})
    assert everything(home) == had
    monkeypatch.undo()
    monkeypatch.chdir(home)
    create_run(folder, None, settings(), {})


@pytest.mark.parametrize("storage", ["nonsense", "sqlite:////nowhere/at/all.db"])
def test_nothing_is_left_where_the_storage_is_none(home: Path, storage: str) -> None:
    with pytest.raises(UserError, match="storage"):
        create_run(Path("results") / "run", storage, settings(), {})
    assert everything(home) == {}


def test_nothing_is_left_in_a_shared_storage_either(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = f"sqlite:///{home / 'shared.db'}"
    create_run(home / "one", storage, settings(), {})
    with monkeypatch.context() as patched:
        patched.setattr(runs, "write_text", fail)
        with pytest.raises(Failure):
            create_run(home / "two", storage, settings(), {})
    assert optuna.get_all_study_names(storage) == [
        "one/search",
        "one/baselines",
        "one/control",
        "one/confirm",
    ]
    assert not (home / "two").exists()


def test_a_run_that_is_being_made_elsewhere_is_not_harmed(home: Path) -> None:
    """Both found the folder free; the second to make it fails, and the first one's run stays."""
    folders = [new_folder(home / "run"), new_folder(home / "run")]
    record = create_run(folders[0], None, settings(seed=1), {})
    record.launch(arch_of("a"), COST, {}, {})
    with pytest.raises(UserError, match="run"):
        create_run(folders[1], None, settings(seed=2), {})
    again = open_run(home / "run")
    assert again.settings.seed == 1 and len(again.trials()) == 1


# Finding it again ----------------------------------------------------------------------------------------


def test_a_run_is_found_with_its_trials(home: Path) -> None:
    record = create_run(home / "run", None, settings(seed=4), {})
    record.complete(record.launch(arch_of("a"), COST, {}, {}), outcome(0.5))
    for folder in (home / "run", Path("run"), Path("run/../run/")):
        again = open_run(folder)
        assert again.settings.seed == 4 and len(again.trials()) == 1


def test_a_run_may_be_moved(home: Path) -> None:
    record = create_run(home / "run", None, settings(), {})
    record.launch(arch_of("a"), COST, {}, {})
    (home / "elsewhere").mkdir()
    (home / "run").rename(home / "elsewhere" / "other")
    assert len(open_run(home / "elsewhere" / "other").trials()) == 1


def test_a_run_in_a_shared_storage_may_be_moved(home: Path) -> None:
    storage = f"sqlite:///{home / 'shared.db'}"
    create_run(home / "run", storage, settings(seed=8), {})
    create_run(home / "second", storage, settings(seed=9), {})
    (home / "run").rename(home / "renamed")
    assert open_run(home / "renamed", storage).settings.seed == 8
    assert open_run(home / "second", storage).settings.seed == 9


def test_a_shared_storage_has_to_be_given_again(home: Path) -> None:
    create_run(home / "run", f"sqlite:///{home / 'shared.db'}", settings(), {})
    with pytest.raises(UserError, match=r"shared\.db.*--storage"):
        open_run(home / "run")


def test_two_runs_of_one_name_in_a_storage_are_refused(home: Path) -> None:
    storage = f"sqlite:///{home / 'shared.db'}"
    create_run(home / "a" / "run", storage, settings(), {})
    with pytest.raises(UserError, match="run"):
        create_run(home / "b" / "run", storage, settings(), {})
    assert not (home / "b").exists()
    assert open_run(home / "a" / "run", storage).trials() == []


def test_no_password_is_written_down(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    url = "postgresql://user:s3cret@host/db"
    monkeypatch.setattr("sys.argv", ["search.py", "--storage", url, f"--storage={url}"])

    def stand_in(storage: str, name: str, settings: Any, notes: Any) -> Record:
        return Record.create(f"sqlite:///{home / 'shared.db'}", name, settings, notes)

    monkeypatch.setattr("nas.search.record.Record", type("R", (), {"create": staticmethod(stand_in)}))
    create_run(home / "run", url, settings(), {})
    text = (home / "run" / "manifest.json").read_text()
    assert "s3cret" not in text and "postgresql://user:***@host/db" in text


@pytest.mark.parametrize("content", [None, "", "{", "[]", "7", '{"storage": 7}', '{"other": 1}', "\ud800"])
def test_a_folder_that_is_no_run_is_refused(home: Path, content: str | None) -> None:
    (home / "folder").mkdir()
    if content is not None:
        (home / "folder" / "manifest.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    had = everything(home)
    with pytest.raises(UserError, match="folder"):
        open_run(home / "folder")
    assert everything(home) == had


def test_what_is_not_there_or_a_file_is_refused(home: Path) -> None:
    (home / "file").write_text("")
    for path in (home / "none", home / "file", home / "file" / "below"):
        with pytest.raises(UserError, match="no folder"):
            open_run(path)


def test_a_run_without_its_trials_is_refused_and_stays_as_it_is(home: Path) -> None:
    create_run(home / "run", None, settings(), {})
    (home / "run" / "study.db").unlink()
    with pytest.raises(UserError, match=r"study\.db"):
        open_run(home / "run")
    assert set(everything(home / "run")) == {"manifest.json"}


@pytest.mark.parametrize("content", [b"", b"no database\n" * 100])
def test_a_study_that_is_none_is_refused(home: Path, content: bytes) -> None:
    create_run(home / "run", None, settings(), {})
    (home / "run" / "study.db").write_bytes(content)
    with pytest.raises(UserError):
        open_run(home / "run")
