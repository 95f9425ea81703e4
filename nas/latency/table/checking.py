"""How far a table's predictions are from networks timed now, none of which took part in making it."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from nas.latency.table.building import Measurer, distinct
from nas.latency.table.calibration import Errors, errors
from nas.latency.table.table import Table
from nas.networks.cost import cost
from search_spaces import Arch, Space


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
            "macs": cost(arch, conditions.resolution, conditions.classes).macs,
            "clock": found.clock,
            **asdict(table.predict(arch)),
            "measured": found.ratio * table.timings.reference_ms,
        }
        for arch, found in zip(archs, measurer.networks(archs), strict=True)
    )
    measured, macs = networks["measured"].to_numpy(float), networks["macs"].to_numpy(float)
    by_macs = errors(macs * np.median(measured / macs), measured)
    return Check(networks, errors(networks["ms"].to_numpy(float), measured), by_macs)
