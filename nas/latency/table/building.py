"""Making a latency table, and checking one: parts of a space and some networks are timed, then calibrated.

What was timed is written down at once beside the table's place, so that a killed run goes on where it was.
"""

import json
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

import msgspec
import numpy as np
import pandas as pd

from nas.common.decode import Positive, parsed
from nas.common.errors import UserError
from nas.common.files import write_text
from nas.common.machine import cores
from nas.latency.backends import fingerprint
from nas.latency.conditions import Conditions, Fingerprint
from nas.latency.table.calibration import Errors, errors
from nas.latency.table.entries import MOST_MEASURED, SUBSET, designed, keys_of, parts_of
from nas.latency.table.file import find, load, own_path, save, space_id
from nas.latency.table.table import Role, Table, Timings, Whole, completed
from nas.latency.timing import sandwich
from nas.latency.timing.measuring import REFERENCE, Measurement, measure_networks, measure_parts
from nas.networks.cost import Key, cost, default_table, key_name
from nas.networks.references import Model
from search_spaces import Arch, Space, zoo

Kind = Literal["part", "network"]
NETWORKS = 10  # that the sum is calibrated on, and as many that are held out to say how good it then is
CANDIDATES = 20  # networks drawn for each that is taken: the calibration's are spread over all sizes


class Measurer(Protocol):
    """Who times: `nas.latency.timing.measuring`, or what stands for a device elsewhere."""

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
        return measure_parts(keys, self.conditions, clock=self.clock, force=self.force)

    def networks(self, models: Sequence[Model]) -> list[Measurement]:
        """As `measure_networks`."""
        return measure_networks(models, self.conditions, clock=self.clock, force=self.force)


@dataclass(frozen=True)
class Agenda:
    """What is to be timed for a table, in this order: networks first, parts by their worth."""

    wholes: tuple[tuple[Arch, Role], ...]
    parts: tuple[Key, ...]
    space_parts: tuple[Key, ...]


def plan(
    space: Space,
    conditions: Conditions,
    *,
    beside: Sequence[str] = zoo.WIDE,
    networks: int = NETWORKS,
    most: int = MOST_MEASURED,
) -> Agenda:
    """The networks and the parts to time. The parts of the networks `beside`, of the zoo, are all among them: a
    search trains them too. Of a space of more than `most` parts a subset is timed, with those that every twentieth
    network has.

    Raises UserError where the space cannot be built at the conditions' resolution.
    """
    met = parts_of(space, conditions)
    uncounted = default_table().unknown(met)
    if len(uncounted) > 100:  # on all cores at once: the fit asks for what these parts cost
        default_table().fill(uncounted, cores())
    wanted = [key for name in beside for key in keys_of(zoo.get(name), conditions)]
    most_met = max(met.values())
    usual = [key for key, times in met.items() if times >= most_met / 20]
    some = designed(met, min(most, SUBSET)) if len(met) > most else list(met)
    parts = dict.fromkeys([*wanted, *usual, *some])
    return Agenda(_wholes(space, conditions, networks), tuple(parts), tuple(met))


def _wholes(space: Space, conditions: Conditions, count: int) -> tuple[tuple[Arch, Role], ...]:
    """Networks of all sizes to calibrate on, and as many drawn at random to hold out."""
    spread = distinct(space, CANDIDATES * count, seed=1)
    target = conditions.resolution, conditions.classes, conditions.channels
    spread.sort(key=lambda arch: cost(arch, *target).macs)
    spots = np.linspace(0, len(spread) - 1, min(count, len(spread))).round().astype(int)
    taken = [spread[index] for index in dict.fromkeys(spots.tolist())]
    out = distinct(space, count, seed=2, but=taken)
    return (*((arch, "calibration") for arch in taken), *((arch, "held out") for arch in out))


def distinct(space: Space, count: int, seed: int, but: Sequence[Arch] = ()) -> list[Arch]:
    """Different archs drawn at random, none of them among `but`; fewer where the space has no more."""
    rng = np.random.default_rng(seed)
    drawn: dict[Arch, None] = {}
    for _ in range(20 * count):
        arch = space.sample(rng)
        if arch not in but:
            drawn[arch] = None
        if len(drawn) == count:
            break
    return list(drawn)


def build(
    here: Fingerprint,
    space: Space,
    agenda: Agenda,
    measurer: Measurer,
    path: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Table:
    """Time what the agenda holds and the journal beside `path` has not, and write the table to `path`.

    `progress` is told how many parts and networks are timed, of how many. The journal is removed at the end.
    """
    journal = Journal(journal_of(path), here, space_id(space))
    total = len(agenda.wholes) + len(agenda.parts)
    progress(len(journal), total)
    known = journal.ratios("network")
    wholes = [arch for arch, _ in agenda.wholes if str(arch) not in known]
    for some in sandwich.NETWORKS.split(wholes):
        for arch, measured in zip(some, measurer.networks(some), strict=True):
            journal.write("network", str(arch), measured)
        progress(len(journal), total)
    known = journal.ratios("part")
    for key, measured in measurer.parts([key for key in agenda.parts if key_name(key) not in known]):
        journal.write("part", key_name(key), measured)
        progress(len(journal), total)
    table = completed(journal.timings(agenda.wholes), agenda.space_parts)
    save(table, path)
    journal_of(path).unlink()
    return table


def journal_of(path: Path) -> Path:
    """Where what is timed of a table is written down until it is whole."""
    return path.with_suffix(".part.jsonl")


def obtain(
    measurer: Here,
    space: Space,
    progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    anew: bool = False,
) -> Table:
    """The table of this machine for a space: the one that is kept, or one made now and kept.

    Raises UserError where the backend cannot be used here, where the kept table is damaged, and where the machine
    is too busy for several threads.
    """
    here = fingerprint(measurer.conditions)
    path = own_path(here, space)
    if path.is_file() and not anew:
        return find(measurer.conditions, space)
    agenda = plan(space, measurer.conditions)
    if not anew:
        borrow(here, space, agenda, path)
    return build(here, space, agenda, measurer, path, progress)


def borrow(here: Fingerprint, space: Space, agenda: Agenda, path: Path) -> None:
    """Take over what tables beside `path` have timed of a space for another number of classes.

    Nothing but the classifiers' layers, the whole networks and, by less than one part in a hundred, the reference
    depends on it.
    """
    journal = Journal(journal_of(path), here, space_id(space))
    for other in sorted(path.parent.glob("*.json")):
        with suppress(UserError):
            of = load(other).timings
            if of.space == space_id(space) and replace(of.fingerprint, classes=here.classes) == here:
                journal.take(of, {key_name(key) for key in agenda.parts})


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
        self._keep(_Timed(kind, name, measured.ratio, measured.ms / measured.ratio, measured.clock))

    def _keep(self, timed: _Timed) -> None:
        self._timed.append(timed)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(timed)) + "\n")

    def take(self, timings: Timings, names: Set[str]) -> None:
        """Keep the ratios that another table has of these parts, where they are not known yet."""
        known = self.ratios("part")
        for name in sorted(names & set(timings.parts) - set(known)):
            self._keep(_Timed("part", name, timings.parts[name], timings.reference_ms, timings.clock))

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
        if parsed(first) != header:
            return []
    except (OSError, ValueError):  # none, an empty one, or none of ours
        return []
    kept = []
    for line in lines:
        with suppress(ValueError):
            kept.append(msgspec.json.decode(line, type=_Timed))
    return kept


@dataclass(frozen=True)
class Check:
    """Networks, the errors of their predictions, and those of the best multiple of their multiply-adds.

    `networks`, a row each: arch, macs, clock; ms, low, high as predicted; measured, in milliseconds at the speed that
    the machine had for the table.
    """

    networks: pd.DataFrame
    errors: Errors
    by_macs: Errors


def check(table: Table, space: Space, measurer: Measurer, count: int) -> Check:
    """Time `count` networks of the space drawn at random, none of them the table's own, and compare.

    Ratios to the reference are: the machine may run faster or slower now than when the table was made.
    """
    known = [Arch.parse(whole.arch) for whole in table.timings.networks]
    archs = distinct(space, count, seed=3, but=known)
    conditions = table.fingerprint.conditions
    networks = pd.DataFrame(
        {
            "arch": str(arch),
            "macs": cost(arch, conditions.resolution, conditions.classes, conditions.channels).macs,
            "clock": found.clock,
            **asdict(table.predict(arch)),
            "measured": found.ratio * table.timings.reference_ms,
        }
        for arch, found in zip(archs, measurer.networks(archs), strict=True)
    )
    measured, macs = networks["measured"].to_numpy(float), networks["macs"].to_numpy(float)
    by_macs = errors(macs * np.median(measured / macs), measured)
    return Check(networks, errors(networks["ms"].to_numpy(float), measured), by_macs)
