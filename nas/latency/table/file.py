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
import math
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nas.common.cache import cache_folder
from nas.common.errors import UserError
from nas.common.files import write_text
from nas.latency.conditions import Conditions
from nas.latency.fingerprints import Fingerprint, fingerprint
from nas.latency.table.calibration import COEFFICIENTS, Calibration, Errors
from nas.latency.table.table import Table, Timings, Whole, check_here, command_for
from nas.latency.timing.measuring import REFERENCE
from search_spaces import Space, spaces

FORMAT = "nas-search latency table 1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def save(table: Table, path: Path) -> None:
    """Write a table whole or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, dumps(table))


def dumps(table: Table) -> str:
    """The text of a table's file: the same for equal tables."""
    calibration = table.calibration
    content = {
        "format": FORMAT,
        "fingerprint": asdict(table.fingerprint),
        **plain(table.timings),
        "fitted": dict(sorted(table.fitted.items())),
        "fit_error": table.fit_error,
        "calibration": {"coefficients": calibration.coefficients, "deviation": calibration.deviation},
        "errors": asdict(table.errors) if table.errors else None,
    }
    return json.dumps(content, indent=1) + "\n"


def plain(timings: Timings) -> dict[str, Any]:
    """Timings without their fingerprint, as JSON takes them."""
    return {
        "space": timings.space,
        "reference": timings.reference,
        "reference_ms": timings.reference_ms,
        "clock": timings.clock,
        "parts": dict(sorted(timings.parts.items())),
        "networks": [asdict(whole) for whole in timings.networks],
    }


def digest(table: Table) -> str:
    """What tells this table from any other."""
    return hashlib.sha256(dumps(table).encode()).hexdigest()[:16]


def load(path: Path) -> Table:
    """The table in a file. Raises UserError, naming the file, where it is none or is damaged."""
    content = _read(path)
    try:
        timings = _timings(content)
        if "calibration" not in content:
            from nas.latency.table.completing import completed

            return completed(timings)
        calibration = content["calibration"]
        coefficients = tuple(_finite(value) for value in calibration["coefficients"])
        if len(coefficients) != len(COEFFICIENTS):
            raise ValueError(f"{len(coefficients)} coefficients, expected {len(COEFFICIENTS)}")
        kept, told = content["fit_error"], content["errors"]
        return Table(
            timings,
            {str(name): _positive(ratio) for name, ratio in content["fitted"].items()},
            None if kept is None else _finite(kept),
            Calibration(coefficients, _finite(calibration["deviation"])),
            Errors(**told) if told else None,
        )
    except UserError as error:
        raise UserError(f"the latency table {path} cannot be used: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"the latency table {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise _damaged(path, str(error)) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(f"{path} is no latency table: expected a JSON file with format {FORMAT!r}")
    return content


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(
        f"the latency table {path} is damaged ({reason}); remove it and make it anew with "
        "python -m nas.latency table, or import it again"
    )


def _timings(content: dict[str, Any]) -> Timings:
    wholes = [Whole(str(w["arch"]), _positive(w["ratio"]), w["role"]) for w in content["networks"]]
    if any(whole.role not in ("calibration", "held out") for whole in wholes):
        raise ValueError("a network's role is neither 'calibration' nor 'held out'")
    if content["reference"] != REFERENCE:
        raise UserError(
            f"its times are ratios to {content['reference']}, and this version takes {REFERENCE} as reference; "
            "make it anew"
        )
    return Timings(
        Fingerprint(**content["fingerprint"]),
        str(content["space"]),
        REFERENCE,
        _positive(content["reference_ms"]),
        str(content["clock"]),
        {str(name): _positive(ratio) for name, ratio in content["parts"].items()},
        tuple(wholes),
    )


def _positive(value: Any) -> float:
    if not _finite(value) > 0:
        raise ValueError(f"{value!r} is no time")
    return float(value)


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


# Where tables are kept -----------------------------------------------------------------------------------


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
    if not _NAME.fullmatch(name):
        raise UserError(f"table name {name!r}: expected letters, digits, dots, hyphens, underscores")
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
