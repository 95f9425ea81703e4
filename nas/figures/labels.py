"""Where the labels of a scatter plot go, so that none covers another, a marker or the frame.

A label is joined to its point by a leader, which ends at the middle of one of its sides. Every pair of labels
in turn takes the cheapest places around their points, given the others, until none moves. Deterministic. All
lengths are pixels; x grows to the right and y grows upward.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

FONT_SIZE = 12
# Sizes of a label's box. The widest fonts in use come to 0.6 of their size a character.
_CHARACTER = 0.6 * FONT_SIZE
_HEIGHT = 4 / 3 * FONT_SIZE
_DISTANCES = (7, 14, 24, 38, 56, 80, 110)
_SHIFTS = tuple(range(-72, 73, 8))  # of a label beside its point, up or down
_SLIDES = (-0.8, -0.4, 0.0, 0.4, 0.8)  # of a label above or below its point, in halves of its width
_CHOICES = 60  # the cheapest places of a label that are tried against the other labels
_ROUNDS = 8

# Prices of a place, in pixels of leader line: covering text is worse than anything, and a label rather stands
# 30 pixels further off than on a marker.
_OUTSIDE = 2000.0
_COVERS_LABEL = 1000.0
_LEADERS_CROSS = 150.0
_COVERS_POINT = 30.0
_LEADER_MEETS_POINT = 15.0

Array = NDArray[np.float64]
Point = tuple[float, float]


@dataclass(frozen=True)
class Spot:
    """The middle of the label's `side` (left, right, top or bottom) is (dx, dy) from its point."""

    side: str
    dx: float
    dy: float


SIDES = {"left": (-1, 0), "right": (1, 0), "bottom": (0, -1), "top": (0, 1)}
"""Where the middle of a label's side is, from the label's centre, in half sizes."""


def place(
    texts: Sequence[str], anchors: Sequence[Point], size: tuple[float, float], obstacles: Sequence[Point] = ()
) -> list[Spot]:
    """For each text, where it stands in relation to its anchor.

    `anchors` and `obstacles` are positions within a panel of `size` (width, height); labels avoid both.
    """
    if not texts:
        return []
    points = np.array([*anchors, *obstacles], dtype=float)
    halves = np.array([(_CHARACTER * len(text) / 2, _HEIGHT / 2) for text in texts])
    starts = np.array(anchors, dtype=float)
    ends, centres, own, spots = [], [], [], []
    for start, half in zip(starts, halves, strict=True):
        every = _spots(half)
        end = start + np.array([(spot.dx, spot.dy) for spot in every])
        centre = end - half * np.array([SIDES[spot.side] for spot in every])
        prices = _own_prices(end, centre, start, half, points, size)
        cheapest = np.argsort(prices, kind="stable")[:_CHOICES]
        ends.append(end[cheapest])
        centres.append(centre[cheapest])
        own.append(prices[cheapest])
        spots.append([every[j] for j in cheapest])
    shared = _shared_prices(np.array(ends), np.array(centres), starts, halves)
    chosen = _settle(np.array(own), shared)
    return [choices[choice] for choices, choice in zip(spots, chosen, strict=True)]


def _spots(half: Array) -> list[Spot]:
    """The places that a label of half size `half` may take."""
    beside = [
        Spot(side, out * away, up)
        for side, out in (("left", 1), ("right", -1))
        for away in _DISTANCES
        for up in _SHIFTS
    ]
    over = [
        Spot(side, slide * half[0], out * away)
        for side, out in (("bottom", 1), ("top", -1))
        for away in _DISTANCES
        for slide in _SLIDES
    ]
    return beside + over


def _own_prices(
    ends: Array, centres: Array, start: Array, half: Array, points: Array, size: tuple[float, float]
) -> Array:
    """What each place [places] costs whatever the other labels do."""
    covered = (np.abs(points - centres[:, None]) < half + 4).all(axis=-1).sum(axis=1)
    way = ends - start
    length = np.hypot(*way.T)
    # Points within 4 pixels of the leader, save those at its start: the label's own and, on a line, the next.
    share = np.clip((points - start) @ way.T / length**2, 0, 1)
    off = np.linalg.norm(points[:, None] - start - share[..., None] * way, axis=-1)
    elsewhere = np.linalg.norm(points - start, axis=1) > 6
    met = ((off < 4) & elsewhere[:, None]).sum(axis=0)
    inside = ((centres >= half) & (centres <= np.array(size) - half)).all(axis=1)
    price = length + _COVERS_POINT * covered + _LEADER_MEETS_POINT * met + _OUTSIDE * ~inside
    return np.asarray(price)


def _shared_prices(ends: Array, centres: Array, starts: Array, halves: Array) -> Array:
    """[labels, choices, labels, choices]: what two labels cost together, each in one of its places."""
    count, choices = centres.shape[:2]
    centre, end = centres.reshape(-1, 2), ends.reshape(-1, 2)
    start, half = (np.repeat(values, choices, axis=0) for values in (starts, halves))
    common = np.clip(half[:, None] + half - np.abs(centre[:, None] - centre), 0, 2 * half).prod(axis=-1)
    overlap = common > 1e-6
    runs_over = np.zeros(overlap.shape, dtype=bool)  # whether the leader of the first runs over the second
    for share in np.linspace(0.1, 1.0, 10):
        spot = start + share * (end - start)
        runs_over |= (np.abs(spot[:, None] - centre) < half + 1).all(axis=-1)
    crossing = _side(start, end, start) * _side(start, end, end) < 0
    crossing &= crossing.T
    prices = _COVERS_LABEL * overlap + _LEADERS_CROSS * (crossing | runs_over | runs_over.T)
    return np.asarray(prices.reshape(count, choices, count, choices))


def _side(start: Array, end: Array, point: Array) -> Array:
    """[segments, points]: positive on one side of the line through a segment, negative on the other."""
    way, to_point = (end - start)[:, None], point - start[:, None]
    return np.asarray(way[..., 0] * to_point[..., 1] - way[..., 1] * to_point[..., 0])


def _settle(own: Array, shared: Array) -> NDArray[np.int_]:
    """Each label's choice. In pairs, because two neighbours are often in each other's way."""
    everyone = np.arange(len(own))
    chosen = own.argmin(axis=1)
    for _ in range(_ROUNDS):
        before = chosen.copy()
        for i, j in combinations(everyone, 2):
            others = everyone[(everyone != i) & (everyone != j)]
            alone = [own[k] + shared[k][:, others, chosen[others]].sum(axis=1) for k in (i, j)]
            together = alone[0][:, None] + alone[1] + shared[i, :, j]
            chosen[i], chosen[j] = np.unravel_index(together.argmin(), together.shape)
        if (chosen == before).all():
            break
    return np.asarray(chosen)
