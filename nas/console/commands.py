"""How every command behaves: one clear line for bad input and exit code 2, never a traceback."""

import errno
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

import typer

from nas.common.errors import UserError, briefly

INTERRUPTED = 130  # what a shell reports for a command that was ended by Ctrl-C


def run(command: Callable[..., Any]) -> NoReturn:
    """Run a function as a typer command and exit.

    0 when done, 2 for bad input, 1 for a failure that is not the user's, 130 for Ctrl-C.
    """
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(command)
    run_app(app)


def run_app(app: typer.Typer) -> NoReturn:
    """Run an app of several commands as `run` does."""
    for command in app.registered_commands:
        if command.callback is not None:
            command.callback = _aborting(command.callback)
    try:
        code = app(standalone_mode=False)
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
        raise
    sys.exit(code if isinstance(code, int) else 0)


def _aborting(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same command; Ctrl-C leaves it as `typer.Abort`, because some versions of typer end it without a word."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except KeyboardInterrupt:
            raise typer.Abort from None

    return wrapped


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, says that nothing more can be written."""
    seen, waiting = set(), [error]
    while waiting:
        error = waiting.pop()
        if error is None or id(error) in seen:
            continue
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if "database or disk is full" in str(error):  # SQLite's words
            return True
        seen.add(id(error))
        waiting += [error.__cause__, error.__context__]
    return False


def _end(message: str, code: int) -> NoReturn:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)
