"""nas.search.verdict: what is said of a confirmed front, by made-up trainings whose answer is plain."""

import json
from collections.abc import Sequence

import pytest

from nas.search.price import Price
from nas.search.record import Record
from nas.search.results import Results, results
from nas.search.verdict import BETTER, NO_WORSE, UNTOLD, WORSE, sentences, verdict
from tests.nas.search.small import arch_of, outcome, settings
from tests.nas.search.test_campaign import in_memory

Trained = tuple[int, Sequence[float]]
"""A network's cost in multiply-adds, and what its confirming trainings came to."""


def confirmed(found: Sequence[Trained], designed: dict[str, Trained], **notes: int) -> Results:
    record = in_memory(settings(budgets=("100kFLOPs",), confirm=0.3))
    record._studies["search"].set_user_attr("classes", notes.get("classes", 10))
    record._studies["search"].set_user_attr("validation_images", notes.get("images", 5000))
    for number, (macs, values) in enumerate(found):
        trained(record, arch_of(f"{number}"), "", macs, values)
    for name, (macs, values) in designed.items():
        trained(record, arch_of(name), name, macs, values)
    return results(record)


def trained(record: Record, arch: str, name: str, macs: int, values: Sequence[float]) -> None:
    cost = Price(macs, macs // 10, 7)
    kind = "baselines" if name else "search"
    of = record.launch(arch, cost, {}, {}, kind=kind, name=name)
    record.complete(of, outcome(min(max(values) + 0.02, 1.0)), kind=kind)  # selected by its luck
    for seed, value in enumerate(values, start=1):
        number = record.launch(
            arch, cost, {}, {}, kind="confirm", name=name, seed=seed, of=None if name else of
        )
        record.complete(number, outcome(value), kind="confirm")


def around(mean: float) -> tuple[float, ...]:
    """Three trainings with this mean; which seed is the lucky one differs from mean to mean."""
    offsets = (-0.002, 0.002, 0.0)
    turn = round(1000 * mean) % 3
    return tuple(mean + offset for offset in (*offsets[turn:], *offsets[:turn]))


@pytest.mark.parametrize(
    ("cost", "mean", "word"),
    [
        (40_000, 0.70, BETTER),
        (40_000, 0.50, WORSE),
        (40_000, 0.601, UNTOLD),  # it costs less than ours and may be as good
        (60_000, 0.599, NO_WORSE),  # ours costs less, and loses a point at most
        (60_000, 0.70, WORSE),
        (60_000, 0.50, BETTER),
    ],
)
def test_a_point_beside_a_hand_designed_network(cost: int, mean: float, word: str) -> None:
    ours = 0.60 if cost > 50_000 else mean
    theirs = mean if cost > 50_000 else 0.60
    run = confirmed([(50_000, around(ours))], {"mobilenet_v2": (cost, around(theirs))})
    (one,) = verdict(run).besides
    assert (one.name, one.verdict) == ("mobilenet_v2", word)
    assert one.cost == pytest.approx(50_000 / cost) and one.difference == pytest.approx(ours - theirs)
    assert one.low < one.difference < one.high


def test_each_point_is_set_beside_its_nearest_neighbours_in_cost() -> None:
    run = confirmed(
        [(50_000, around(0.6)), (90_000, around(0.8))],
        {
            name: (cost, around(0.5))
            for name, cost in (("a", 10_000), ("b", 45_000), ("c", 55_000), ("d", 99_000))
        },
    )
    assert [(one.trial, one.name) for one in verdict(run).besides] == [(0, "b"), (0, "c"), (1, "c"), (1, "d")]


def test_the_area_is_that_of_the_means_and_its_difference_is_certain_where_it_is_large() -> None:
    run = confirmed([(20_000, around(0.8))], {"a": (20_000, around(0.4))})
    area = verdict(run).area
    assert area is not None and (area.accuracy, area.cost) == (0.1, 100_000)
    assert area.found[0] == pytest.approx(0.8 * 0.7 / 0.9)
    assert area.designed[0] == pytest.approx(0.8 * 0.3 / 0.9)
    assert 0 < area.difference[1] < area.difference[0] == pytest.approx(0.8 * 0.4 / 0.9)


def test_losing_is_told_among_the_last_lines() -> None:
    run = confirmed([(50_000, around(0.5))], {"a": (40_000, around(0.7))})
    lines = sentences(run, verdict(run), "runs/one")
    assert any("a costs no more than trial 0 and is better" in line for line in lines[-2:])
    assert "runs/one@0" in lines[-1]


def test_a_beaten_point_is_off_the_front_and_an_undecided_one_is_told() -> None:
    run = confirmed(
        [(10_000, around(0.7)), (20_000, around(0.5)), (30_000, (0.703, 0.698, 0.7))],
        {"a": (90_000, around(0.7))},
    )
    assert run.front["trial"].tolist() == [0, 2] and run.front["place"].tolist() == ["front", "undecided"]
    assert "the place of 1 of 2 points is not decided" in sentences(run, verdict(run), "r")[0]


def test_what_nothing_confirmed_says_so_and_has_no_verdicts() -> None:
    record = in_memory(settings())
    record.complete(record.launch(arch_of("a"), Price(9, 9, 9), {}, {}), outcome(0.7))
    run = results(record)
    said = verdict(run)
    assert not said.confirmed and not said.besides and said.area is None and said.recommended == 0
    assert sentences(run, said, "r")[0].startswith("not confirmed")


def test_what_is_no_accuracy_of_one_training_is_called_what_it_is() -> None:
    record = in_memory(settings(metric="f1", folds=3))
    record.complete(record.launch(arch_of("a"), Price(9, 9, 9), {}, {}), outcome(0.7))
    run = results(record)
    told = " ".join(sentences(run, verdict(run), "run"))
    assert "each macro F1 is the mean of the 3 folds" in told and "% macro F1" in told


def test_it_is_json_without_numbers_that_json_has_not() -> None:
    run = confirmed(
        [(50_000, (0.5,))], {"a": (40_000, (0.7,))}
    )  # no seed twice: nothing is known of the noise
    plain = verdict(run).plain()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["besides"][0]["low"] is None


def test_a_run_without_any_result_says_nothing_to_take() -> None:
    run = results(in_memory(settings()))
    assert verdict(run).recommended is None
    assert len(sentences(run, verdict(run), "r")) == 1


def test_of_equal_points_the_cheapest_is_taken() -> None:
    run = confirmed([(10_000, (1.0, 1.0)), (20_000, (1.0, 1.0))], {"a": (90_000, (0.5, 0.6))}, images=40)
    assert verdict(run).recommended == 0


def test_equal_results_are_no_certainty() -> None:
    run = confirmed(
        [(10_000, (0.975, 0.975)), (20_000, (0.975, 0.975))], {"a": (90_000, (0.9, 0.9))}, images=40
    )
    assert (run.front["accuracy_low"] < run.front["accuracy"]).all()
    assert run.front["place"].tolist() == ["front", "undecided"]


def test_a_hand_designed_network_that_is_as_good_and_as_cheap_is_told() -> None:
    run = confirmed([(50_000, around(0.6))], {"a": (40_000, around(0.601))})
    assert "nothing is gained here: a costs no more" in sentences(run, verdict(run), "r")[-2]


def test_few_images_leave_much_open_even_where_all_are_right() -> None:
    record = in_memory(settings())
    record._studies["search"].set_user_attr("validation_images", 4)
    record.complete(record.launch(arch_of("a"), Price(9, 9, 9), {}, {}), outcome(1.0))
    run = results(record)
    assert "by up to 49.0 points" in sentences(run, verdict(run), "r")[0]


@pytest.mark.parametrize(
    ("mine", "theirs", "said"), [(80, 100, "20% fewer"), (100, 80, "25% more"), (9, 9, "the same")]
)
def test_costs_are_told_in_words(mine: int, theirs: int, said: str) -> None:
    run = confirmed([(mine * 1000, around(0.6))], {"a": (theirs * 1000, around(0.5))})
    assert (
        f"at {said} multiply-adds {'as' if mine == theirs else 'than'} a:"
        in sentences(run, verdict(run), "r")[1]
    )
