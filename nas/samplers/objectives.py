"""Which of a study's values are known before a training, and which have to be learned."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nas.samplers.grid import Floats


@dataclass(frozen=True)
class Objectives:
    """Which of a study's values is which known cost, and which has to be learned.

    signs: +1 for a value to maximise, -1 to minimise. known: for each value the number of its cost, or None.
    """

    signs: tuple[int, ...]
    known: tuple[int | None, ...]

    @property
    def learned(self) -> tuple[int, ...]:
        """The places of the values that a training is needed for."""
        return tuple(place for place, cost in enumerate(self.known) if cost is None)

    @property
    def costs(self) -> tuple[tuple[int, int], ...]:
        """(place among the values, number of the cost) of the known ones."""
        return tuple((place, cost) for place, cost in enumerate(self.known) if cost is not None)


def assumed(signs: Sequence[int], costs: int) -> tuple[int | None, ...]:
    """What is taken for granted before any result: the values to minimise are the costs, in their order."""
    free = iter(range(costs))
    return tuple(next(free, None) if sign < 0 else None for sign in signs)


def detect(signs: Sequence[int], values: Floats, costs: Floats) -> tuple[int | None, ...]:
    """For each of a study's values the number of the known cost that it is, None where it has to be learned.

    values [n, objectives] of finished trials, costs [n, k] of their points. A value is a known cost when it agrees
    with it in every trial, to six digits; or, in another unit, when it is the same multiple of at least four
    different costs. Of two values that qualify, the one to minimise is it.
    """
    known: list[int | None] = [None] * len(signs)
    free = list(range(costs.shape[1]))
    for place in sorted(range(len(signs)), key=lambda p: signs[p]):
        for cost in free:
            if len(values) and _same(values[:, place], costs[:, cost]):
                known[place] = cost
                free.remove(cost)
                break
    return tuple(known)


def _same(values: Floats, costs: Floats) -> bool:
    if np.allclose(values, costs, rtol=1e-6, atol=0.0):
        return True
    if len(np.unique(costs)) < 4 or (costs <= 0).any() or (values <= 0).any():
        return False
    return bool(np.allclose(values / costs, values[0] / costs[0], rtol=1e-6, atol=0.0))
