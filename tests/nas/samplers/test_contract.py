"""What FrontSampler promises whatever the table: within budget, never twice, the same again, a clean stop."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from multiprocessing import get_context
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.trial import TrialState

from nas.common.errors import UserError
from nas.common.fronts import hypervolume
from nas.samplers import FrontSampler, SpaceExhausted

SPACE: dict[str, Any] = {f"x{i}": CategoricalDistribution((0, 1, 2)) for i in range(5)}
Params = Mapping[str, Any]


def cost(params: Params) -> float:
    return 1.0 + sum(params.values())


def good(params: Params) -> float:
    """Saturating in cost, with a preference for unequal neighbours."""
    values = [params[f"x{i}"] for i in range(5)]
    return float(np.log1p(sum(values)) + 0.1 * sum(a != b for a, b in pairwise(values)))


def study(sampler: FrontSampler, directions: tuple[str, ...] = ("maximize", "minimize")) -> optuna.Study:
    return optuna.create_study(directions=list(directions), sampler=sampler)


def run(source: optuna.Study, trials: int, reward: Callable[[Params], float] = good) -> list[tuple[Any, ...]]:
    """Ask and tell; the points in order."""
    points = []
    for _ in range(trials):
        trial = source.ask()
        params = {name: trial.suggest_categorical(name, (0, 1, 2)) for name in SPACE}
        points.append(tuple(params.values()))
        source.tell(trial, [reward(params), cost(params)])
    return points


def test_same_seed_same_proposals() -> None:
    one, two, other = (run(study(FrontSampler(SPACE, cost, seed=s)), 22) for s in (1, 1, 2))
    assert one == two != other


@pytest.mark.parametrize(
    "reward",
    [good, lambda p: 0.5, lambda p: -cost(p), cost, lambda p: float(hash(tuple(p.values())) % 97)],
    ids=["good", "constant", "minus-cost", "cost", "noise"],
)
def test_never_over_budget_never_twice_until_all_were_tried(reward: Callable[[Params], float]) -> None:
    budget = 3.0
    allowed = sum(1 for i in np.ndindex(*[3] * 5) if 1 + sum(i) <= budget)
    source = study(FrontSampler(SPACE, cost, budget, seed=0))
    points = run(source, allowed, reward)
    assert len(set(points)) == allowed
    assert max(1 + sum(point) for point in points) <= budget
    with pytest.raises(SpaceExhausted):
        run(source, 1, reward)


def test_optimize_stops_by_itself() -> None:
    source = study(FrontSampler(SPACE, cost, 2.0, seed=0))

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        params = {name: trial.suggest_categorical(name, (0, 1, 2)) for name in SPACE}
        return good(params), cost(params)

    source.optimize(objective, n_trials=50)
    assert sum(t.state == TrialState.COMPLETE for t in source.trials) == 6  # all zeros, and five with one 1


def test_a_budget_that_nothing_meets_is_refused() -> None:
    with pytest.raises(UserError):
        run(study(FrontSampler(SPACE, cost, 0.5, seed=0)), 1)


def test_what_is_running_is_not_proposed_again() -> None:
    source = study(FrontSampler(SPACE, cost, seed=0))
    run(source, 18)
    asked = []
    for _ in range(6):
        trial = source.ask()
        asked.append(tuple(trial.suggest_categorical(name, (0, 1, 2)) for name in SPACE))
    told = {tuple(t.params.values()) for t in source.trials if t.state == TrialState.COMPLETE}
    assert len(set(asked)) == 6
    assert not told & set(asked)


def test_another_process_goes_on_where_the_first_stopped(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    first = optuna.create_study(
        storage=url,
        study_name="s",
        directions=["maximize", "minimize"],
        sampler=FrontSampler(SPACE, cost, seed=3),
    )
    points = run(first, 12)
    again = optuna.load_study(storage=url, study_name="s", sampler=FrontSampler(SPACE, cost, seed=3))
    points += run(again, 4)
    assert len(set(points)) == 16
    assert points == run(study(FrontSampler(SPACE, cost, seed=3)), 16)


def test_it_beats_random_search() -> None:
    """Median hypervolume of 5 seeds after 40 of 243 points, against random points."""

    def area(points: list[tuple[Any, ...]]) -> float:
        named = [dict(zip(SPACE, point, strict=True)) for point in points]
        return hypervolume([good(p) for p in named], [cost(p) for p in named], (0.0, 12.0))

    mine = [area(run(study(FrontSampler(SPACE, cost, seed=s)), 30)) for s in range(3)]
    theirs = []
    for seed in range(9):
        rng = np.random.default_rng(seed)
        theirs.append(area([tuple(int(v) for v in rng.integers(3, size=5)) for _ in range(30)]))
    assert np.median(mine) > np.max(theirs)


def test_one_objective_with_integers_and_a_cap() -> None:
    space = {"a": IntDistribution(0, 9), "b": IntDistribution(0, 9)}
    sampler = FrontSampler(space, lambda p: float(p["a"] + p["b"]), 9.0, seed=0)
    source = optuna.create_study(direction="maximize", sampler=sampler)
    for _ in range(30):
        trial = source.ask()
        a, b = trial.suggest_int("a", 0, 9), trial.suggest_int("b", 0, 9)
        assert a + b <= 9
        source.tell(trial, float(a * b))
    assert source.best_value == 20.0


def test_failed_and_pruned_trials_are_no_obstacle() -> None:
    source = study(FrontSampler(SPACE, cost, seed=0))
    for number in range(26):
        trial = source.ask()
        params = {name: trial.suggest_categorical(name, (0, 1, 2)) for name in SPACE}
        if number % 5 == 0:
            source.tell(trial, state=TrialState.FAIL)
        elif number % 5 == 1:
            trial.set_user_attr("fidelity", 0.25)
            trial.set_user_attr("partial_values", [0.5 * good(params), cost(params)])
            source.tell(trial, state=TrialState.PRUNED)
        else:
            source.tell(trial, [good(params), cost(params)])
    assert len({tuple(t.params.values()) for t in source.trials}) == 26


def conditional(trial: optuna.Trial) -> tuple[float, float]:
    """A depth, and an option of each layer that there is."""
    layers = [
        trial.suggest_categorical(f"op{i}", ("a", "b")) for i in range(trial.suggest_int("depth", 1, 4))
    ]
    return 0.3 * len(layers) + 0.1 * layers.count("b"), float(len(layers))


def test_a_space_that_is_not_given_is_learned_conditions_included() -> None:
    """2 + 4 + 8 + 16 networks; options of missing layers make no new ones."""
    source = study(FrontSampler(cost=lambda p: float(p.get("depth", 1)), seed=0))
    source.optimize(conditional, n_trials=40)
    points = [tuple(sorted(t.params.items())) for t in source.trials if t.state == TrialState.COMPLETE]
    learned = points[6:]  # until then some parameters may not have been asked for yet
    assert len(set(learned)) == len(learned)
    assert len(set(points)) >= 25


def test_two_known_costs_make_a_front_of_three_objectives() -> None:
    def two(params: Params) -> dict[str, float]:
        return {"macs": cost(params), "ms": 9.0 - 2.0 * params["x0"] + params["x1"]}

    source = study(FrontSampler(SPACE, two, seed=0), ("maximize", "minimize", "minimize"))
    points = []
    for _ in range(30):
        trial = source.ask()
        params = {name: trial.suggest_categorical(name, (0, 1, 2)) for name in SPACE}
        points.append(tuple(params.values()))
        source.tell(trial, [good(params), *two(params).values()])
    assert len(set(points)) == 30
    assert len(source.best_trials) >= 8


def test_parameters_that_were_queued_are_kept() -> None:
    source = study(FrontSampler(SPACE, cost, seed=0))
    run(source, 12)
    source.enqueue_trial({"x0": 2, "x3": 1})
    ((x0, _, _, x3, _),) = run(source, 1)
    assert (x0, x3) == (2, 1)


def _work(url: str, seed: int) -> None:
    sampler = FrontSampler(SPACE, cost, seed=seed)
    run(optuna.load_study(storage=url, study_name="s", sampler=sampler), 12)


@pytest.mark.slow
def test_processes_that_share_a_storage_never_do_the_same(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    optuna.create_study(storage=url, study_name="s", directions=["maximize", "minimize"])
    context = get_context("spawn")
    workers = [
        context.Process(target=_work, args=(url, 5)) for _ in range(3)
    ]  # of one seed: the hardest case
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    trials = optuna.load_study(storage=url, study_name="s").trials
    assert len(trials) == len({tuple(t.params.items()) for t in trials}) == 36


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize(
    "reward", [good, cost, lambda params: 1.0], ids=["good", "the cost itself", "constant"]
)
def test_a_lone_value_is_always_learned(direction: str, reward: Callable[[Params], float]) -> None:
    """Also where it is minimised, as a cost is, and where it happens to equal the cost."""
    source = study(FrontSampler(SPACE, cost, budget=6, seed=1), (direction,))

    def objective(trial: optuna.Trial) -> float:
        params = {name: trial.suggest_categorical(name, (0, 1, 2)) for name in SPACE}
        assert cost(params) <= 6
        return reward(params)

    source.optimize(objective, n_trials=20)
    assert len({tuple(trial.params.values()) for trial in source.trials}) == 20


def test_two_known_costs_and_nothing_to_learn() -> None:
    costs = {"sum": cost, "first": lambda params: 1.0 + params["x0"]}
    sampler = FrontSampler(SPACE, lambda params: {name: of(params) for name, of in costs.items()}, seed=1)
    source = study(sampler, ("minimize", "minimize"))

    def objective(trial: optuna.Trial) -> list[float]:
        params = {name: trial.suggest_categorical(name, (0, 1, 2)) for name in SPACE}
        return [of(params) for of in costs.values()]

    source.optimize(objective, n_trials=15)
    assert len(source.best_trials) == 1  # the cheapest by both


def test_an_integer_of_too_many_values_is_refused() -> None:
    with pytest.raises(UserError, match="larger step"):
        FrontSampler({"f": IntDistribution(0, 2**32 - 1)})
