"""What was timed of a table that is not whole yet, written down as it comes."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from nas.common.decode import Positive
from nas.common.files import write_text
from nas.latency.conditions import Fingerprint
from nas.latency.table.table import Role, Timings, Whole
from nas.latency.timing.measuring import REFERENCE, Measurement
from search_spaces import Arch

Kind = Literal["part", "network"]


@dataclass(frozen=True)
class _Timed:
    """A part by its key's name, or a network by its text; what the reference took around that moment."""

    kind: Kind
    name: str
    ratio: Positive
    reference_ms: Positive
    clock: str


class Journal:
    """What was timed so far, a line of JSON each; one of other conditions is begun anew."""

    def __init__(self, path: Path, fingerprint: Fingerprint, space: str) -> None:
        self._path, self._of = path, (fingerprint, space)
        header = {"fingerprint": fingerprint.key, "space": space, "reference": REFERENCE}
        self._timed = _kept(path, header)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written anew from what could be read: a line torn by a kill must not spoil the one after it.
        write_text(path, "".join(json.dumps(line) + "\n" for line in (header, *map(asdict, self._timed))))

    def __len__(self) -> int:
        return len(self._timed)

    def ratios(self, kind: Kind) -> dict[str, float]:
        """Of all parts, or of all networks, by name."""
        return {timed.name: timed.ratio for timed in self._timed if timed.kind == kind}

    def write(self, kind: Kind, name: str, measured: Measurement) -> None:
        """Keep a measurement."""
        timed = _Timed(kind, name, measured.ratio, measured.ms / measured.ratio, measured.clock)
        self._timed.append(timed)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(timed)) + "\n")

    def timings(self, wholes: Sequence[tuple[Arch, Role]]) -> Timings:
        """All of it; of the networks, these."""
        ratios = self.ratios("network")
        networks = tuple(Whole(str(arch), ratios[str(arch)], role) for arch, role in wholes)
        reference = float(np.median([timed.reference_ms for timed in self._timed]))
        clock = "+".join(sorted({timed.clock for timed in self._timed}))
        return Timings(*self._of, REFERENCE, reference, clock, self.ratios("part"), networks)


def _kept(path: Path, header: dict[str, str]) -> list[_Timed]:
    """What a journal under this header holds; lines that cannot be read are left out."""
    try:
        first, *lines = path.read_text(encoding="utf-8").splitlines()
        if json.loads(first) != header:
            return []
    except (OSError, ValueError):  # none, an empty one, or none of ours
        return []
    kept = []
    for line in lines:
        with suppress(ValueError):
            kept.append(msgspec.json.decode(line, type=_Timed))
    return kept
