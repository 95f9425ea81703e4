"""Lint, format and types are part of the tests."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ["blocks", "search_spaces", "nas", "experiments", "results", "tests"]


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", *PACKAGES],
        ["ruff", "format", "--check", *PACKAGES],
        ["mypy", *PACKAGES[:-1]],
    ],
    ids=["lint", "format", "types"],
)
def test_the_tools_have_nothing_to_say(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_imports_run_one_way() -> None:
    """blocks know nothing of spaces, spaces nothing of the engine, the engine nothing of studies."""
    floors = ["blocks", "search_spaces", "nas", "experiments"]
    for index, package in enumerate(floors):
        for file in (ROOT / package).rglob("*.py"):
            for line in file.read_text(encoding="utf-8").splitlines():
                words = line.split()
                if words[:1] in (["from"], ["import"]) and len(words) > 1:
                    assert words[1].split(".")[0] not in floors[index + 1 :], f"{file}: {line.strip()}"


def test_no_file_is_too_long() -> None:
    for package in PACKAGES[:-1]:
        for file in (ROOT / package).rglob("*.py"):
            assert len(file.read_text(encoding="utf-8").splitlines()) <= 420, file
