"""A latency table: the timed parts of a space on one device, and what they say of any network.

All times in it are ratios to the reference network, which is what two sessions on a drifting machine agree on;
milliseconds are these times `reference_ms`, what the reference took while the table was made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import hypot
from typing import TYPE_CHECKING, Literal

import numpy as np

from nas.common.decode import Positive
from nas.common.errors import UserError
from nas.latency.conditions import Conditions, Fingerprint
from nas.latency.table.calibration import Calibration, Errors, reach
from nas.latency.table.entries import keys_of, parse_key
from nas.latency.table.features import Floats
from nas.latency.table.prediction import Prediction
from nas.networks.cost import Key, key_name
from search_spaces import Arch

if TYPE_CHECKING:
    from nas.latency.table.fitting import Fit

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


@dataclass(frozen=True)
class Table:
    """Timings, and what was made of them: see `nas.latency.table.completing.completed`.

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
        keys = keys_of(arch, self._conditions)
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
        """The ratio of a part, and the relative deviation of what is none of the space's.

        For parts of the space, timed or fitted, the calibration's deviation stands.
        """
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
    def _conditions(self) -> Conditions:
        return self.fingerprint.conditions

    @cached_property
    def _fit(self) -> "Fit":
        from nas.latency.table.fitting import (
            Fit,
        )  # scikit-learn: a table that has all parts has no need of it

        return Fit({parse_key(name): ratio for name, ratio in self.timings.parts.items()})


def totals(arch: Arch, ratios: Mapping[str, float], fingerprint: Fingerprint) -> list[float]:
    """What a calibration combines (`COEFFICIENTS`), of an arch whose parts' ratios are all given."""
    keys = keys_of(arch, fingerprint.conditions)
    return [sum(ratios[key_name(key)] for key in keys), len(keys), handed_over(keys)]


def handed_over(keys: Sequence[Key]) -> float:
    """Millions of elements that the parts of a network hand to each other."""
    return sum(channels * size * size for _, channels, size, _ in keys[1:]) / 1e6


def rows_of(wholes: Sequence[Whole], ratios: Mapping[str, float], fingerprint: Fingerprint) -> Floats:
    """The totals of networks, a row each."""
    rows = [totals(Arch.parse(whole.arch), ratios, fingerprint) for whole in wholes]
    return np.array(rows, dtype=float).reshape(len(rows), 3)


def check_here(table: Table, expected: Fingerprint, where: str) -> None:
    """Raise UserError, with what differs, where a table is of another device, version or precision."""
    different = [
        f"{name} is {value!r}, expected {getattr(expected, name)!r}"
        for name, value in vars(table.fingerprint).items()
        if value != getattr(expected, name)
    ]
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
