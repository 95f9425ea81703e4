"""nas.common.fronts against brute force on small integer grids, where every area is a count of unit squares."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nas.common.fronts import dominates, front_mask, hypervolume

SIDE = 7
points = st.integers(0, 30).flatmap(lambda n: arrays(np.int64, (n, 2), elements=st.integers(0, SIDE)))


def brute_dominates(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(a[0] >= b[0] and a[1] <= b[1] and (a[0] > b[0] or a[1] < b[1]))


@given(points)
def test_front_is_the_first_of_each_undominated_point(xy: np.ndarray) -> None:
    expected = [
        not any(brute_dominates(other, point) for other in xy)
        and not any((xy[j] == point).all() for j in range(i))
        for i, point in enumerate(xy)
    ]
    assert front_mask(xy[:, 0], xy[:, 1]).tolist() == expected


@given(points)
def test_hypervolume_counts_the_unit_squares(xy: np.ndarray) -> None:
    # The square [v, v+1] x [c, c+1] is dominated when some point has value >= v+1 and cost <= c.
    low, high = 1, SIDE - 1
    squares = sum(
        any(value >= v + 1 and cost <= c for value, cost in xy) for v in range(low, SIDE) for c in range(high)
    )
    assert hypervolume(xy[:, 0], xy[:, 1], reference=(low, high)) == squares


@given(points, points)
def test_dominates_broadcasts_over_all_pairs(left: np.ndarray, right: np.ndarray) -> None:
    expected = [[brute_dominates(a, b) for b in right] for a in left]
    matrix = dominates(left[:, None], right[None])
    assert matrix.shape == (len(left), len(right))
    assert matrix.tolist() == expected


@given(points, st.randoms(use_true_random=False))
def test_order_does_not_change_the_volume_or_the_front(xy: np.ndarray, random: object) -> None:
    shuffled = xy[random.sample(range(len(xy)), len(xy))]  # type: ignore[attr-defined]
    volumes = [hypervolume(a[:, 0], a[:, 1], reference=(0, SIDE)) for a in (xy, shuffled)]
    assert volumes[0] == volumes[1]
    fronts = [{tuple(p) for p in a[front_mask(a[:, 0], a[:, 1])].tolist()} for a in (xy, shuffled)]
    assert fronts[0] == fronts[1]


def test_what_is_not_finite_is_never_on_the_front() -> None:
    value = [np.nan, 0.9, 0.5, np.inf, 0.7]
    cost = [1.0, np.nan, 2.0, 1.0, np.inf]
    assert front_mask(value, cost).tolist() == [False, False, True, False, False]
    assert hypervolume(value, cost, reference=(0.0, 3.0)) == pytest.approx(0.5)
    assert not dominates((np.nan, 1.0), (0.5, 2.0))


def test_no_points_no_volume() -> None:
    assert front_mask([], []).tolist() == []
    assert hypervolume([], [], reference=(0.0, 1.0)) == 0.0


def test_wrong_shapes_and_references_are_refused() -> None:
    with pytest.raises(ValueError):
        front_mask([1.0, 2.0], [1.0])
    with pytest.raises(ValueError):
        hypervolume([1.0], [1.0], reference=(0.0, np.inf))
