"""The README's commands exist, with the options that it gives them."""

import re
import runpy
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
def test_each_command_knows_its_options(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run as `python -m` runs it, in this process: a start of each would cost seconds."""
    monkeypatch.setattr("sys.argv", [module, "--help"])
    monkeypatch.delitem(sys.modules, module, raising=False)  # as it is in a process of its own
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for command in COMMANDS:
        words = shlex.split(command.replace("\\", ""), comments=True)
        if words[0] == module:
            for word in words[1:]:
                if word.startswith("--"):
                    assert word.split("=")[0] in said, command


def test_the_help_of_a_search_waits_for_no_library() -> None:
    """In a process of its own, which is as `python -m` starts: torch alone would take seconds."""
    code = "import sys, runpy; sys.argv = ['search', '--help']\n"
    code += "try: runpy.run_module('nas.search', run_name='__main__')\n"
    code += "finally: print([name for name in ('torch', 'ray', 'optuna', 'pandas') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.endswith("[]\n"), done.stdout[-300:] + done.stderr


def test_the_picture_is_there() -> None:
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).is_file(), path


def test_ci_runs_the_readmes_test_command() -> None:
    """.ci/run takes the block under this mark out of the README; without it it would run nothing."""
    block = README.split("<!-- run the tests -->")[1].split("```")[1]
    assert "pytest" in block
    assert "<!-- run the tests -->" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
