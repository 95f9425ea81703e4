"""Small-sample statistics: what they say over thousands of simulated ablations, and in every odd case."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats as scipy_stats

from nas.common.stats import (
    HELPS,
    HURTS,
    UNSEEN,
    UNTESTED,
    Effect,
    contrast_effects,
    detectable,
    found_with,
    holm,
    pooled_intervals,
    pooled_noise,
)

SIMULATIONS = 10_000
NOISE = 0.007
SEEDS = 3
ERROR = NOISE * math.sqrt(2 / SEEDS)
"""The true standard error of a difference."""


def simulated(
    effects: Sequence[float], simulations: int, seed: int = 0, seeds: int = SEEDS
) -> list[NDArray[np.float64]]:
    """Differences [components, seeds] of ablations with one base; what a seed does to all networks is larger."""
    rng = np.random.default_rng(seed)
    shape = (simulations, len(effects) + 1, seeds)
    table = rng.normal(0, NOISE, shape) + rng.normal(0, 0.02, (simulations, 1, seeds))
    table[:, 1:] += np.array(effects)[:, None]
    return list(table[:, 1:] - table[:, :1])


def paired_effects(differences: dict[str, list[float]]) -> dict[str, Effect]:
    """Effects of differences from one base, which stands there as zeros: what a seed adds to every row cancels."""
    base = [0.0] * max(map(len, differences.values()), default=0)
    contrasts = {name: [(1.0, name), (-1.0, "base")] for name in differences}
    return contrast_effects({"base": base, **differences}, contrasts)


def read(differences: NDArray[np.float64]) -> list[Effect]:
    return list(paired_effects({str(i): list(row) for i, row in enumerate(differences)}).values())


def share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits)


def test_a_component_that_does_nothing_is_said_to_do_nothing() -> None:
    """Alone, its verdict is the plain test's: "no difference seen" in 95 % of ablations, as often covered."""
    found = [read(differences)[0] for differences in simulated([0.0], SIMULATIONS)]
    assert 0.935 <= share([effect.verdict == UNSEEN for effect in found]) <= 0.965
    assert 0.935 <= share([effect.low <= 0 <= effect.high for effect in found]) <= 0.965
    assert all(effect.df == SEEDS - 1 for effect in found)


@pytest.mark.slow
def test_among_components_that_matter_a_null_is_still_a_null() -> None:
    """Holm's correction spends nothing on what is found: the verdict on the rest is again at 5 %."""
    found = [read(differences) for differences in simulated([0.0, 0.3, -0.3, 0.2, -0.2, 0.1], SIMULATIONS)]
    assert 0.935 <= share([effects[0].verdict == UNSEEN for effects in found]) <= 0.965
    assert share([effects[1].verdict == HELPS and effects[2].verdict == HURTS for effects in found]) > 0.999
    for truth, place in ((0.0, 0), (0.3, 1), (-0.2, 4)):
        assert 0.935 <= share([e[place].low <= truth <= e[place].high for e in found]) <= 0.965


@pytest.mark.slow
def test_where_nothing_matters_the_whole_study_is_rarely_wrong() -> None:
    """Of one component the uncorrected p is below 5 % in 5 %; any verdict at all is wrong in at most as many."""
    found = [read(differences) for differences in simulated([0.0] * 6, SIMULATIONS, seed=1)]
    for place in range(6):
        assert 0.935 <= share([effects[place].p > 0.05 for effects in found]) <= 0.965
        assert 0.935 <= share([effects[place].low <= 0 <= effects[place].high for effects in found]) <= 0.965
    silent = share([all(effect.verdict == UNSEEN for effect in effects) for effects in found])
    assert 0.945 <= silent <= 0.985, "Holm over differences that share a base is a little too careful"


@pytest.mark.parametrize(
    ("effects", "simulations"),
    [([3.0], 4_000), pytest.param([3.0, 0.0, 0.0], 10_000, marks=pytest.mark.slow)],
)
def test_a_planted_effect_is_found_as_often_as_theory_says(effects: list[float], simulations: int) -> None:
    """Three standard errors, by the noncentral t distribution with the pooled degrees of freedom."""
    planted = [ERROR * effect for effect in effects]
    found = [read(differences)[0] for differences in simulated(planted, simulations, seed=2)]
    df = len(effects) * (SEEDS - 1)
    critical = scipy_stats.t.isf(0.025, df)
    theory = scipy_stats.nct.sf(critical, df, 3.0) + scipy_stats.nct.cdf(-critical, df, 3.0)
    assert found_with(3.0, df) == pytest.approx(theory, abs=1e-9)
    assert share([effect.p <= 0.05 for effect in found]) == pytest.approx(theory, abs=0.02)
    if len(effects) == 1:
        assert share([effect.verdict == HELPS for effect in found]) == pytest.approx(theory, abs=0.02)


def test_pooling_finds_more_than_a_pair_alone() -> None:
    differences = simulated([3 * ERROR, *[0.0] * 5], 400, seed=3)
    pooled = share([read(one)[0].p <= 0.05 for one in differences])
    alone = share([read(one[:1])[0].p <= 0.05 for one in differences])
    assert pooled > alone + 0.2


@pytest.mark.parametrize("components", [1, 6])
def test_what_is_called_detectable_is_detected(components: int) -> None:
    """Of `smallest`, at the strictest step of the correction, four in five are found."""
    df, level = components * (SEEDS - 1), 0.05 / components
    shift = detectable(df, level)
    assert found_with(shift, df, level) == pytest.approx(0.8, abs=1e-6)
    differences = simulated([shift * ERROR, *[0.0] * (components - 1)], 1_000, seed=4)
    assert share([read(one)[0].p <= level for one in differences]) == pytest.approx(0.8, abs=0.045)


def test_the_smallest_difference_is_printed_in_the_units_of_the_accuracy() -> None:
    effect = paired_effects({"a": [0.01, 0.02, 0.03], "b": [0.0, 0.01, -0.01]})["a"]
    assert effect.smallest == pytest.approx(effect.error * detectable(4, 0.025))


@pytest.mark.parametrize("df", [1, 2, 4, 30, 1000])
@pytest.mark.parametrize("level", [0.05, 0.05 / 60])
def test_a_difference_that_can_be_found_exists_for_every_size_of_study(df: int, level: float) -> None:
    assert found_with(detectable(df, level), df, level) == pytest.approx(0.8, abs=1e-6)
    assert found_with(0.0, df, level) == pytest.approx(level)


def test_a_single_component_is_the_paired_t_test() -> None:
    variant, base = [0.71, 0.74, 0.69, 0.75], [0.70, 0.72, 0.69, 0.71]
    effect = paired_effects({"x": [a - b for a, b in zip(variant, base, strict=True)]})["x"]
    expected = scipy_stats.ttest_rel(variant, base)
    assert effect.p == pytest.approx(expected.pvalue) and effect.p_holm == effect.p
    interval = expected.confidence_interval(0.95)
    assert (effect.low, effect.high) == pytest.approx((interval.low, interval.high))


def test_the_noise_is_what_a_two_way_analysis_of_variance_leaves() -> None:
    table = np.random.default_rng(0).normal(size=(5, 4))
    noise, df = pooled_noise(table)
    left = table - table.mean(1, keepdims=True) - table.mean(0) + table.mean()
    assert df == 12 and noise**2 == pytest.approx((left**2).sum() / 12)


def test_what_a_seed_does_to_every_network_makes_no_difference() -> None:
    rng = np.random.default_rng(0)
    table, seeds = rng.normal(size=(3, 3)), 100 * rng.normal(size=3)
    contrasts = {"x": ((1.0, "1"), (-1.0, "0"))}
    one, other = (
        contrast_effects({str(i): list(row) for i, row in enumerate(rows)}, contrasts)["x"]
        for rows in (table, table + seeds)
    )
    assert one.mean == pytest.approx(other.mean) and one.p == pytest.approx(other.p)


def test_unequal_numbers_of_seeds() -> None:
    found = paired_effects({"a": [0.01, 0.02, 0.03], "b": [0.01], "c": [math.nan, 0.02, 0.00]})
    assert [found[name].n for name in "abc"] == [3, 1, 2]
    assert found["b"].df == found["a"].df == 3, "9 values, less 3 networks beside the base and 3 seeds"
    assert found["b"].error == pytest.approx(found["a"].error * math.sqrt(3))
    assert found["b"].verdict != UNTESTED and found["c"].mean == pytest.approx(0.01)


def test_one_seed_says_nothing() -> None:
    effect = paired_effects({"a": [0.05], "b": [0.01]})["a"]
    assert effect.verdict == UNTESTED and "two" in effect.reason
    assert effect.mean == 0.05 and effect.df == 0
    assert all(math.isnan(v) for v in (effect.low, effect.high, effect.p, effect.p_holm, effect.smallest))


def test_no_seed_says_nothing_and_costs_the_others_nothing() -> None:
    found = paired_effects({"a": [0.01, 0.03], "b": [], "c": [math.nan, math.nan]})
    assert found["b"].verdict == found["c"].verdict == UNTESTED and found["b"].n == 0
    assert found["a"].p_holm == found["a"].p


def test_differences_without_spread() -> None:
    """The same gain in every seed is no proof: a coarse accuracy does that. No gain in any is no difference."""
    gain = paired_effects({"a": [0.01, 0.01, 0.01]})["a"]
    assert gain.verdict == UNTESTED and "noise" in gain.reason and math.isnan(gain.p)
    nothing = paired_effects({"a": [0.0, 0.0, 0.0]})["a"]
    assert nothing.verdict == UNSEEN and (nothing.low, nothing.high) == (0.0, 0.0)


def test_an_interaction_is_read_from_four_networks() -> None:
    rows = {"base": [0.70, 0.71], "a": [0.72, 0.74], "b": [0.71, 0.71], "ab": [0.78, 0.79]}
    terms = ((1.0, "ab"), (-1.0, "a"), (-1.0, "b"), (1.0, "base"))
    effect = contrast_effects(rows, {"a x b": terms})["a x b"]
    assert effect.mean == pytest.approx(0.05) and effect.df == 3
    noise, _ = pooled_noise(np.array(list(rows.values())))
    assert effect.error == pytest.approx(noise * math.sqrt(4 / 2))


def test_a_row_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        contrast_effects({"a": [0.1, 0.2]}, {"x": ((1.0, "a"), (-1.0, "b"))})


def test_holms_correction() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": math.nan}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06, "d": math.nan}, nan_ok=True
    )
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


def test_nothing_at_all() -> None:
    assert paired_effects({}) == {} and contrast_effects({}, {}) == {}


@pytest.mark.parametrize("seed_effect", [0.0, 0.007, 0.03])
def test_the_interval_of_an_accuracy_covers_it_however_much_the_seeds_add(seed_effect: float) -> None:
    """Rows share their seeds; counted as if they did not, a large effect of seeds would leave 88 % covered."""
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(1_000):
        table = 0.7 + rng.normal(0, NOISE, (6, SEEDS)) + rng.normal(0, seed_effect, (1, SEEDS))
        _, low, high = pooled_intervals({str(i): list(row) for i, row in enumerate(table)})["0"]
        hits.append(low <= 0.7 <= high)
    assert 0.92 <= share(hits) <= 0.975


def test_pooled_intervals_of_odd_rows() -> None:
    found = pooled_intervals({"a": [0.70, 0.72], "b": [0.71], "c": [], "d": [math.nan, 0.69]})
    assert found["a"][0] == pytest.approx(0.71) and found["b"][1] < 0.71 < found["b"][2]
    assert all(map(math.isnan, found["c"])) and found["d"][0] == 0.69
    assert math.isnan(pooled_intervals({"a": [0.7], "b": [0.6]})["a"][1])
    values = [0.70, 0.72, 0.71]
    textbook = scipy_stats.t.interval(0.95, 2, np.mean(values), scipy_stats.sem(values))
    assert pooled_intervals({"a": values})["a"] == pytest.approx((0.71, *textbook))
    assert pooled_intervals({"a": [0.7, 0.7], "b": [0.6, 0.6]})["a"] == (0.7, 0.7, 0.7)


def test_a_network_that_stands_twice_in_a_contrast_counts_once() -> None:
    accuracies = {"f": [0.71, 0.70, 0.73], "g": [0.66, 0.69, 0.68], "b": [0.70, 0.71, 0.72]}
    straight = contrast_effects(accuracies, {"c": [(1.0, "b"), (-1.0, "g")]})["c"]
    twice = contrast_effects(accuracies, {"c": [(1.0, "f"), (-1.0, "f"), (-1.0, "g"), (1.0, "b")]})["c"]
    assert (twice.low, twice.high, twice.p) == pytest.approx((straight.low, straight.high, straight.p))


def test_no_power_is_claimed_where_the_noise_is_not_known() -> None:
    effect = paired_effects({"same": [0.0, 0.0, 0.0]})["same"]
    assert effect.verdict == UNSEEN and math.isnan(effect.smallest)


def test_a_contrast_that_cancels_is_nothing() -> None:
    accuracies = {"f": [0.71, 0.70, 0.73], "b": [0.70, 0.71, 0.72]}
    effect = contrast_effects(accuracies, {"c": [(1.0, "f"), (-1.0, "f")]})["c"]
    assert (effect.mean, effect.n, effect.verdict) == (0.0, 3, UNSEEN) and math.isnan(effect.smallest)
