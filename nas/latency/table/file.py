"""A latency table as one JSON file, in the cache folder and wherever a user keeps it.

    {"format": "nas-search latency table 1",
     "fingerprint": {"device": ..., "backend": ..., "runtime": ..., "precision": ..., "threads": 1,
                     "resolution": 224, "batch": 1, "classes": 1000},
     "space": "mobile 0f3a...", "reference": "mobilenet_v1_x0.5", "reference_ms": 1.9, "clock": "wall",
     "parts": {"ir24_t4_s2 16 112 0 ": 0.21, ...},         a part and its time as a ratio to the reference's
     "networks": [{"arch": "stem16_HS-...", "ratio": 2.4, "role": "calibration"}, ...],
     "fitted": {...}, "fit_error": 0.04, "calibration": {...}, "errors": {...}}

The last line may be missing, as where a device has only timed: then it is computed on import.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from nas.common.cache import cache_folder
from nas.common.decode import NotNegative, Positive, decoded
from nas.common.errors import UserError, require
from nas.common.files import write_text
from nas.common.sizes import Size, told
from nas.latency.backends import fingerprint
from nas.latency.conditions import Conditions, Fingerprint
from nas.latency.table.calibration import COEFFICIENTS, Calibration, Errors
from nas.latency.table.entries import parse_key
from nas.latency.table.table import Table, Timings, check_here, command_for, completed
from nas.latency.timing.measuring import REFERENCE
from search_spaces import Arch, Space, spaces

FORMAT = "nas-search latency table 1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class _Content(Timings):
    """What a file holds. references: milliseconds of the reference, as a device that was timed from afar notes them."""

    format: Literal["nas-search latency table 1"]
    references: tuple[Positive, ...] = ()
    fitted: Mapping[str, Positive] | None = None
    fit_error: NotNegative | None = None
    calibration: Calibration | None = None
    errors: Errors | None = None

    def __post_init__(self) -> None:
        if (self.calibration is None) != (self.fitted is None):
            raise ValueError("'calibration' and 'fitted' belong together")
        if self.calibration is not None and self.calibration.coefficients[0] <= 0:
            raise ValueError(
                f"'calibration': its first coefficient, of the {COEFFICIENTS[0]}, is not above 0"
            )
        if self.errors is not None and abs(self.errors.spearman) > 1:
            raise ValueError("'errors': a 'spearman' beyond 1")


def save(table: Table, path: Path) -> None:
    """Write a table whole or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, dumps(table))


def dumps(table: Table) -> str:
    """The text of a table's file: the same for equal tables."""
    content = {
        "format": FORMAT,
        **_plain(table.timings),
        "fitted": dict(sorted(table.fitted.items())),
        "fit_error": table.fit_error,
        "calibration": asdict(table.calibration),
        "errors": asdict(table.errors) if table.errors else None,
    }
    return json.dumps(content, indent=1) + "\n"


def _plain(timings: Timings) -> dict[str, Any]:
    """As written; of three channels nothing is, as before there were others, so that digests stay what they were."""
    told = asdict(replace(timings, parts=dict(sorted(timings.parts.items()))))
    if told["fingerprint"]["channels"] == 3:
        del told["fingerprint"]["channels"]
    return told


def digest(table: Table) -> str:
    """What tells this table from any other."""
    return hashlib.sha256(dumps(table).encode()).hexdigest()[:16]


def load(path: Path) -> Table:
    """The table in a file. Raises UserError, naming the file, where it is none or is damaged."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", error)
        raise UserError(f"the latency table {path} cannot be read: {reason}") from None
    content = decoded(
        text,
        _Content,
        f"{path} is no latency table (JSON, {FORMAT!r}), or it is damaged; make it anew with python -m nas.latency "
        "table, or import it again",
    )
    try:
        if content.reference != REFERENCE:
            raise UserError(
                f"its times are ratios to {content.reference}, and this version takes {REFERENCE} as reference; "
                "make it anew"
            )
        content.fingerprint.conditions  # noqa: B018  # refuses what none can be
        for name in (*content.parts, *(content.fitted or ())):
            parse_key(name)
        for whole in content.networks:
            Arch.parse(whole.arch)
        timings = Timings(**{field.name: getattr(content, field.name) for field in fields(Timings)})
        if content.calibration is None or content.fitted is None:
            return completed(timings)
    except UserError as error:
        raise UserError(f"the latency table {path} cannot be used: {error}") from None
    return Table(timings, content.fitted, content.fit_error, content.calibration, content.errors)


def folder() -> Path:
    """Of this machine's own tables and of those imported."""
    return cache_folder() / "latency"


def space_id(space: Space) -> str:
    """A space's name and a hash of its choices: what a table was made for."""
    return f"{space.name} {hashlib.sha256(str(space).encode()).hexdigest()[:8]}"


def own_path(of: Fingerprint, space: Space) -> Path:
    """Where the table of this machine under these conditions is kept."""
    name = re.sub(r"[^a-z0-9.]+", "-", space_id(space).lower()).strip("-.")
    return folder() / f"{name}-{of.key}.json"


def named_path(name: str) -> Path:
    """Where an imported table is kept. Raises UserError for what cannot be a name."""
    require(bool(_NAME.fullmatch(name)), "table name", name, "letters, digits, dots, hyphens, underscores")
    return folder() / "imported" / f"{name}.json"


def find(which: Conditions | str, space: Space | None = None) -> Table:
    """The table of this machine for a space under conditions, or one by file or by the name of its import.

    Raises UserError, with what to do, where there is none, where it is damaged, and where what is kept for this
    machine is of another device, version or precision.
    """
    if isinstance(which, str):
        return load(_named(which))
    here, space = fingerprint(which), space or spaces.get()
    path = own_path(here, space)
    if not path.is_file():
        raise UserError(f"there is no latency table of {here}; make one with {command_for(here)}")
    table = load(path)
    check_here(table, here, str(path))
    return table


def find_for(named: str | None, resolution: Size, classes: int, channels: int = 3) -> Table:
    """The table that is named, by file or import, else this machine's, for what costs are counted at.

    Raises UserError as `find` does, and where the named one is for another resolution or other classes or channels.
    """
    if named is None:
        return find(Conditions(resolution=resolution, classes=classes, channels=channels))
    table = find(named)
    of = table.fingerprint
    if of.channels != channels:
        raise UserError(
            f"the latency table {named} is for images of {of.channels} channels, the data have {channels}; give "
            f"another, made with python -m nas.latency table --channels {channels}"
        )
    if (of.resolution, of.classes) != (resolution, classes):
        raise UserError(
            f"the latency table {named} is for {told(of.resolution)} and {of.classes} classes, costs are "
            f"for {told(resolution)} and {classes}; give --target-resolution {of.resolution} "
            f"--target-classes {of.classes}, or another table"
        )
    return table


def _named(which: str) -> Path:
    path = Path(which)
    if path.suffix == ".json" or path.is_file():
        return path
    imported = named_path(which)
    if not imported.is_file():
        known = ", ".join(sorted(file.stem for file in imported.parent.glob("*.json"))) or "none"
        raise UserError(
            f"no latency table is called {which!r} (imported: {known}) and no such file exists; import one "
            "with python -m nas.latency import FILE --name NAME"
        )
    return imported
