"""Making a latency table: time the parts of a space and some networks, then fit and calibrate.

What was timed is written down at once beside the table's place, so that a killed run goes on where it was.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from nas.costs import Key, cost, default_table, key_name
from nas.errors import UserError
from nas.files import write_text
from nas.latency.calibration import calibrated, errors
from nas.latency.conditions import Conditions
from nas.latency.entries import DRAWN, MOST_MEASURED, count_parts, designed, keys_of, parse_key
from nas.latency.fingerprint import Fingerprint, fingerprint
from nas.latency.measurement import Measurement
from nas.latency.table import Role, Table, Timings, Whole, rows_of
from nas.latency.table_file import find, own_path, save, space_id
from nas.models import Model
from nas.settings import ALL_BASELINES
from search_spaces import Arch, Space, zoo

NETWORKS = 10
"""Networks that the sum is calibrated on, and as many that are held out to say how good it then is."""
CANDIDATES = 20
"""Networks drawn for each that is taken: the calibration's are spread over all sizes."""
_HANDFUL = 10  # networks timed between two that are written down


class Measurer(Protocol):
    """Who times: `nas.latency.measuring`, or what stands for a device elsewhere."""

    def parts(self, keys: Sequence[Key]) -> Iterator[tuple[Key, Measurement]]:
        """Each part as soon as it is timed, in any order."""

    def networks(self, models: Sequence[Model]) -> list[Measurement]:
        """Whole networks, in their order."""


@dataclass(frozen=True)
class Here:
    """This machine as it is under some conditions."""

    conditions: Conditions
    clock: str = "auto"
    force: bool = False

    def parts(self, keys: Sequence[Key]) -> Iterator[tuple[Key, Measurement]]:
        """As `measure_parts`."""
        from nas.latency.measuring import measure_parts

        return measure_parts(keys, self.conditions, clock=self.clock, force=self.force)

    def networks(self, models: Sequence[Model]) -> list[Measurement]:
        """As `measure_networks`."""
        from nas.latency.measuring import measure_networks

        return measure_networks(models, self.conditions, clock=self.clock, force=self.force)


@dataclass(frozen=True)
class Plan:
    """What is to be timed for a table, in this order: networks first, parts by their worth."""

    wholes: tuple[tuple[Arch, Role], ...]
    parts: tuple[Key, ...]
    space_parts: tuple[Key, ...]


def plan(
    space: Space,
    conditions: Conditions,
    *,
    beside: Sequence[str] = ALL_BASELINES,
    networks: int = NETWORKS,
    most: int = MOST_MEASURED,
) -> Plan:
    """The networks and the parts to time. The parts of the networks `beside`, of the zoo, are all among them:
    a search trains them too.

    Raises UserError where the space cannot be built at the conditions' resolution.
    """
    rng = np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(DRAWN)]
    _count(drawn, conditions)
    met = count_parts(drawn, conditions)
    wanted = [key for name in beside for key in keys_of(zoo.get(name), conditions)]
    forced = list(dict.fromkeys([*wanted, *(key for key, times in met.items() if times >= DRAWN // 20)]))
    parts = dict.fromkeys([*forced, *designed(met, max(most - len(forced), 0))])
    return Plan(_wholes(space, conditions, networks), tuple(parts), tuple(met))


def _count(archs: Sequence[Arch], conditions: Conditions) -> None:
    """Count what these archs cost on all cores at once; the fit is told it."""
    from nas.engine import cores

    missing = default_table().missing(archs, conditions.resolution, conditions.classes)
    if len(missing) > 100:
        default_table().fill(missing, cores())


def _wholes(space: Space, conditions: Conditions, count: int) -> tuple[tuple[Arch, Role], ...]:
    """Networks of all sizes to calibrate on, and as many drawn at random to hold out."""
    spread = distinct(space, CANDIDATES * count, seed=1)
    spread.sort(key=lambda arch: cost(arch, conditions.resolution, conditions.classes).macs)
    places = np.linspace(0, len(spread) - 1, min(count, len(spread))).round().astype(int)
    taken = [spread[place] for place in dict.fromkeys(places.tolist())]
    out = distinct(space, count, seed=2, but=taken)
    return tuple([*((arch, "calibration") for arch in taken), *((arch, "held out") for arch in out)])


def distinct(space: Space, count: int, seed: int, but: Sequence[Arch] = ()) -> list[Arch]:
    """Different archs drawn at random, none of them among `but`; fewer where the space has no more."""
    rng = np.random.default_rng(seed)
    found: dict[Arch, None] = {}
    for _ in range(20 * count):
        arch = space.sample(rng)
        if arch not in but:
            found[arch] = None
        if len(found) == count:
            break
    return list(found)


def build(
    here: Fingerprint,
    space: Space,
    planned: Plan,
    measurer: Measurer,
    path: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Table:
    """Time what the plan holds and the journal beside `path` has not, and write the table to `path`.

    `progress` is told how many parts and networks are timed, of how many. The journal is removed at the end.
    """
    journal = _Journal(journal_of(path), here, space_id(space))
    total = len(planned.wholes) + len(planned.parts)
    progress(len(journal), total)
    wholes = [arch for arch, _ in planned.wholes if str(arch) not in journal.networks]
    for start in range(0, len(wholes), _HANDFUL):
        some = wholes[start : start + _HANDFUL]
        for arch, measured in zip(some, measurer.networks(some), strict=True):
            journal.write("network", str(arch), measured)
        progress(len(journal), total)
    left = [key for key in planned.parts if key_name(key) not in journal.parts]
    for key, measured in measurer.parts(left):
        journal.write("part", key_name(key), measured)
        progress(len(journal), total)
    journal.close()
    table = completed(journal.timings(planned), planned.space_parts)
    save(table, path)
    journal_of(path).unlink()
    return table


def journal_of(path: Path) -> Path:
    """Where what is timed of a table is written down until it is whole."""
    return path.with_suffix(".part.jsonl")


def obtain(
    conditions: Conditions,
    space: Space,
    progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    clock: str = "auto",
    force: bool = False,
    anew: bool = False,
) -> Table:
    """The table of this machine for a space: the one that is kept, or one made now and kept.

    Raises UserError where the backend
    cannot be used here, where the kept table is damaged, and where the machine is too busy for several threads.
    """
    here = fingerprint(conditions)
    path = own_path(here, space)
    if path.is_file() and not anew:
        return find(conditions, space)
    return build(here, space, plan(space, conditions), Here(conditions, clock, force), path, progress)


def completed(timings: Timings, space_parts: Sequence[Key] = ()) -> Table:
    """The table of timings: parts of the space that were not timed are fitted, and the sum is calibrated.

    Raises UserError where there is too little to do so.
    """
    from nas.latency.fitting import FEWEST, Fit, fit_error

    chosen, out = (
        [whole for whole in timings.networks if whole.role == role] for role in ("calibration", "held out")
    )
    if not chosen or not timings.parts:
        raise UserError("it has no timed parts, or no network to calibrate on")
    needed = {
        key_name(k): k
        for w in timings.networks
        for k in keys_of(Arch.parse(w.arch), timings.fingerprint.conditions)
    }
    needed |= {key_name(key): key for key in space_parts}
    missing = [name for name in needed if name not in timings.parts]
    fitted: dict[str, tuple[float, float]] = {}
    error = None
    if missing:
        if len(timings.parts) < FEWEST:
            raise UserError(f"of its {len(needed)} parts only {len(timings.parts)} were timed")
        timed = {parse_key(name): ratio for name, ratio in timings.parts.items()}
        error = fit_error(timed)
        ratios, deviations = Fit(timed)([needed[name] for name in missing])
        fitted = dict(zip(missing, zip(ratios.tolist(), deviations.tolist(), strict=True), strict=True))
    known = {**{name: ratio for name, (ratio, _) in fitted.items()}, **timings.parts}
    calibration = calibrated(rows_of(chosen, known, timings.fingerprint), _ratios(chosen))
    told = None
    if out:
        rows = rows_of(out, known, timings.fingerprint)
        told = errors(np.array([calibration(row) for row in rows]), _ratios(out))
        # How far networks are off that took no part is known from both; the larger one is believed.
        off = np.array([calibration(row) for row in rows]) / _ratios(out) - 1
        calibration = replace(
            calibration, deviation=max(calibration.deviation, float(np.sqrt(np.mean(off**2))))
        )
    return Table(timings, fitted, error, calibration, told)


def _ratios(wholes: Sequence[Whole]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    return np.array([whole.ratio for whole in wholes])


class _Journal:
    """What was timed so far, a line of JSON each; one of other conditions is begun anew."""

    def __init__(self, path: Path, fingerprint: Fingerprint, space: str) -> None:
        self._fingerprint, self._space = fingerprint, space
        self.parts: dict[str, float] = {}
        self.networks: dict[str, float] = {}
        self._references: list[float] = []
        self._clocks: set[str] = set()
        header = {"fingerprint": fingerprint.key, "space": space}
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

    def timings(self, planned: Plan) -> Timings:
        """All of it."""
        wholes = tuple(Whole(str(arch), self.networks[str(arch)], role) for arch, role in planned.wholes)
        reference = float(np.median(self._references))
        clock = "+".join(sorted(self._clocks))
        return Timings(self._fingerprint, self._space, reference, clock, dict(self.parts), wholes)

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
