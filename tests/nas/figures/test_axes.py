"""nas.figures.axes: limits and ticks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nas.figures.axes import cost_axis, log_ticks, value_axis


@given(st.floats(0.01, 1e5), st.floats(1.05, 1e4))
def test_ticks_are_round_rising_and_on_the_axis(low: float, factor: float) -> None:
    ticks = log_ticks(low, low * factor)
    assert 2 <= len(ticks) <= 12
    assert list(ticks) == sorted(set(ticks))
    assert low * (1 - 1e-9) <= ticks[0] <= ticks[-1] <= low * factor * (1 + 1e-9)


@given(st.lists(st.floats(1e-2, 1e5), max_size=20), st.floats(0, 0.4))
def test_cost_axes_hold_their_values_left_of_the_room(values: list[float], room: float) -> None:
    axis = cost_axis("x", np.array(values), room)
    assert all(0 < axis.place(value) < 1 - room + 1e-6 for value in values)


@given(st.lists(st.floats(0, 100), max_size=30))
def test_value_axes_hold_the_best_and_by_default_all(values: list[float]) -> None:
    axis = value_axis("y", np.array(values))
    assert all(0 < axis.place(value) < 1 for value in values)
    if values:
        cut = value_axis("y", np.array(values), unusual=0.1)
        assert 0 < cut.place(max(values)) < 1
        assert all(value < cut.low or value >= cut.low + 0.99 for value in values)  # none is on the edge


def test_a_value_just_below_the_others_is_not_left_on_the_edge() -> None:
    values = np.array([52.6, 53.5, *np.linspace(57, 66.24, 38)])
    assert value_axis("y", values, unusual=0.1).low < 52
