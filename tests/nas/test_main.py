"""`python -m nas` and what `nas` itself offers."""

import runpy
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

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


ROOT = Path(__file__).parents[2]


def test_the_console_command_is_this(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What pip makes a script of: called as that calls it."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]["nas"]
    module, _, function = told.partition(":")
    monkeypatch.setattr(sys, "argv", ["/usr/bin/nas", "--help"])
    with pytest.raises(SystemExit) as end:
        getattr(import_module(module), function)()
    out = capsys.readouterr().out
    assert end.value.code == 0 and out.startswith("nas COMMAND") and "export" in out


def complete(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    return said(capsys, monkeypatch, "--complete", *words)[1].split()


def test_commands_and_options_are_completed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert complete(capsys, monkeypatch, "se") == ["search"]
    assert set(nas.COMMANDS) < set(complete(capsys, monkeypatch, ""))
    assert complete(capsys, monkeypatch, "search", "--bud") == ["--budget"]
    assert {"--format", "--int8"} <= set(complete(capsys, monkeypatch, "export", "m.safetensors", ""))
    assert "measure" in complete(capsys, monkeypatch, "latency", "")
    assert complete(capsys, monkeypatch, "latency", "measure", "mobilenet_v2", "--prec") == ["--precision"]
    assert complete(capsys, monkeypatch, "nothing", "") == []


def test_bash_completes_by_the_script() -> None:
    told = f"""
    nas() {{ {sys.executable} -m nas "$@"; }}
    eval "$(nas --completion bash)"
    COMP_WORDS=(nas export --ma) COMP_CWORD=2; _nas; echo "${{COMPREPLY[@]}}"
    COMP_WORDS=(nas impo) COMP_CWORD=1; _nas; echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", told], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split("\n")[:2] == ["--max-drop", "importance"], done.stderr


def test_an_unknown_shell_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = said(capsys, monkeypatch, "--completion", "tcsh")
    assert code == 2 and "bash, zsh, fish" in err


@pytest.mark.parametrize("words", ["import nas", "import nas.__main__", "import nas.export.__main__"])
def test_to_start_is_light(words: str) -> None:
    code = f"import sys; {words}; print([name for name in ('torch', 'onnx', 'numpy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"
