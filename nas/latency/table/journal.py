"""What was timed of a table that is not whole yet, written down as it comes."""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from nas.common.files import write_text
from nas.latency.fingerprints import Fingerprint
from nas.latency.table.table import Role, Timings, Whole
from nas.latency.timing.measurement import Measurement
from nas.latency.timing.measuring import REFERENCE
from search_spaces import Arch


class Journal:
    """What was timed so far, a line of JSON each; one of other conditions is begun anew."""

    def __init__(self, path: Path, fingerprint: Fingerprint, space: str) -> None:
        self._fingerprint, self._space = fingerprint, space
        self.parts: dict[str, float] = {}
        self.networks: dict[str, float] = {}
        self._references: list[float] = []
        self._clocks: set[str] = set()
        header = {"fingerprint": fingerprint.key, "space": space, "reference": REFERENCE}
        lines = _lines(path)
        kept = bool(lines) and lines[0] == header
        for line in lines[1:] if kept else []:
            with suppress(KeyError, TypeError):
                self._take(line)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written anew from what could be read: a line torn by a kill must not spoil the one after it.
        write_text(path, "".join(json.dumps(line) + "\n" for line in (lines if kept else [header])))
        self._file = path.open("a", encoding="utf-8")

    def __len__(self) -> int:
        return len(self.parts) + len(self.networks)

    def write(self, kind: str, name: str, measured: Measurement) -> None:
        """Keep a measurement."""
        line = {
            "kind": kind,
            "name": name,
            "ratio": measured.ratio,
            "reference_ms": measured.ms / measured.ratio,
            "clock": measured.clock,
        }
        self._take(line)
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def timings(self, wholes: Sequence[tuple[Arch, Role]]) -> Timings:
        """All of it; of the networks, these."""
        networks = tuple(Whole(str(arch), self.networks[str(arch)], role) for arch, role in wholes)
        reference = float(np.median(self._references))
        clock = "+".join(sorted(self._clocks))
        return Timings(
            self._fingerprint, self._space, REFERENCE, reference, clock, dict(self.parts), networks
        )

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _take(self, line: dict[str, Any]) -> None:
        {"part": self.parts, "network": self.networks}[line["kind"]][line["name"]] = float(line["ratio"])
        self._references.append(float(line["reference_ms"]))
        self._clocks.add(line["clock"])


def _lines(path: Path) -> list[Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    found = []
    for line in text.splitlines():
        with suppress(ValueError):
            found.append(json.loads(line))
    return found
