"""nas.runs.manifest: what a run was made with, and files that are whole or not there."""

import errno
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from nas.common.files import write_text
from nas.runs import manifest
from nas.runs.manifest import environment, git_revision

GIT = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")


def test_the_environment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["/x/nas/search.py", "--data", "folder:my pictures", "--budget", "300MFLOPs"]
    monkeypatch.setattr("sys.argv", arguments)
    told = environment()
    assert shlex.split(told["command"]) == ["search.py", *arguments[1:]]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", told["started"])
    for package in ("torch", "optuna", "ray", "numpy"):
        assert told["versions"][package] == version(package)
    assert told["device"]["cores"] >= 1 and told["device"]["cpu"]
    assert told["device"]["cuda"] == [] or isinstance(told["device"]["cuda"][0], str)
    assert json.loads(json.dumps(told)) == told


def test_a_module_that_was_run_is_said_so_that_it_can_be_run_again() -> None:
    code = "import sys; sys.argv = ['nas doctor', '--x y']; from nas.runs.manifest import command; print(command())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "nas doctor '--x y'"


def test_the_command_of_a_module(tmp_path: Path) -> None:
    (tmp_path / "tried.py").write_text("from nas.runs.manifest import command\nprint(command())\n")
    call = [sys.executable, "-m", "tried", "--budget", "3 M"]
    path = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    said = subprocess.run(
        call, capture_output=True, text=True, check=True, env=os.environ | path, cwd=tmp_path
    )
    assert said.stdout.strip() == "python -m tried --budget '3 M'"


def test_a_package_that_is_not_there_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "_PACKAGES", ("numpy", "no-such-package-at-all"))
    versions = environment()["versions"]
    assert versions["no-such-package-at-all"] is None and versions["numpy"]


@needs_git
def test_the_revision_says_whether_the_code_was_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "checkout" / "nas" / "runs"
    package.mkdir(parents=True)
    module = package / "manifest.py"
    module.write_text("one\n")
    monkeypatch.setattr(manifest, "__file__", str(module))
    assert git_revision() is None  # no checkout: a wheel

    def git(*arguments: str) -> str:
        call = [*GIT, "-C", str(tmp_path / "checkout"), *arguments]
        return subprocess.run(call, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    head = git("rev-parse", "HEAD")
    assert git_revision() == head
    git("tag", "v1")
    assert git_revision() == head  # a tag does not stand for it
    (package / "new.py").write_text("not yet added\n")
    assert git_revision() == head
    module.write_text("two\n")
    assert git_revision() == f"{head}-dirty"
    git("commit", "-q", "-am", "two")
    assert git_revision() == git("rev-parse", "HEAD") != head


@needs_git
def test_a_checkout_without_a_commit_or_without_git_has_no_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "nas" / "runs"
    package.mkdir(parents=True)
    monkeypatch.setattr(manifest, "__file__", str(package / "manifest.py"))
    subprocess.run([*GIT, "-C", str(tmp_path), "init", "-q"], check=True)
    assert git_revision() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_revision() is None


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "trials.csv"
    write_text(file, "one")
    write_text(file, "zweiß")
    assert file.read_text(encoding="utf-8") == "zweiß"
    assert os.listdir(tmp_path) == ["trials.csv"]


@pytest.mark.parametrize("step", ["write_text", "replace"])
def test_a_file_that_cannot_be_written_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    file = tmp_path / "trials.csv"
    write_text(file, "one")
    real = Path.write_text

    def full(self: Path, *arguments: object, **options: object) -> None:
        if step == "write_text":
            real(self, "tw")
        raise OSError(errno.ENOSPC, "No space left")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
        patched.setattr(Path, step, full)
        write_text(file, "two")
    assert file.read_text() == "one"
    assert os.listdir(tmp_path) == ["trials.csv"]
