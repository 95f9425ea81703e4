"""A latency table: the timed parts of a space on one device, and what they say of any network.

All times in it are ratios to the reference network, which is what two sessions on a drifting machine agree on;
milliseconds are these times `reference_ms`, what the reference took while the table was made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import hypot
from typing import Literal

import numpy as np

from nas.common.decode import Positive
from nas.common.errors import UserError
from nas.common.sizes import area
from nas.latency.conditions import Conditions, Fingerprint, Prediction
from nas.latency.table.calibration import Calibration, Errors, calibrated, errors, reach
from nas.latency.table.entries import keys_of, parse_key
from nas.latency.table.fitting import FEWEST, Fit, fit_error
from nas.networks.cost import Key, key_name
from search_spaces import Arch

Role = Literal["calibration", "held out"]


@dataclass(frozen=True)
class Whole:
    """A network that was timed whole: its arch's text, the ratio, and what it was used for."""

    arch: str
    ratio: Positive
    role: Role


@dataclass(frozen=True)
class Timings:
    """What was timed on a device: all of a table that cannot be computed.

    space: its name and a hash of its choices. reference: the network that ratios are to. parts: ratio of each part
    by `nas.networks.cost.key_name`. clock: that of the measurements ("wall", "cpu", "device"; several joined by "+").
    """

    fingerprint: Fingerprint
    space: str
    reference: str
    reference_ms: Positive
    clock: str
    parts: Mapping[str, Positive]
    networks: tuple[Whole, ...]

    def by_key(self) -> dict[Key, float]:
        """The ratios of the parts by their keys. Raises UserError for a part that is unknown here."""
        return {parse_key(name): ratio for name, ratio in self.parts.items()}


@dataclass(frozen=True)
class Table:
    """Timings, and what was made of them: see `completed`.

    fitted: ratio of each of the space's parts that were not timed. fit_error: mean absolute relative error of such
    a fit on timed parts held out from it. errors: of predictions on the held-out networks; None where none were
    held out.
    """

    timings: Timings
    fitted: Mapping[str, float]
    fit_error: float | None
    calibration: Calibration
    errors: Errors | None

    @property
    def fingerprint(self) -> Fingerprint:
        """What the milliseconds hold for."""
        return self.timings.fingerprint

    def predict(self, arch: Arch) -> Prediction:
        """Milliseconds of an arch and their interval; thousands a second where its parts were met before.

        A part that the table lacks is fitted, with the uncertainty that this has. Raises UserError where the
        arch cannot be built at the table's resolution.
        """
        keys = keys_of(arch, self.fingerprint.conditions)
        total, unsure = 0.0, 0.0
        for key in keys:
            ratio, deviation = self._known.get(key) or self._meet(key)
            total += ratio
            unsure += ratio * deviation  # of one kind as a rule, and off in the same direction
        # The plain sum where a combination meant for networks of the space turns negative outside of it.
        ratio = self.calibration((total, len(keys), handed_over(keys)))
        ratio = ratio if ratio > 0 else total
        ms = ratio * self.timings.reference_ms
        half = reach(hypot(self.calibration.deviation, unsure / total), len(self.timings.networks))
        return Prediction(ms, ms / (1 + half), ms * (1 + half))

    def _meet(self, key: Key) -> tuple[float, float]:
        """The ratio of a part; the relative deviation where it is none of the space's, whose the calibration has."""
        name = key_name(key)
        ratio, deviation = self.timings.parts.get(name) or self.fitted.get(name), 0.0
        if ratio is None:
            ratio, deviation = (float(values[0]) for values in self._fit([key]))
        self._known[key] = ratio, deviation
        return ratio, deviation

    @cached_property
    def _known(self) -> dict[Key, tuple[float, float]]:
        return {}

    @cached_property
    def _fit(self) -> Fit:
        return Fit(self.timings.by_key())


def completed(timings: Timings, space_parts: Sequence[Key] = ()) -> Table:
    """The table of timings. `space_parts` that were not timed are fitted now, others when they are met.

    Raises UserError where there is too little to do so.
    """
    if not timings.parts or all(whole.role != "calibration" for whole in timings.networks):
        lacking = "network to calibrate on" if timings.parts else "timed part"
        raise UserError(f"the latency table of {timings.fingerprint} has no {lacking}; make it anew")
    conditions = timings.fingerprint.conditions
    of_networks = (key for w in timings.networks for key in keys_of(Arch.parse(w.arch), conditions))
    needed = {key_name(key): key for key in (*space_parts, *of_networks)}
    missing = {name: key for name, key in needed.items() if name not in timings.parts}
    if not missing:
        return Table(timings, {}, None, *_calibrated(timings, timings.parts))
    if len(timings.parts) < FEWEST:
        raise UserError(f"{len(missing)} parts are missing and only {len(timings.parts)} were timed")
    timed = timings.by_key()
    ratios, _ = Fit(timed)(list(missing.values()))
    fitted = dict(zip(missing, ratios.tolist(), strict=True))
    return Table(timings, fitted, fit_error(timed), *_calibrated(timings, {**fitted, **timings.parts}))


def _calibrated(timings: Timings, known: Mapping[str, float]) -> tuple[Calibration, Errors | None]:
    """The calibration, and its errors on the networks that took no part in it; `known`: ratios of parts."""
    roles = np.array([whole.role for whole in timings.networks])
    ratios = np.array([whole.ratio for whole in timings.networks])
    totals = []  # what a calibration combines (`COEFFICIENTS`) of each network
    for whole in timings.networks:
        keys = keys_of(Arch.parse(whole.arch), timings.fingerprint.conditions)
        totals.append([sum(known[key_name(key)] for key in keys), len(keys), handed_over(keys)])
    rows = np.array(totals, dtype=float)
    chosen, out = roles == "calibration", roles == "held out"
    calibration = calibrated(rows[chosen], ratios[chosen])
    if not out.any():
        return calibration, None
    predicted = np.array([calibration(row) for row in rows[out]])
    # How far off it is with other networks is known from those left out one by one and from these: the
    # larger one is believed.
    off = float(np.sqrt(np.mean((predicted / ratios[out] - 1) ** 2)))
    calibration = replace(calibration, deviation=max(calibration.deviation, off))
    return calibration, errors(predicted, ratios[out])


def handed_over(keys: Sequence[Key]) -> float:
    """Millions of elements that the parts of a network hand to each other."""
    return sum(channels * area(size) for _, channels, size, _ in keys[1:]) / 1e6


def check_here(table: Table, expected: Fingerprint, where: str) -> None:
    """Raise UserError, with what differs, where a table is of another device, version or precision."""
    of, here = vars(table.fingerprint), vars(expected)
    different = [f"{name} is {of[name]!r}, expected {here[name]!r}" for name in of if of[name] != here[name]]
    if different:
        raise UserError(
            f"the latency table {where} is not of this machine and these conditions: "
            f"{'; '.join(different)}; make one with {command_for(expected)}"
        )


def command_for(fingerprint: Fingerprint) -> str:
    """The command that makes a table under these conditions, defaults left out."""
    default, given = vars(Conditions()), vars(fingerprint.conditions)
    options = [f" --{name} {value}" for name, value in given.items() if value != default[name]]
    return f"python -m nas.latency table{''.join(options)}"


def described(table: Table) -> str:
    """What a table is of and how good it is, in lines."""
    timings = table.timings
    roles = [whole.role for whole in timings.networks]
    lines = [
        f"latency table of {table.fingerprint}",
        f"space {timings.space}: {len(timings.parts)} parts timed, {len(table.fitted)} fitted"
        + (f" (held out, the fit errs by {table.fit_error:.1%} on average)" if table.fit_error else ""),
        f"clock {timings.clock}; the reference took {timings.reference_ms:.3f} ms",
        f"calibrated on {roles.count('calibration')} networks"
        + (f"; held out: {table.errors}" if table.errors else "; none held out"),
    ]
    return "\n".join(lines)
