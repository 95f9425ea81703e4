"""How a ladder of fidelities is climbed.

It trains many networks briefly, a share of them longer, and a share of those to the top. Each rung is a trial of
its own with its own annealed schedule: a long schedule looked at early ranks networks badly.
"""

import itertools
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from nas.common.fronts import front_mask

PROMOTED = 3
"""One in so many trials of a rung, in each cost band, goes on to the next rung."""
BANDS = 4
"""Cost bands, equally filled: a small network is compared with small ones."""


@dataclass(frozen=True)
class Standing:
    """A finished trial of one rung: which arch (any key), its cost, its accuracy in [0, 1]."""

    arch: str
    cost: float
    accuracy: float


def to_promote(rung: Sequence[Standing], promoted: Collection[str]) -> Standing | None:
    """The trial of a rung that is to go on next, or None until more are finished.

    In each cost band one in PROMOTED may go on; the band with the fewest promotions has its turn. Within a
    band it is the most accurate of those that no cheaper one beats.
    """
    if len(rung) < PROMOTED:
        return None
    costs = np.array([trial.cost for trial in rung])
    edges = np.quantile(costs, np.linspace(0, 1, BANDS + 1)[1:-1])
    band_of = np.searchsorted(edges, costs, side="left")
    chances = []
    for band in np.unique(band_of):
        members = [trial for trial, place in zip(rung, band_of, strict=True) if place == band]
        left = [trial for trial in members if trial.arch not in promoted]
        gone = len(members) - len(left)
        if left and gone < math.ceil(len(members) / PROMOTED):
            chances.append((gone, band, left))
    total = sum(trial.arch in promoted for trial in rung)
    if not chances or total >= len(rung) // PROMOTED:
        return None
    _, _, members = min(chances, key=lambda chance: chance[:2])
    leading = front_mask([t.accuracy for t in members], [t.cost for t in members])
    return max(itertools.compress(members, leading), key=lambda t: t.accuracy)
