"""The samplers by name: what `--sampler` takes, and what the benchmark plays. A new one is a function and a line here.

Imports none of them before it is made: the names alone need no library.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.common.errors import UserError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler

    from nas.samplers.history import PriorResult
    from nas.samplers.pricing import Budget, Cost


@dataclass(frozen=True)
class SamplerTask:
    """What a sampler is made for; each takes of it what it can use. Everything is as FrontSampler has it."""

    space: "Mapping[str, BaseDistribution]"
    seed: int
    cost: "Cost | None" = None
    budget: "Budget" = None
    objectives: Sequence[str | None] | None = None
    prior: "Sequence[PriorResult]" = ()


def _front(task: SamplerTask) -> "BaseSampler":
    from nas.samplers.front import FrontSampler

    return FrontSampler(
        task.space, task.cost, task.budget, objectives=task.objectives, prior=task.prior, seed=task.seed
    )


def _tpe(task: SamplerTask) -> "BaseSampler":
    """Set up for several workers: what is running counts as bad."""
    from optuna.samplers import TPESampler

    return TPESampler(seed=task.seed, constant_liar=True)


def _nsga2(task: SamplerTask) -> "BaseSampler":
    """Set up for few trials: Optuna's own population of 50 hardly sees a second generation."""
    from optuna.samplers import NSGAIISampler

    return NSGAIISampler(seed=task.seed, population_size=20)


def _random(task: SamplerTask) -> "BaseSampler":
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=task.seed)


def _gp(task: SamplerTask) -> "BaseSampler":
    from optuna.samplers import GPSampler

    return GPSampler(seed=task.seed, deterministic_objective=False)


SAMPLERS: "dict[str, Callable[[SamplerTask], BaseSampler]]" = {
    "front": _front,
    "tpe": _tpe,
    "nsga2": _nsga2,
    "random": _random,
    "gp": _gp,
}


def make_sampler(name: str, task: SamplerTask) -> "BaseSampler":
    """The sampler of a name. Raises UserError, with the names that there are, for another."""
    if name not in SAMPLERS:
        raise UserError(f"sampler {name!r}: expected one of {', '.join(SAMPLERS)}")
    return SAMPLERS[name](task)
