"""What FrontSampler learns from: brief trainings, repeated ones, earlier runs; and what never counts as a result."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState, create_trial

from nas.common.errors import UserError
from nas.samplers import FIDELITY, FOLDS, PARTIAL, FrontSampler, PriorResult
from nas.samplers.grid import Grid
from nas.samplers.history import History, Objectives, read, standard_errors
from nas.samplers.model import Model
from nas.samplers.problem import Prices, Problem

SPACE: dict[str, Any] = {f"x{i}": CategoricalDistribution((0, 1, 2)) for i in range(6)}
GRID = Grid.of(SPACE)
OBJECTIVES = Objectives((1, -1), (None, 0))


def cost(params: Mapping[str, Any]) -> float:
    return 1.0 + float(sum(params.values()))


def truth(params: Mapping[str, Any]) -> float:
    """Only x0 and x1 are worth their cost."""
    return float(params["x0"] + params["x1"]) - 0.1 * float(params["x5"])


def trial(point: list[int], accuracy: float | None, **attributes: Any) -> optuna.trial.FrozenTrial:
    """A finished trial; FAIL where the accuracy is None, PRUNED where `partial_values` is among the attributes."""
    params = dict(zip(SPACE, point, strict=True))
    state = TrialState.FAIL if accuracy is None else TrialState.COMPLETE
    if PARTIAL in attributes:
        state = TrialState.PRUNED
    return create_trial(
        params=params,
        distributions=SPACE,
        values=[accuracy or 0.0, cost(params)] if state == TrialState.COMPLETE else None,
        state=state,
        user_attrs=attributes,
    )


def history(*trials: optuna.trial.FrozenTrial, prior: tuple[PriorResult, ...] = ()) -> History:
    study = optuna.create_study(directions=["maximize", "minimize"])
    study.add_trials(trials)
    return read(GRID, OBJECTIVES, study.trials, prior, len(trials))


def random_points(n: int, seed: int = 0) -> list[list[int]]:
    return GRID.uniform(np.random.default_rng(seed), n).tolist()


def test_only_full_results_of_the_study_count() -> None:
    known = history(
        trial([0] * 6, 0.5),
        trial([1] * 6, 0.9, **{FIDELITY: 0.3}),
        trial([2] * 6, 0.0, **{FIDELITY: 0.5, PARTIAL: [0.8, 1.0]}),
        trial([0, 1, 2, 0, 1, 2], None),
        prior=(PriorResult(dict.fromkeys(SPACE, 1), 0.99),),
    )
    assert known.rows[known.counts].tolist() == [[0] * 6]
    assert sorted(known.brief.tolist()) == [[1] * 6, [2] * 6]
    assert known.failed.tolist() == [[0, 1, 2, 0, 1, 2]]
    assert len(known.tried) == 4  # a prior result may be trained again


def test_a_brief_result_never_lies_on_the_front() -> None:
    """One brief training that claims a hundred times the accuracy does not stand where full results stand."""
    full = [trial(p, truth(dict(zip(SPACE, p, strict=True)))) for p in random_points(20)]
    absurd = trial([2] * 6, 400.0, **{FIDELITY: 0.1})
    known = history(*full, absurd)
    problem = Problem(GRID, Prices(GRID, cost, None), 0)
    beliefs = Model(problem).learn(known)
    brief = (beliefs.rows == 2).all(axis=1)
    assert brief.sum() == 1
    assert beliefs.standing[brief].max() < 3 * np.abs(beliefs.standing[~brief]).max()


def beliefs_rank(known: History, seed: int = 9) -> float:
    """The rank correlation of what is believed with the truth, over random points."""
    problem = Problem(GRID, Prices(GRID, cost, None), 0)
    rows = GRID.uniform(np.random.default_rng(seed), 200)
    mean, _ = Model(problem).learn(known).predict(rows, problem.prices(rows))
    real = [truth(GRID.params(row)) for row in rows]
    order = np.argsort(np.argsort(mean[:, 0])), np.argsort(np.argsort(real))
    return float(np.corrcoef(*order)[0, 1])


def test_brief_results_on_another_scale_inform() -> None:
    points = random_points(36)
    named = [dict(zip(SPACE, p, strict=True)) for p in points]
    few = [trial(p, truth(q)) for p, q in zip(points[:8], named[:8], strict=True)]
    brief = [
        trial(p, 0.2 * truth(q) - 1.0, **{FIDELITY: 0.3}) for p, q in zip(points[4:], named[4:], strict=True)
    ]
    assert beliefs_rank(history(*few, *brief)) > beliefs_rank(history(*few)) + 0.1


def test_results_of_an_earlier_run_inform() -> None:
    points = random_points(40)
    few = [trial(p, truth(dict(zip(SPACE, p, strict=True)))) for p in points[:6]]
    prior = tuple(
        PriorResult(q, 3.0 * truth(q) + 7.0) for p in points[6:] for q in [dict(zip(SPACE, p, strict=True))]
    )
    assert beliefs_rank(history(*few, prior=prior)) > beliefs_rank(history(*few)) + 0.1


def test_repeated_trainings_are_averaged() -> None:
    """The belief of a point trained three times lies near the mean, whatever the order they came in."""
    others = [trial(p, truth(dict(zip(SPACE, p, strict=True)))) for p in random_points(20)]
    repeats = [trial([2, 2, 0, 0, 0, 0], v) for v in (3.0, 4.0, 5.0)]
    problem = Problem(GRID, Prices(GRID, cost, None), 0)
    row = GRID.rows([np.array([2, 2, 0, 0, 0, 0], dtype=np.int32)])
    means = []
    for order in ([0, 1, 2], [2, 1, 0]):
        beliefs = Model(problem).learn(history(*others, *[repeats[i] for i in order]))
        means.append(beliefs.predict(row, problem.prices(row))[0][0, 0])
    assert means[0] == pytest.approx(means[1], abs=1e-3)


@pytest.mark.parametrize("share", [0.0, 1.5, -1.0])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(UserError, match=str(share)):
        history(trial([0] * 6, 0.5, **{FIDELITY: share}))


def hypervolume_after(prior: list[PriorResult], trials: int, seed: int) -> float:
    from nas.common.fronts import hypervolume

    sampler = FrontSampler(SPACE, cost, prior=prior, seed=seed)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    for _ in range(trials):
        asked = study.ask()
        params = {name: asked.suggest_categorical(name, (0, 1, 2)) for name in SPACE}
        study.tell(asked, [truth(params), cost(params)])
    values = [t.values for t in study.trials]
    return hypervolume([v[0] for v in values], [v[1] for v in values], (-1.0, 14.0))


def test_a_warm_start_saves_trainings() -> None:
    prior = [
        PriorResult(q, 0.5 * truth(q) + 3.0)
        for p in random_points(30)
        for q in [dict(zip(SPACE, p, strict=True))]
    ]
    warm = np.median([hypervolume_after(prior, 6, seed) for seed in range(3)])
    cold = np.median([hypervolume_after([], 6, seed) for seed in range(3)])
    assert warm > cold


def test_what_is_running_leaves_less_to_learn_around_it() -> None:
    """Proposals for several workers do not crowd: beside a running point less is unknown."""
    known = history(*[trial(p, truth(dict(zip(SPACE, p, strict=True)))) for p in random_points(12)])
    pending = GRID.rows([np.full(6, 2, dtype=np.int32)])
    problem = Problem(GRID, Prices(GRID, cost, None), 0)
    near = pending.copy()
    near[0, 3] = 0
    alone, beside = (
        Model(problem).learn(h).predict(near, problem.prices(near))[1][0, 0]
        for h in (known, replace(known, pending=pending))
    )
    assert beside < alone


def test_what_folds_do_to_every_network_is_no_noise() -> None:
    """Folds of very different difficulty that rank networks alike leave no doubt about a mean."""
    hard = np.array([0.0, 0.2, -0.3, 0.1, 0.0])
    alike = [list(level + hard) for level in (0.5, 0.6, 0.7)]
    np.testing.assert_allclose(standard_errors(alike), 0.0, atol=1e-9)
    (alone,) = standard_errors(alike[:1])  # with one result nothing tells the two apart
    assert alone == pytest.approx(hard.std(ddof=1) / np.sqrt(5))
    assert standard_errors([[], []]).tolist() == [0.0, 0.0]


def test_the_standard_error_of_folds_is_that_of_their_mean() -> None:
    rng = np.random.default_rng(0)
    folds = (0.5 + 0.1 * rng.standard_normal(5) + rng.normal(0, 0.04, (400, 5))).tolist()
    errors = standard_errors(folds)
    assert np.sqrt((errors**2).mean()) == pytest.approx(0.04 / np.sqrt(5), rel=0.05)
    assert errors.std() > 0  # each has its own


def test_a_result_whose_folds_scatter_is_believed_less() -> None:
    """Two equal surprises: the one that its folds disagree about moves the belief less."""
    points = random_points(30)
    sure, unsure = [2] * 6, [0, 2, 1, 2, 0, 1]

    def believed(scatter: float) -> float:
        rng = np.random.default_rng(1)
        told = []
        for point in [*points, sure, unsure]:
            value = truth(dict(zip(SPACE, point, strict=True))) + 2.0 * (point == unsure)
            spread = (scatter if point == unsure else 0.05) * rng.standard_normal(5)
            told.append(trial(point, value, **{FOLDS: (value + spread - spread.mean()).tolist()}))
        problem = Problem(GRID, Prices(GRID, cost, None), 0)
        known = history(*told)
        assert known.noise.shape == (32,) and (known.noise > 0).all()
        beliefs = Model(problem).learn(known)
        at = np.array([unsure], dtype=np.int32)
        mean, _ = beliefs.predict(at, problem.prices(at))
        return float(mean[0, 0])

    assert believed(3.0) < believed(0.05) - 0.2
