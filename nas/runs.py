"""The folder of a run: where it is, what is in it, and how a run is found again."""

import json
import time
from pathlib import Path
from typing import Any

from nas.errors import UserError
from nas.manifest import environment
from nas.manifest import write as write_manifest
from nas.record import Record, redacted
from nas.settings import Settings

STUDY = "study.db"


def new_folder(out: Path | None) -> Path:
    """The folder for a new run: `out`, or results/<date>-<time>. Raises UserError where it is in use."""
    folder = out or Path("results") / time.strftime("%Y%m%d-%H%M%S")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; give a folder with --out")
    if folder.is_dir() and any(folder.iterdir()):
        hint = f"go on with --resume {folder}" if (folder / "manifest.json").is_file() else "give another"
        raise UserError(f"{folder} is not empty; {hint}")
    return folder


def create_run(folder: Path, storage: str | None, settings: Settings, notes: dict[str, Any]) -> Record:
    """Make the folder, the study and the manifest; leaves nothing behind where one of them fails."""
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made: {error.strerror}") from None
    try:
        record = Record.create(
            storage or _file_storage(folder), _study_name(folder, storage), settings, notes
        )
        content = {
            **environment(),
            **notes,
            "storage": redacted(storage) if storage else STUDY,
            "settings": json.loads(settings.to_json()),
        }
        write_manifest(folder, content)
    except BaseException:
        for name in (STUDY, f"{STUDY}-journal", "manifest.json"):
            (folder / name).unlink(missing_ok=True)
        if made:
            folder.rmdir()
        raise
    return record


def open_run(folder: Path, storage: str | None = None) -> Record:
    """The record of an existing run. Raises UserError where the folder is none."""
    if not folder.is_dir():
        raise UserError(
            f"{folder} is no folder; expected the folder of a run, such as results/20260131-120000"
        )
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        kept = manifest["storage"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{folder} is no run: it holds no readable manifest.json") from None
    if storage is None and kept != STUDY:
        raise UserError(f"the run {folder} is kept in {kept}; give its address with --storage")
    if storage is None and not (folder / STUDY).is_file():
        raise UserError(f"{folder} has lost its {STUDY}, and with it its trials")
    return Record.open(storage or _file_storage(folder), _study_name(folder, storage))


def _file_storage(folder: Path) -> str:
    return f"sqlite:///{(folder / STUDY).resolve()}"


def _study_name(folder: Path, storage: str | None) -> str:
    """In a file of its own a run needs no name (the folder may be renamed); in a shared storage it does."""
    return folder.resolve().name if storage else "run"
