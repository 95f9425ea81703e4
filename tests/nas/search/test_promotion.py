"""nas.search.ladder: who goes on to the next rung."""

from hypothesis import given
from hypothesis import strategies as st

from nas.search.ladder import PROMOTED, Standing, to_promote

STANDINGS = st.lists(
    st.builds(Standing, st.uuids().map(str), st.floats(1, 1e9), st.floats(0, 1)),
    max_size=40,
    unique_by=lambda trial: trial.arch,
)


@given(STANDINGS)
def test_a_third_goes_on_and_none_twice(rung: list[Standing]) -> None:
    promoted: list[str] = []
    while (chosen := to_promote(rung, promoted)) is not None:
        assert chosen.arch not in promoted
        promoted.append(chosen.arch)
    assert len(promoted) == len(rung) // PROMOTED


@given(STANDINGS)
def test_nothing_goes_on_that_a_cheaper_one_of_its_band_beats(rung: list[Standing]) -> None:
    chosen = to_promote(rung, ())
    if chosen is not None:
        better = [t for t in rung if t.cost <= chosen.cost and t.accuracy > chosen.accuracy]
        cheapest = min(t.cost for t in rung)
        assert not better or min(t.cost for t in better) >= cheapest
        same_band = sorted(rung, key=lambda t: abs(t.cost - chosen.cost))[: max(1, len(rung) // 8)]
        assert not [t for t in same_band if t.cost == chosen.cost and t.accuracy > chosen.accuracy]


def test_a_small_network_is_not_dropped_for_being_small() -> None:
    """Twelve trials whose accuracy is their cost: by accuracy alone the cheap half would never go on."""
    rung = [Standing(str(i), 10.0 * (i + 1), 0.05 * (i + 1)) for i in range(12)]
    promoted: list[str] = []
    while (chosen := to_promote(rung, promoted)) is not None:
        promoted.append(chosen.arch)
    assert len(promoted) == 4
    assert sum(int(arch) < 6 for arch in promoted) == 2
