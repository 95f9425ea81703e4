"""The README's commands exist, with the options that it gives them."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"python -m (nas\.\w+[^\n`]*)", README)))


def test_there_are_recipes() -> None:
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("module", sorted({command.split()[0] for command in COMMANDS}))
def test_each_command_knows_its_options(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for command in COMMANDS:
        words = shlex.split(command.replace("\\", ""), comments=True)
        if words[0] == module:
            for word in words[1:]:
                if word.startswith("--"):
                    assert word.split("=")[0] in done.stdout, command


def test_the_picture_is_there() -> None:
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).is_file(), path


def test_ci_runs_the_readmes_test_command() -> None:
    """.ci/run takes the block under this mark out of the README; without it it would run nothing."""
    block = README.split("<!-- run the tests -->")[1].split("```")[1]
    assert "pytest" in block
    assert "<!-- run the tests -->" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
