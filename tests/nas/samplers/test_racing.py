"""nas.samplers.racing: who is trained next, and what follows from the results."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.samplers.racing import ENOUGH, MOST, entrants, next_entrant, places_for, standings

NOISE = 0.01


def raced(truth: list[float], costs: list[float], trainings: int, seed: int = 0) -> list[list[float]]:
    """The results of a race of so many trainings, one at a time."""
    rng, results = np.random.default_rng(seed), [list[float]() for _ in truth]
    for _ in range(trainings):
        chosen = next_entrant(costs, results, [0] * len(truth), NOISE)
        if chosen is None:
            break
        results[chosen].append(truth[chosen] + NOISE * float(rng.standard_normal()))
    return results


def test_everyone_is_trained_once_in_the_given_order_first() -> None:
    results: list[list[float]] = [[], [], []]
    order = []
    for _ in range(3):
        chosen = next_entrant([3.0, 1.0, 2.0], results, [0] * 3, NOISE)
        assert chosen is not None
        order.append(chosen)
        results[chosen].append(0.5)
    assert order == [0, 1, 2]


def test_what_is_clearly_beaten_gets_no_second_seed() -> None:
    results = raced([0.9, 0.5, 0.905], costs=[1.0, 2.0, 3.0], trainings=20)
    assert len(results[1]) == 1
    assert len(results[0]) + len(results[2]) >= 10  # these two cannot be told apart


def test_a_race_ends_when_every_place_is_decided() -> None:
    results = raced([0.5, 0.7, 0.9], costs=[1.0, 2.0, 3.0], trainings=100)
    assert [len(values) for values in results] == [ENOUGH] * 3
    assert [stand.place for stand in standings([1.0, 2.0, 3.0], results)] == ["front"] * 3


def test_what_cannot_be_decided_ends_too() -> None:
    results = raced([0.9, 0.9], costs=[1.0, 2.0], trainings=1000)
    assert max(map(len, results)) <= MOST


def test_trainings_under_way_count_as_done() -> None:
    results = [[0.5], [0.9]]
    assert next_entrant([1.0, 2.0], results, [1, 0], NOISE) == 1
    assert next_entrant([1.0, 2.0], [[], []], [1, 0], NOISE) == 1


@pytest.mark.parametrize(
    ("results", "places"),
    [
        ([[0.5, 0.51], [0.8, 0.81]], ["front", "front"]),
        ([[0.8, 0.81], [0.5, 0.51]], ["front", "beaten"]),
        ([[0.8, 0.82], [0.81, 0.80]], ["front", "undecided"]),
        ([[0.8], [0.5]], ["undecided", "undecided"]),  # nothing is known of the noise
    ],
)
def test_places(results: list[list[float]], places: list[str]) -> None:
    assert [stand.place for stand in standings([1.0, 2.0], results)] == places


def test_the_cheapest_stands_on_the_front_and_equals_share_a_place() -> None:
    first, second = standings([1.0, 1.0], [[0.8, 0.81, 0.79], [0.8, 0.79, 0.81]])
    assert {round(first.chance, 1), round(second.chance, 1)} <= {0.5, 1.0}
    assert standings([1.0], [[0.3, 0.31]])[0].place == "front"


def test_a_missing_result_is_left_out() -> None:
    (stand,) = standings([1.0], [[0.5, math.nan, 0.6]])
    assert stand.n == 2 and stand.mean == pytest.approx(0.55)


numbers = st.floats(0.0, 1.0, allow_nan=False)


@given(st.lists(st.tuples(st.floats(1.0, 100.0), numbers), max_size=30), st.integers(0, 12))
def test_entrants_are_possible_ones_each_once(points: list[tuple[float, float]], most: int) -> None:
    costs, chances = [cost for cost, _ in points], [chance for _, chance in points]
    chosen = entrants(costs, chances, most)
    assert len(chosen) == len(set(chosen)) == min(most, sum(chance > 0 for chance in chances))
    assert all(chances[number] > 0 for number in chosen)


def test_entrants_are_spread_over_the_costs_and_the_likeliest_of_theirs() -> None:
    costs = [float(n) for n in range(12)]
    chances = [0.1, 0.9, 0.1] * 4
    assert sorted(entrants(costs, chances, 4)) == [1, 4, 7, 10]
    assert entrants(costs, chances, 1)[0] >= 7  # the answer to the budget, and not the cheapest


@given(st.integers(0, 500))
def test_places_are_for_as_many_trainings_as_there_are(trainings: int) -> None:
    places = places_for(trainings)
    assert places >= 2 and (places == 2 or 2 * places <= trainings)
