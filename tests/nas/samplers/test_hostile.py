"""What people hand a sampler by mistake, or with every right: equal choices, costs of no kind, queued parts."""

import warnings
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from nas.common.errors import UserError
from nas.samplers import FrontSampler
from nas.samplers.history import detect

DIGIT = IntDistribution(0, 4)


def study(sampler: FrontSampler, directions: list[str] | None = None) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(sampler=sampler, directions=directions or ["maximize", "minimize"])


@pytest.mark.parametrize("choices", [(8, 8, 16, 24), (1, 1.0, 2), (0, 1, True, False), ("a", "b", "a")])
def test_equal_choices_are_one(choices: tuple[Any, ...]) -> None:
    space = {"width": CategoricalDistribution(choices), "other": CategoricalDistribution((3, 5))}
    sampler = FrontSampler(space, lambda p: float(p["other"]), seed=0)
    asked = study(sampler)
    points = []
    while not sampler.exhausted(asked):
        trial = asked.ask(space)
        points.append((trial.params["width"], trial.params["other"]))
        asked.tell(trial, [float(len(points)), float(trial.params["other"])])
    assert len(points) == len(set(points)) == 2 * len(set(choices))


@pytest.mark.parametrize("given", [{}, None, "12", (1, 2), [3.0], {"a": "b"}, {"a": None}, object()])
def test_a_cost_that_is_none_is_refused_by_what_it_gave(given: object) -> None:
    sampler = FrontSampler({"a": DIGIT, "b": DIGIT}, lambda _: given, seed=0)  # type: ignore[arg-type,return-value]
    with pytest.raises(UserError, match="expected a number") as refusal:
        study(sampler).ask({"a": DIGIT, "b": DIGIT})
    assert repr(given) in str(refusal.value)


@pytest.mark.parametrize("cost", [3.0, {"a": 1.0}, "macs"])
def test_a_cost_that_is_no_function_is_refused_at_once(cost: object) -> None:
    with pytest.raises(UserError, match="function"):
        FrontSampler({"a": DIGIT}, cost, seed=0)  # type: ignore[arg-type]


def test_a_queued_part_gets_a_completion_within_the_budget_or_the_nearest_and_a_word() -> None:
    space = {"a": DIGIT, "b": DIGIT, "c": DIGIT}
    sampler = FrontSampler(space, lambda p: 1.0 + 2 * p["a"] + p["b"] + p["c"], budget=6, seed=0)
    asked = study(sampler)

    def queued(**part: int) -> float:
        asked.enqueue_trial(part)
        trial = asked.ask(space)
        cost = 1.0 + 2 * trial.params["a"] + trial.params["b"] + trial.params["c"]
        assert part.items() <= trial.params.items()
        asked.tell(trial, [cost, cost])
        return cost

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(queued(a=2) <= 6 for _ in range(5))  # three completions fit, and then they come again
    with pytest.warns(UserWarning, match="'a': 3"):
        assert queued(a=3) == 7.0


@pytest.mark.parametrize(("scale", "power"), [(1000.0, -1.0), (3.0, 1.0), (2.0, -0.5)])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_function_of_the_known_cost_is_known(scale: float, power: float, sign: int) -> None:
    rng = np.random.default_rng(0)
    cost = rng.uniform(1, 20, 12)
    values = np.column_stack([rng.random(12), scale * cost**power])
    found = detect((1, sign), values, cost[:, None])
    assert found.known == (None, 0) and found.signs == (1, sign if power > 0 else -sign)
    assert detect(
        (1, sign), np.column_stack([values[:, 0], np.sort(cost) + rng.random(12)]), np.sort(cost)[:, None]
    ).known == (
        None,
        None,
    )


def test_frames_a_second_are_searched_as_well_as_milliseconds() -> None:
    """Accuracy falls with speed: the whole front is found although the value is a power of the cost."""
    space = dict.fromkeys("abc", DIGIT)

    def ms(p: dict[str, Any]) -> float:
        return 1.0 + p["a"] + 2.0 * p["b"] + 0.5 * p["c"]

    asked = study(FrontSampler(space, ms, seed=0), ["maximize", "maximize"])
    for _ in range(30):
        trial = asked.ask(space)
        p = trial.params
        asked.tell(trial, [1.0 - 0.8 ** (1 + p["a"] + p["b"]) + 0.01 * p["c"], 1000 / ms(p)])
    fastest = max(trial.values[1] for trial in asked.trials)
    best = max(trial.values[0] for trial in asked.trials)
    assert fastest >= 1000 / 1.5 and best >= 0.86
