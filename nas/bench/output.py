"""What every benchmark writes: tables in a folder."""

from pathlib import Path

import pandas as pd

from nas.common.csv_text import table_csv
from nas.common.errors import UserError
from nas.common.files import write_text


def made(out: Path) -> Path:
    """The folder, made where it is not there yet. Raises UserError where it cannot be."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--out {out}: cannot be made ({error.strerror}); name a folder to write to"
        ) from error
    return out


def write_table(table: pd.DataFrame, out: Path | None, name: str, digits: int = 5) -> None:
    """A file of the folder, made where it is not there yet, its numbers to so many digits; nothing without one."""
    if out is not None:
        write_text(made(out) / name, table_csv(table, f"%.{digits}g"))
