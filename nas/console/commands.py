"""How every command behaves: one clear line for bad input and exit code 2, never a traceback."""

import inspect
import sys
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from nas.common.errors import UserError, briefly
from nas.common.files import is_full
from nas.console.options import CommandOptions, spelled
from nas.console.terminal import say

INTERRUPTED = 130  # what a shell reports for a command that was ended by Ctrl-C


def run(command: Callable[..., Any], request: type[CommandOptions] | None = None) -> NoReturn:
    """Run a function as a typer command and exit; with `request`, a function of one, whose fields are the options.

    0 when done, 2 for bad input, 1 for a failure that is not the user's, 130 for Ctrl-C.
    """
    if request is not None:
        command = of_options(command, request)
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(command)
    run_app(app)


def run_app(app: typer.Typer) -> NoReturn:
    """Run an app of several commands as `run` does."""
    for command in app.registered_commands:
        if command.callback is not None:
            command.callback = _aborting(command.callback)
    guarded(lambda: app(standalone_mode=False))


def guarded(work: Callable[[], Any]) -> NoReturn:
    """Do some work and exit as `run` does."""
    try:
        code = work()
    except UserError as error:
        _end(str(error), 1 if is_disk_full(error) else 2)
    except (KeyboardInterrupt, typer.Abort):
        _end("interrupted", INTERRUPTED)
    except BrokenPipeError:  # the reader of our output went away: `... | head`
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # click's usage errors
            _end(error.format_message() or "no command given; see --help", 2)
        if is_disk_full(error):
            _end(f"the disk is full ({briefly(error)}); what was finished is kept", 1)
        if isinstance(error, OSError) and error.filename:
            _end(f"{error.filename}: {error.strerror}", 2)
        if type(error).__module__.startswith(("sqlalchemy.", "optuna.exceptions")):
            said = briefly(str(error.__cause__ or error).partition("[SQL")[0])
            gone = " (its file is gone or cannot be written)" if "readonly database" in said else ""
            _end(f"the study's storage cannot be used any more{gone}: {said}", 1)
        raise
    sys.exit(code if isinstance(code, int) else 0)


def of_options(work: Callable[[Any], Any], request: type[CommandOptions]) -> Callable[..., Any]:
    """A function of a request as one whose signature typer reads; a field without a default has to be given."""

    @wraps(work)
    def command(**given: Any) -> Any:
        return work(request(**{name: value for name, value in given.items() if value not in (None, [])}))

    defaults = {
        f.name: inspect.Parameter.empty if f.default is MISSING else f.default for f in fields(request)
    }
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=defaults[name] or None if spelling.kind == list[str] else defaults[name],
                annotation=Annotated[spelling.kind, spelling.info],
            )
            for name, spelling in spelled(request).items()
        ]
    )
    return command


def _aborting(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same command; Ctrl-C leaves it as `typer.Abort`, because some versions of typer end it without a word."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except KeyboardInterrupt:
            raise typer.Abort from None

    return wrapped


def ended(command: str, folder: Path, ending: str) -> int:
    """The exit code of a run by how it ended; how to go on is said where it was interrupted."""
    if ending != "interrupted":
        return 0
    notify(f"interrupted; go on with: python -m nas.{command} --resume {folder}")
    return INTERRUPTED


def notify(message: str) -> None:
    """Say something beside what a command prints: a line on stderr."""
    say(message, err=True)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, says that nothing more can be written."""
    seen, waiting = set(), [error]
    while waiting:
        error = waiting.pop()
        if error is None or id(error) in seen:
            continue
        if is_full(error) or "database or disk is full" in str(error):  # SQLite's words
            return True
        seen.add(id(error))
        waiting += [error.__cause__, error.__context__]
    return False


def _end(message: str, code: int) -> NoReturn:
    say(f"error: {' '.join(message.split())}", err=True)
    sys.exit(code)
