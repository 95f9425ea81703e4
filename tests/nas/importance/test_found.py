"""Importances on a search whose answer is known: what was planted is found, and what was not is not."""

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution

from nas.common.errors import UserError
from nas.importance.found import COLUMNS, LEAST, Importances, at_equal_cost, importances
from nas.importance.picture import importance_sheet
from nas.search.price import Price
from nas.search.record import KINDS, Record
from search_spaces import spaces
from tests.nas.search import small

SPACE = """
name: planted
stem: stem8
first: ir8
choices:
  {block: [ir], kernel: [3, 5], expansion: [2, 4], squeeze_excite: [off, on], activation: [RE, HS], groups: [1, 2]}
stages:
  - {width: [8, 16, 24], depth: [2, 3], stride: 2}
  - {width: [16, 24, 40], depth: [2, 3], stride: 2}
head: {ratio: 1, features: 16}
"""


def in_memory() -> Record:
    """The record of a run that is in no file."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    studies = {kind: optuna.create_study(directions=["maximize", "minimize"]) for kind in KINDS}
    studies["search"].set_user_attr("settings", small.settings(space=SPACE).to_json())
    return Record(studies)


def plant(record: Record, trials: int, seed: int = 0, epochs: float | None = None) -> Record:
    """A run whose accuracy is its cost's logarithm, the kernel of stage 1, squeeze-excite of stage 2, and noise."""
    space, rng = spaces.parse(SPACE), np.random.default_rng(seed)
    for _ in range(trials):
        params = space.draw(lambda d: d.choices[int(rng.integers(len(d.choices)))])
        arch = space.arch(params)
        macs = 100_000 * int(params["s1.width"]) * int(params["s2.width"]) * int(params["s2.depth"])
        accuracy = 0.3 + 0.08 * np.log(macs / 1e7) + 0.03 * (params["s1.kernel"] == 5)
        accuracy += 0.015 * bool(params["s2.squeeze_excite"]) + 0.004 * rng.normal()
        number = record.launch(
            str(arch),
            Price(macs, 1000, 1000),
            params,
            {d.name: CategoricalDistribution(d.choices) for d in space.dimensions if d.name in params},
            epochs=epochs,
        )
        record.complete(number, small.outcome(float(accuracy)))
    return record


@pytest.fixture(scope="module")
def record() -> Record:
    return plant(in_memory(), 60)


@pytest.fixture(scope="module")
def found(record: Record) -> Importances:
    return importances(record, shuffles=5)


def test_what_was_planted_is_found_and_nothing_else(found: Importances) -> None:
    assert list(found.choices.columns) == list(COLUMNS)
    assert list(found.choices["choice"][:2]) == ["s1.kernel", "s2.squeeze_excite"]
    sure = found.choices[found.choices["at_equal_cost"] > found.choices["chance"]]
    assert {"s1.kernel", "s2.squeeze_excite"} <= set(sure["choice"]) and len(sure) <= 4
    top = found.choices.iloc[0]
    assert (top["best"], top["worst"]) == ("5", "3") and top["gain"] == pytest.approx(0.03, abs=0.008)
    assert set(found.choices["ped_anova"].nlargest(1).index) == {0}, "both evaluators agree on the first"
    assert found.choices["at_equal_cost"].sum() == pytest.approx(1.0)


def test_the_cost_is_taken_out(found: Importances) -> None:
    """For plain accuracy the widths win, for being dear; at equal cost they explain next to nothing."""
    width = found.options.set_index("option").loc["width"]
    assert width["accuracy"] > 0.5 and width["at_equal_cost"] < 0.05
    assert found.explained > 0.8 and found.cost == "macs"


def test_a_seed_says_everything() -> None:
    few = plant(in_memory(), LEAST)
    one, other = (importances(few, shuffles=1, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(one.choices, other.choices)


def test_without_shuffles_nothing_is_said_of_chance(record: Record) -> None:
    assert importances(record, shuffles=0).choices["chance"].isna().all()


@pytest.mark.parametrize(("trials", "epochs"), [(LEAST - 1, None), (LEAST + 1, 0.05)])
def test_few_trials_of_the_full_fidelity_are_refused(trials: int, epochs: float | None) -> None:
    with pytest.raises(UserError, match=f"at least {LEAST}"):
        importances(plant(in_memory(), trials, epochs=epochs))


def test_accuracies_that_are_all_alike_are_refused() -> None:
    record = in_memory()
    space = spaces.parse(SPACE)
    for depth in range(LEAST + 1):
        params = space.draw(lambda d, depth=depth: d.choices[depth % len(d.choices)])  # type: ignore[misc]
        kinds = {d.name: CategoricalDistribution(d.choices) for d in space.dimensions}
        number = record.launch(str(space.arch(params)), Price(10**7, 10, 10), params, kinds)
        record.complete(number, small.outcome(0.5))
    with pytest.raises(UserError, match="alike"):
        importances(record)


def test_what_is_left_does_not_follow_the_cost() -> None:
    rng = np.random.default_rng(0)
    cost = np.exp(rng.uniform(10, 14, 200))
    rest, explained = at_equal_cost(0.1 * np.log(cost) ** 2 + rng.normal(0, 0.01, 200), cost)
    assert explained > 0.99 and abs(np.corrcoef(rest, np.log(cost))[0, 1]) < 1e-6
    assert rest.mean() == pytest.approx(0, abs=1e-12) and np.std(rest) == pytest.approx(0.01, rel=0.2)


def test_a_cost_that_does_not_differ_explains_nothing() -> None:
    rest, explained = at_equal_cost(np.array([0.1, 0.3]), np.array([5.0, 5.0]))
    assert explained == 0 and rest.tolist() == pytest.approx([-0.1, 0.1])


def test_the_picture_shows_every_option_and_marks_chance(found: Importances) -> None:
    sheet = importance_sheet(found, "planted", "1 epoch")
    assert "60 trials of 1 epoch. Multiply-adds alone explain" in sheet.subtitle[0]
    (choices, _), (options, _) = sheet.panels
    assert choices.y_axis.names[0] == "s1.kernel" and len(options.y_axis.names) == len(found.options)
    filled = next(series for series in choices.series if series.name == "fANOVA")
    chance = next(series for series in choices.series if series.name.startswith("chance"))
    places = dict(zip(chance.y, chance.x, strict=True))
    assert all(x > places[y] for x, y in zip(filled.x, filled.y, strict=True))
