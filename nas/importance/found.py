"""How much each choice of a space matters for accuracy, from the trials of a finished search.

What an option costs is taken out first: accuracy is regressed on the logarithm of the cost, and what is left is
the accuracy at equal cost. Else the widths would win every time, for being dear. Two of Optuna's evaluators look at
the rest: fANOVA (the share of a random forest's variance, Hutter et al. 2014) and PED-ANOVA (how differently the
best trials choose, Watanabe et al. 2023). Few trials give every choice some importance: the same forest on shuffled
accuracies says how much, and what does not exceed that is not to be believed.
"""

import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, create_trial

from nas.common import quantities
from nas.common.errors import UserError
from nas.search.record import Record
from search_spaces.stages import Value

LEAST = 20
"""Trials below which nothing is said."""
SHUFFLES = 20
_TREES = 32
_CHANCE = 0.95  # of the shuffles stay below what chance alone reaches
_BEST = 0.1  # of the trials are PED-ANOVA's best, but never fewer than:
_FEWEST_BEST = 5
COLUMNS = ("choice", "at_equal_cost", "chance", "corrected", "ped_anova", "accuracy", "best", "worst", "gain")

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Importances:
    """What `importances` found.

    `choices` has COLUMNS, the most important first: the share of the accuracy's variance at equal cost that a choice
    explains (fANOVA; all shares sum to 1), what a choice of no importance reaches in 95 % of shuffles, what the
    luckiest of all choices reaches in as many (of so many some exceed their own chance by chance), PED-ANOVA's share
    at equal cost, fANOVA's share for plain accuracy, the values with the best and the worst mean accuracy at equal
    cost, and the difference between those, in [0, 1]. `options` has the shares summed over the stages, and what such
    sums reach by chance.
    `explained` is the share of the accuracy's variance that the cost alone explains, `cost` is its column.
    """

    choices: pd.DataFrame
    options: pd.DataFrame
    trials: int
    cost: str
    explained: float

    @property
    def cost_words(self) -> str:
        """What was taken out."""
        cost = quantities.COLUMNS[self.cost]
        return "Milliseconds" if cost is quantities.LATENCY else cost.label


def importances(record: Record, shuffles: int = SHUFFLES, seed: int = 0) -> Importances:
    """The importances of a run's choices, from its finished trials of the highest fidelity.

    Those of a random control count as well: they are points of the same space. Deterministic for a seed. Raises
    UserError where there are fewer than LEAST such trials.
    """
    cost = record.settings.objective
    trials, accuracy, costs = _finished(record, cost)
    if len(trials) < LEAST:
        raise UserError(
            f"{len(trials)} trials have finished at {record.settings.fidelity.epochs:g} epochs; importances need at "
            f"least {LEAST}: go on with the search (--resume) and more --trials"
        )
    params = [trial.params for trial in trials]
    rest, explained = at_equal_cost(accuracy, costs)
    if np.std(rest) < 1e-9:
        raise UserError(
            "the accuracies of all trials are alike, so that no choice matters; train them for longer"
        )
    study = _study(params, rest)
    shares = _fanova(study, rest, seed)
    rng = np.random.default_rng(seed)
    by_chance = [_fanova(study, rng.permutation(rest), seed) for _ in range(shuffles)]
    shuffled = pd.DataFrame(by_chance, columns=list(shares), dtype=float)
    plain, ped, chances = _fanova(study, accuracy, seed), _ped_anova(study), shuffled.quantile(_CHANCE)
    luckiest = float(shuffled.max(axis=1).quantile(_CHANCE))
    rows = []
    for name in sorted(shares, key=lambda name: -shares[name]):
        best, worst, gain = _ends(name, params, rest)
        by_luck = max(chances[name], luckiest)
        rows.append((name, shares[name], chances[name], by_luck, ped[name], plain[name], best, worst, gain))
    choices = pd.DataFrame(rows, columns=COLUMNS)
    return Importances(choices, _options(choices, shuffled), len(trials), cost, explained)


def at_equal_cost(accuracy: Vector, cost: Vector) -> tuple[Vector, float]:
    """Accuracy less what its cost lets expect, and the share of variance that this takes away.

    A parabola in the logarithm of the cost, by least squares; the mean of what is left is 0.
    """
    logs = np.log(cost)
    spread = float(np.std(logs))
    if spread < 1e-9:
        return accuracy - accuracy.mean(), 0.0
    scaled = (logs - logs.mean()) / spread
    expected = np.polynomial.Polynomial.fit(scaled, accuracy, 2)(scaled)
    rest = accuracy - expected
    total = float(np.var(accuracy))
    return rest, 1.0 - float(np.var(rest)) / total if total else 0.0


def _finished(record: Record, cost: str) -> tuple[list[FrozenTrial], Vector, Vector]:
    """The finished trials at the full fidelity that are points of the space, their accuracies and costs."""
    trials = [*record.trials("search"), *record.trials("control")]
    frame = record.frame(trials)
    full = frame["epochs"] == record.settings.fidelity.epochs
    good = (frame["state"] == "COMPLETE") & full & frame["accuracy"].notna() & (frame[cost] > 0)
    kept = [trial for trial, keep in zip(trials, good, strict=True) if keep and trial.params]
    table = record.frame(kept)
    return kept, table["accuracy"].to_numpy(float), table[cost].to_numpy(float)


def _study(params: Sequence[Mapping[str, Value]], values: Vector) -> optuna.Study:
    """An Optuna study in memory of these points, to be maximised."""
    seen: dict[str, set[Value]] = defaultdict(set)
    for point in params:
        for name, value in point.items():
            seen[name].add(value)
    kinds = {name: CategoricalDistribution(sorted(found, key=str)) for name, found in seen.items()}
    study = optuna.create_study(direction="maximize", storage=optuna.storages.InMemoryStorage())
    for point, value in zip(params, values, strict=True):
        own: dict[str, BaseDistribution] = {name: kinds[name] for name in point}
        study.add_trial(create_trial(params=dict(point), distributions=own, value=float(value)))
    return study


def _fanova(study: optuna.Study, values: Vector, seed: int) -> dict[str, float]:
    """Shares of the variance; 0 for what not every trial has (a block that only deeper networks have)."""
    evaluator = FanovaImportanceEvaluator(n_trees=_TREES, seed=seed)
    found = get_param_importances(
        study, evaluator=evaluator, target=lambda trial: float(values[trial.number])
    )
    names = dict.fromkeys(name for trial in study.get_trials(deepcopy=False) for name in trial.params)
    return {name: float(found.get(name, 0.0)) for name in names}


def _ped_anova(study: optuna.Study) -> dict[str, float]:
    best = min(0.5, max(_BEST, _FEWEST_BEST / len(study.get_trials(deepcopy=False))))
    with warnings.catch_warnings():  # of blocks that few trials have
        warnings.simplefilter("ignore")
        return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=best))


def _ends(name: str, params: Sequence[Mapping[str, Value]], rest: Vector) -> tuple[str, str, float]:
    """The values of a choice with the highest and the lowest mean, and the difference of the two means."""
    by_value: dict[str, list[float]] = {}
    for point, value in zip(params, rest, strict=True):
        if name in point:
            by_value.setdefault(str(point[name]), []).append(float(value))
    means = {value: float(np.mean(found)) for value, found in by_value.items()}
    best, worst = max(means, key=lambda v: means[v]), min(means, key=lambda v: means[v])
    return best, worst, means[best] - means[worst]


def _options(choices: pd.DataFrame, shuffled: pd.DataFrame) -> pd.DataFrame:
    """The shares summed over the stages (and blocks): by option, `kernel` of `s3.b2.kernel`."""
    option = choices["choice"].str.rpartition(".")[2].rename("option")
    summed = choices.groupby(option)[["at_equal_cost", "ped_anova", "accuracy"]].sum()
    by_chance = shuffled.T.groupby(option.set_axis(choices["choice"])).sum().T
    summed.insert(1, "chance", by_chance.quantile(_CHANCE))
    summed.insert(2, "corrected", np.maximum(summed["chance"], by_chance.max(axis=1).quantile(_CHANCE)))
    return summed.sort_values("at_equal_cost", ascending=False).reset_index()
