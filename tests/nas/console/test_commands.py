"""nas.console.commands: what a command ends with, and that a fault of the input is one line and no traceback."""

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import pytest
import typer

import nas
from nas.common.errors import UserError
from nas.console import commands as console


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a function as a command; its exit code and what it wrote to stdout and stderr."""

    def end(command: Callable[..., Any], *arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["command", *arguments])
        with pytest.raises(SystemExit) as exit_:
            console.run(command)
        captured = capsys.readouterr()
        assert isinstance(exit_.value.code, int)
        return exit_.value.code, captured.out, captured.err

    return end


def raising(error: BaseException) -> Callable[[], NoReturn]:
    def command() -> NoReturn:
        raise error

    return command


def test_a_command_that_returns_is_done(ending: Any) -> None:
    assert ending(lambda: print("done")) == (0, "done\n", "")


@pytest.mark.parametrize("code", [0, 1, 130])
def test_a_number_returned_is_the_exit_code(ending: Any, code: int) -> None:
    assert ending(lambda: code)[0] == code


def test_typer_exit_keeps_its_code(ending: Any) -> None:
    assert ending(raising(typer.Exit(1)))[0] == 1


def test_bad_input_is_one_line_and_exit_code_2(ending: Any) -> None:
    code, out, err = ending(raising(UserError("budget 'x' is\nnot  understood\n")))
    assert (code, out, err) == (2, "", "error: budget 'x' is not understood\n")


def test_bad_input_that_came_of_another_error_shows_no_traceback(ending: Any) -> None:
    def command() -> None:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise UserError("outer") from error

    assert ending(command) == (2, "", "error: outer\n")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_an_interrupt_ends_with_130(ending: Any, error: BaseException) -> None:
    code, out, err = ending(raising(error))
    assert (code, out, err) == (130, "", "error: interrupted\n")


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--number", "many"], ["extra"], ["--number"]])
def test_wrong_usage_is_one_line_and_exit_code_2(ending: Any, arguments: list[str]) -> None:
    def command(number: Annotated[int, typer.Option()] = 1) -> None:
        raise AssertionError("is not called")

    code, out, err = ending(command, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and err.count("\n") == 1
    assert arguments[0] in err


def test_help_is_no_error(ending: Any) -> None:
    code, out, err = ending(lambda: None, "--help")
    assert (code, err) == (0, "") and "Usage" in out


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_line_and_exit_code_1(ending: Any, number: int) -> None:
    code, out, err = ending(raising(OSError(number, "No space left", "/x/study.db")))
    assert (code, out) == (1, "")
    assert "disk is full" in err and "/x/study.db" in err and err.count("\n") == 1


def _caused(inner: BaseException) -> BaseException:
    try:
        try:
            raise inner
        except type(inner) as error:
            raise RuntimeError("storage\nfailed") from error
    except RuntimeError as outer:
        return outer


def _met_while_handling(inner: BaseException) -> BaseException:
    try:
        try:
            raise inner
        except type(inner):
            raise RuntimeError("while handling")  # noqa: B904
    except RuntimeError as outer:
        return outer


def _hidden(inner: BaseException) -> BaseException:
    try:
        try:
            raise inner
        except type(inner):
            raise RuntimeError("said again") from None
    except RuntimeError as outer:
        return outer


def _behind_a_cause(inner: BaseException) -> BaseException:
    """The full disk is met while handling one error, and reported as caused by another."""
    outer = _met_while_handling(inner)
    outer.__cause__ = ValueError("another")
    return outer


FULL = [
    OSError(errno.ENOSPC, "No space left"),
    RuntimeError("(sqlite3.OperationalError) database or disk is full"),
]


@pytest.mark.parametrize("inner", FULL, ids=("system", "sqlite"))
@pytest.mark.parametrize("wrap", [_caused, _met_while_handling, _hidden, _behind_a_cause])
def test_a_full_disk_is_found_anywhere_in_the_chain(
    ending: Any, wrap: Callable[[BaseException], BaseException], inner: BaseException
) -> None:
    code, _, err = ending(raising(wrap(wrap(inner))))
    assert code == 1 and "disk is full" in err and err.count("\n") == 1


def test_a_full_disk_is_no_bad_input_even_where_it_was_taken_for_one(ending: Any) -> None:
    def command() -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left")
        except OSError:
            raise UserError("/x cannot be used: No space left") from None

    assert ending(command) == (1, "", "error: /x cannot be used: No space left\n")


def test_a_chain_that_bites_its_tail_ends() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__context__, second.__cause__ = second, first
    assert not console.is_disk_full(first)


def test_a_fault_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["command"])
    with pytest.raises(ZeroDivisionError):
        console.run(raising(ZeroDivisionError()))
    with pytest.raises(FileNotFoundError):
        console.run(raising(FileNotFoundError(errno.ENOENT, "none")))


@pytest.mark.slow
def test_a_reader_that_goes_away_leaves_no_traceback() -> None:
    code = (
        "from nas.console import commands as console\n"
        "def command() -> None:\n"
        "    for number in range(100_000):\n"
        "        print(number, flush=True)\n"
        "console.run(command)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(nas.__file__).parents[1],
    )
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline() == b"0\n"
    process.stdout.close()
    assert process.wait(30) == 1
    assert process.stderr.read() == b""
    process.stderr.close()


def test_the_help_of_a_search_waits_for_no_library() -> None:
    """In a process of its own, which is as `python -m` starts: torch alone would take seconds."""
    code = "import sys, runpy; sys.argv = ['search', '--help']\n"
    code += "try: runpy.run_module('nas.search', run_name='__main__')\n"
    code += "finally: print([name for name in ('torch', 'ray', 'optuna', 'pandas') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.endswith("[]\n"), done.stdout[-300:] + done.stderr
