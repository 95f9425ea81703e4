"""nas.search.baselines: the hand-designed networks that matter under a budget."""

import pytest

from nas.common.errors import UserError
from nas.search.baselines import AUTO, FAMILIES, MOST, named, that_matter
from nas.search.price import pricer
from nas.search.settings import Settings
from nas.train.recipe import Fidelity
from search_spaces import spaces, zoo


def under(*budgets: str, objective: str = "macs") -> tuple[Settings, dict[str, float]]:
    """Settings under these budgets, and the chosen networks with their costs in the objective."""
    settings = Settings(
        fidelity=Fidelity(1.0), budgets=budgets, space=spaces.MOBILE, objectives=("accuracy", objective)
    )
    price = pricer(settings)
    chosen = that_matter(settings, price)
    return settings, {name: float(getattr(price(zoo.get(name)), settings.objective)) for name in chosen}


@pytest.mark.parametrize("budget", ["100MFLOPs", "300MFLOPs", "600MFLOPs"])
def test_the_largest_of_each_family_within_the_budget_is_among_them(budget: str) -> None:
    settings, chosen = under(budget)
    limit, price = settings.limits[0].limit, pricer(settings)
    assert all(cost <= limit for cost in chosen.values()) and len(chosen) <= MOST
    for family in FAMILIES:
        widths = [
            name for name in zoo.names() if zoo.split(name)[0] == family and zoo.split(name)[2] in (None, 3)
        ]
        fitting = {name: price(zoo.get(name)).macs for name in widths if price(zoo.get(name)).macs <= limit}
        if fitting:
            assert max(fitting, key=lambda name: fitting[name]) in chosen


def test_those_of_300_million_reach_from_small_to_the_budget() -> None:
    _, chosen = under("300MFLOPs")
    assert min(chosen.values()) < 60e6 and max(chosen.values()) > 225e6
    assert {"shufflenet_v2_x1.5", "shufflenet_v1_g3_x1.5", "mobilenet_v3_large"} <= set(chosen)


def test_every_budget_binds() -> None:
    _, both = under("300MFLOPs", "2MParams")
    assert both and all(pricer(under("300MFLOPs")[0])(zoo.get(name)).params <= 2e6 for name in both)


def test_the_cost_is_that_of_the_run() -> None:
    _, by_size = under("4MParams", objective="params")
    assert by_size and all(cost <= 4e6 for cost in by_size.values())


def test_fewer_are_the_first_of_more() -> None:
    settings, chosen = under("300MFLOPs")
    assert list(chosen)[:3] == list(that_matter(settings, pricer(settings), 3))


def test_words_and_names() -> None:
    assert named(AUTO) == (AUTO,) and named("none") == () and named("small") == zoo.SMALL
    assert named("mobilenext, mobilenet_v2,mobilenext") == ("mobilenext", "mobilenet_v2")
    with pytest.raises(UserError):
        named("resnet50")
