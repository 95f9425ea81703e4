"""nas.search.settings: what is stored can be read back, and what cannot be meant is refused."""

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.common.errors import UserError
from nas.common.quantities import QUANTITIES
from nas.latency.table.identity import TableId
from nas.search.settings import SAMPLERS, Settings
from nas.train.trainer import Fidelity, Recipe
from search_spaces import zoo
from tests.nas.search.small import settings

fidelities = st.builds(Fidelity, st.floats(1e-3, 1e3), st.floats(1e-3, 1.0), st.integers(8, 1024))
recipes = st.builds(Recipe, lr=st.floats(1e-6, 1e6), mirror=st.booleans(), batch_size=st.integers(2, 4096))
any_settings = st.builds(
    Settings,
    budgets=st.lists(st.text(max_size=9), max_size=3).map(tuple),
    space=st.text(max_size=50),
    fidelity=fidelities,
    data=st.text(max_size=20),
    data_name=st.text(max_size=20),
    fingerprint=st.text(max_size=8),
    skip_corrupt=st.booleans(),
    granularity=st.sampled_from(("stage", "block")),
    objectives=st.sampled_from([("accuracy", cost) for cost in QUANTITIES]),
    recipe=recipes,
    sampler=st.sampled_from(SAMPLERS),
    seed=st.integers(0, 2**32 - 1),
    baselines=st.lists(st.sampled_from(zoo.WIDE), unique=True).map(tuple),
    seed_baselines=st.booleans(),
    target_resolution=st.integers(8, 4096),
    target_classes=st.integers(1, 10**6),
    latency=st.builds(TableId, st.text(max_size=9), st.text(max_size=9), st.text(max_size=9), st.booleans()),
)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)


@given(any_settings)
def test_what_is_written_is_read(written: Settings) -> None:
    assert Settings.from_json(written.to_json()) == written


@given(any_json.map(json.dumps) | st.text(max_size=30))
def test_json_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="cannot be read by this version"):
        Settings.from_json(text)


@given(st.sampled_from(sorted(asdict(settings()))), any_json)
def test_a_field_of_another_kind_is_refused_or_means_the_same(name: str, value: Any) -> None:
    stored = json.loads(settings().to_json()) | {name: value}
    try:
        read = Settings.from_json(json.dumps(stored))
    except UserError:
        return
    assert type(getattr(read, name)) is type(getattr(settings(), name))
    again = json.loads(read.to_json())[name]
    assert type(again) is type(value)
    assert value.items() <= again.items() if isinstance(value, dict) else again == value


@pytest.mark.parametrize("name", ["budgets", "space", "fidelity", "recipe", "objectives", "baselines"])
def test_a_field_that_is_missing_is_refused(name: str) -> None:
    stored = json.loads(settings().to_json())
    del stored[name]
    with pytest.raises(UserError):
        Settings.from_json(json.dumps(stored))


@pytest.mark.parametrize("where", ["", "fidelity", "recipe"])
def test_a_field_of_a_later_version_is_refused_by_name(where: str) -> None:
    stored = json.loads(settings().to_json())
    (stored[where] if where else stored)["quantisation"] = 8
    with pytest.raises(UserError, match="quantisation"):
        Settings.from_json(json.dumps(stored))


@pytest.mark.parametrize(
    "changes",
    [
        {"objectives": ("accuracy",)},
        {"objectives": ("macs", "accuracy")},
        {"objectives": ("accuracy", "macs", "params")},
        {"objectives": ("accuracy", "latency")},
        {"objectives": ("accuracy", "accuracy")},
        {"objectives": ("accuracy", "beauty")},
        {"objectives": ()},
        {"sampler": "cmaes"},
        {"sampler": ""},
        {"seed": -1},
        {"seed": 2**32},
        {"target_resolution": 7},
        {"target_resolution": 10**6},
        {"target_classes": 0},
    ],
)
def test_what_cannot_be_searched_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=next(iter(changes))[:6]):
        settings(**changes)


def test_the_target_is_said_with_resolution_and_classes() -> None:
    assert settings(target_resolution=96, target_classes=7).target == "96x96, 7 classes, batch 1"


def test_limits_are_the_budgets() -> None:
    assert [b.limit for b in settings(budgets=("2MFLOPs", "1kParams")).limits] == [2e6, 1e3]


@pytest.mark.parametrize("name", zoo.WIDE)
def test_every_baseline_is_in_the_zoo(name: str) -> None:
    assert zoo.get(name).blocks
    assert set(zoo.SMALL) <= set(zoo.WIDE)


def test_a_run_made_before_statistics_were_measured_anew_goes_on_as_it_began() -> None:
    stored = json.loads(settings().to_json())
    del stored["recipe"]["statistics_until"]
    assert Settings.from_json(json.dumps(stored)).recipe.statistics_until == 0
    assert settings().recipe.statistics_until > 0
