"""Writing files whole or not at all, and what is said where they cannot be written."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nas.common.errors import UserError


def is_full(error: BaseException | None) -> bool:
    """Whether an error says that the disk, or the user's share of it, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def writing(what: object, advice: str = "") -> Iterator[None]:
    """Turn what keeps `what` from being written into a UserError, with what to do about it.

    A full disk alone stays an OSError: no other name would help.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise
        raise UserError(f"{what} cannot be written: {error.strerror or error}{advice}") from error


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Give `write` a temporary file beside `path`, and put it in place when it is written.

    Raises what `writing` does, and what else `write` raises; then nothing is left of it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with writing(path):
            write(temporary)
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
