"""The folder of a run: where it is, what is in it, and how a run is found again."""

import errno
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy.engine import URL, make_url

from nas.common.decode import decoded, parsed
from nas.common.errors import UserError, briefly
from nas.common.files import write_text
from nas.runs.drivers import Claim
from nas.runs.manifest import environment
from nas.runs.storages import redacted

STUDY = "study.db"
_MANIFEST = "manifest.json"
_MAKING = ".making"
"""Tells which process makes a run; it is there until all else is."""
_OWN = re.compile(
    rf"{re.escape(_MAKING)}|{re.escape(STUDY)}(-journal|-wal|-shm)?|\.?{re.escape(_MANIFEST)}(\..*)?"
)
"""What a run has while it is being made."""
_MAKING_TAKES = 600.0
"""Seconds at the most, of a process on another machine."""
_MOMENT = 1.0


R = TypeVar("R")


def new_folder(out: str | Path | None) -> Path:
    """The folder for a new run: `out`, or results/<date>-<time>. Raises UserError where it is in use."""
    folder = Path(out) if out else Path("results") / time.strftime("%Y%m%d-%H%M%S")
    try:
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{folder} is a file; give a folder with --out")
        if folder.is_dir() and _unfinished(folder):
            _clear(folder)
        used = folder.is_dir() and any(folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder} cannot be used: {error.strerror}; give another with --out") from None
    if used:
        hint = f"go on with --resume {folder}" if (folder / _MANIFEST).is_file() else "give another"
        raise UserError(f"{folder} is not empty; {hint}")
    return folder


def create(
    folder: Path,
    storage: str | None,
    settings: str,
    notes: Mapping[str, Any],
    make: Callable[[str, str], R],
) -> R:
    """Make the folder, its manifest with the settings (JSON) and notes, and what `make` makes of (storage, name).

    Leaves nothing behind where one of them fails; `make` has to see to that in the storage. What a kill
    leaves is known by its note of who made it, and begun anew by `new_folder`.
    """
    made = _claim(folder)
    try:
        name = folder.resolve().name
        content = {
            **environment(),
            **notes,
            "storage": redacted(storage) if storage else STUDY,
            "study": name,
            "settings": json.loads(settings),
        }
        if storage:
            content["command"] = content["command"].replace(storage, redacted(storage))
        write_text(folder / _MANIFEST, json.dumps(content, indent=2) + "\n")
        result = make(storage or _file_storage(folder), name)
    except BaseException:
        _clear(folder)
        _remove(made)
        raise
    with suppress(OSError):
        (folder / _MAKING).unlink()
    return result


def find(folder: Path, storage: str | None, read: Callable[[str, str], R], *, reading: bool = False) -> R:
    """What `read` makes of an existing run's (storage, name). Raises UserError where the folder is none.

    reading: the folder's own study is opened so that nothing can be written to it.
    """
    cut_off = False
    try:
        if not folder.is_dir():
            raise UserError(
                f"{folder} is no folder; expected the folder of a run, such as results/20260131-120000"
            )
        cut_off = _unfinished(folder)
        found = _read(folder, storage, read, _reading if reading else _file_storage)
    except OSError as error:
        raise UserError(f"{briefly(folder)} cannot be read as a run: {error.strerror}") from None
    except UserError:
        if cut_off:
            raise UserError(
                f"{folder} was cut off while it was being made; begin it anew with --out {folder}"
            ) from None
        raise
    if cut_off:  # at the very end of it: nothing is missing
        with suppress(OSError):
            (folder / _MAKING).unlink()
    return found


def _read(folder: Path, storage: str | None, read: Callable[[str, str], R], own: Callable[[Path], str]) -> R:
    try:
        manifest = parsed((folder / _MANIFEST).read_text(encoding="utf-8"))
        kept, name = str(manifest["storage"]), str(manifest["study"])
    except (OSError, KeyError, TypeError, ValueError):
        raise UserError(f"{folder} is no run: it holds no readable manifest.json") from None
    if storage is None and kept != STUDY:
        raise UserError(f"the run {folder} is kept in {kept}; give its address with --storage")
    if storage is None and not (folder / STUDY).is_file():
        raise UserError(f"{folder} has lost its {STUDY}, and with it its trials")
    return read(storage or own(folder), name)


def _reading(folder: Path) -> str:
    """The URL of a folder's own study, to read alone."""
    path = quote(str((folder / STUDY).resolve()))
    return URL.create(
        "sqlite", database=f"file:{path}", query={"mode": "ro", "uri": "true"}
    ).render_as_string(hide_password=False)


def _file_storage(folder: Path) -> str:
    """The URL of a folder's own study, whatever signs its path has. Raises UserError where none can say the path."""
    path = str((folder / STUDY).resolve())
    url = URL.create("sqlite", database=path).render_as_string(hide_password=False)
    if make_url(url).database != path or url.format() != url:
        raise UserError(
            f"{folder}: a path with signs that a storage's address cannot hold; name another folder"
        )
    return url


def _claim(folder: Path) -> list[Path]:
    """Make a folder, with a note in it of who makes it, for us alone; which folders were made."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / _MAKING).open("x", encoding="utf-8") as file:
            file.write(json.dumps(asdict(Claim.mine())))
        if (folder / _MANIFEST).exists():  # another process was quicker, and is through
            (folder / _MAKING).unlink()
            raise FileExistsError(errno.EEXIST, "another run was made in it")
    except OSError as error:
        _remove(missing)
        raise UserError(f"{folder} cannot be used: {error.strerror}; give another with --out") from None
    return missing


def _unfinished(folder: Path) -> bool:
    """Whether a folder holds what is left of a run that was cut off while it was being made, and nothing else.

    Raises UserError where a process is making it now.
    """
    try:
        names = [path.name for path in folder.iterdir()]
        manifest, making = folder / _MANIFEST, folder / _MAKING
        empty = manifest.is_file() and not manifest.stat().st_size  # as versions before left it
    except OSError:
        return False
    if not (making.is_file() or empty) or not all(map(_OWN.fullmatch, names)):
        return False
    try:
        claim = decoded(making.read_text(encoding="utf-8"), Claim, "no claim")
    except (OSError, ValueError):  # of an earlier version, or cut off in the middle of a word
        return time.time() - folder.stat().st_mtime > _MOMENT
    if claim.lives() or (claim.lives() is None and time.time() - claim.beat < _MAKING_TAKES):
        raise UserError(f"{folder} is being made by {claim}")
    return True


def _clear(folder: Path) -> None:
    """Remove what a run has while it is being made."""
    for path in list(folder.iterdir()):
        if _OWN.fullmatch(path.name):
            with suppress(OSError):
                path.unlink()


def _remove(folders: Sequence[Path]) -> None:
    """Remove those that are empty, the innermost first."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
