"""How far a table's predictions are from networks timed now, none of which took part in making it."""

from dataclasses import dataclass

import numpy as np

from nas.latency.table.building import Measurer, distinct
from nas.latency.table.calibration import Errors, errors
from nas.latency.table.prediction import Prediction
from nas.latency.table.table import Table
from nas.latency.timing.measuring import Measurement
from nas.networks.cost import cost
from search_spaces import Arch, Space


@dataclass(frozen=True)
class Checked:
    """One network as predicted and as measured, both (`ms`) at the speed that the machine had for the table."""

    arch: Arch
    macs: int
    predicted: Prediction
    measured: Measurement
    ms: float

    @property
    def within(self) -> bool:
        """Whether the measured milliseconds lie in the predicted interval."""
        return self.predicted.low <= self.ms <= self.predicted.high


@dataclass(frozen=True)
class Check:
    """Networks, the errors of their predictions, and those of the best multiple of their multiply-adds."""

    rows: tuple[Checked, ...]
    errors: Errors
    by_macs: Errors


def check(table: Table, space: Space, measurer: Measurer, count: int) -> Check:
    """Time `count` networks of the space drawn at random, and compare.

    Of the table's own networks none is among them. Ratios to the reference are compared: the machine may run
    faster or slower now than when the table was made.
    """
    known = [Arch.parse(whole.arch) for whole in table.timings.networks]
    archs = distinct(space, count, seed=3, but=known)
    conditions = table.fingerprint.conditions
    rows = tuple(
        Checked(
            arch,
            cost(arch, conditions.resolution, conditions.classes).macs,
            table.predict(arch),
            measured,
            measured.ratio * table.timings.reference_ms,
        )
        for arch, measured in zip(archs, measurer.networks(archs), strict=True)
    )
    actual = np.array([row.ms for row in rows])
    macs = np.array([row.macs for row in rows], dtype=float)
    return Check(
        rows,
        errors(np.array([row.predicted.ms for row in rows]), actual),
        errors(macs * np.median(actual / macs), actual),
    )
