"""Which parts a space has, and which of them are worth timing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.common.errors import UserError
from nas.latency import Conditions
from nas.latency.table.entries import designed, keys_of, parse_key, parts_of
from nas.latency.table.fitting import described, scale
from nas.networks.cost import key_name
from search_spaces import Arch, spaces, zoo
from tests.nas.latency.table.synthetic import CONDITIONS
from tests.nas.search.small import KINDS, TINY, all_archs
from tests.strategies import archs


def test_the_parts_of_a_small_space_are_all_met() -> None:
    met = parts_of(spaces.parse(KINDS), CONDITIONS)
    assert set(met) == {key for arch in all_archs(KINDS) for key in keys_of(arch, CONDITIONS)}
    stem = keys_of(next(iter(all_archs(KINDS))), CONDITIONS)[0]
    assert met[stem] == max(met.values())


def test_the_parts_are_those_that_are_built_at_the_resolution() -> None:
    arch = zoo.get("mobilenet_v2")
    sizes = [size for _, _, size, _ in keys_of(arch, Conditions(resolution=32))]
    assert sizes[0] == 32 and sizes[-1] == 2
    assert keys_of(arch, CONDITIONS)[-1][3] == 10


def test_of_too_many_parts_those_are_timed_that_tell_most() -> None:
    met = parts_of(spaces.parse(KINDS), CONDITIONS)
    some = designed(met, 20)
    assert len(some) == 20 == len(set(some))
    assert designed(met, 20) == some
    # Farther from the rest lies what is left out than what a random choice leaves out.
    rows = scale().fit(list(met))

    def uncovered(chosen: list) -> float:  # type: ignore[type-arg]
        x, taken = rows.transform(list(met)), rows.transform(chosen)
        return float(((x[:, None] - taken[None]) ** 2).sum(axis=2).min(axis=1).mean())

    keys, rng = list(met), np.random.default_rng(0)
    drawn = [[keys[i] for i in rng.permutation(len(keys))[:20]] for _ in range(10)]
    assert uncovered(some) < np.mean([uncovered(chosen) for chosen in drawn])


def test_frequent_parts_are_preferred() -> None:
    met = parts_of(spaces.parse(KINDS), CONDITIONS)
    rare = designed(met, 1)[0]
    met.update({key: 10_000_000 for key in met if key != rare})
    assert rare not in designed(met, 5)


@given(archs())
def test_a_name_gives_its_key_back(arch: Arch) -> None:
    for key in keys_of(arch, Conditions(resolution=224)):
        assert parse_key(key_name(key)) == key


@pytest.mark.parametrize("name", ["", "ir8", "ir8 16", "ir8 a b c", "nothing8 16 32 0 ", "ir8_zz 16 32 0 "])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(UserError):
        parse_key(name)


@given(st.integers(0, 50))
def test_features_do_not_depend_on_how_parts_are_met(seed: int) -> None:
    space = spaces.parse(TINY)
    keys = list(dict.fromkeys(keys_of(space.sample(np.random.default_rng(seed)), CONDITIONS)))
    for key in keys:
        assert all(np.isfinite(list(described(key).values())))
    rows = scale().fit(keys)
    np.testing.assert_allclose(rows.transform(keys), rows.transform(keys[::-1])[::-1])
