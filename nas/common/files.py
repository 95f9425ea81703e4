"""Writing files whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path

from nas.common.errors import UserError


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Give `write` a temporary file beside `path`, and put it in place when it is written.

    Raises UserError where there may be no such file, OSError as on a full disk, and what `write` raises; then nothing
    is left of it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        temporary.replace(path)
    except (IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
