"""Volumes and fronts against counting the cells of a grid and comparing all pairs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.common.fronts import nondominated, volume

POINTS = st.lists(st.tuples(*[st.integers(0, 5)] * 3), min_size=1, max_size=12)


@pytest.mark.parametrize("kinds", [1, 2])
@given(points=POINTS)
def test_the_volume_is_the_number_of_dominated_cells(kinds: int, points: list[tuple[int, ...]]) -> None:
    values, costs = np.array(points, dtype=float)[:, 0], np.array(points, dtype=float)[:, 1 : 1 + kinds]
    cells = (
        np.stack(np.meshgrid(*[np.arange(5)] * (1 + kinds), indexing="ij"), -1).reshape(-1, 1 + kinds) + 0.5
    )
    dominated = (cells[:, None, 0] < values) & (cells[:, None, 1:] > costs).all(axis=2)
    assert volume(values, costs, np.array([0.0] + [5.0] * kinds)) == dominated.any(axis=1).sum()


@pytest.mark.parametrize("kinds", [1, 2])
@given(points=POINTS)
def test_the_front_is_what_no_point_dominates(kinds: int, points: list[tuple[int, ...]]) -> None:
    worth = np.array(points, dtype=float)[:, : 1 + kinds] * np.array([1] + [-1] * kinds)
    front = np.isin(np.arange(len(worth)), nondominated(worth))
    for number, point in enumerate(worth):
        better = (worth >= point).all(axis=1) & (worth > point).any(axis=1)
        earlier = (worth[:number] == point).all(axis=1).any()
        assert front[number] == (not better.any() and not earlier)
