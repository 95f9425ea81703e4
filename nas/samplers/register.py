"""The samplers by name: what `--sampler` takes, and what the benchmark plays. A new one is a function and a line here.

Imports none of them before it is made: the names alone need no library.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nas.common.errors import UserError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler

    from nas.samplers.history import PriorResult
    from nas.samplers.problem import Budget, Cost

    Maker = Callable[["SamplerTask"], BaseSampler]


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


def _optunas(kind: str, options: Mapping[str, Any]) -> "Maker":
    """One of Optuna's, which learns of the rest from the trials."""

    def make(task: SamplerTask) -> "BaseSampler":
        import optuna

        made: BaseSampler = getattr(optuna.samplers, kind)(seed=task.seed, **options)
        return made

    return make


SAMPLERS: "dict[str, Maker]" = {
    "front": _front,
    "tpe": _optunas("TPESampler", {"constant_liar": True}),  # for several workers: what runs counts as bad
    "nsga2": _optunas("NSGAIISampler", {"population_size": 20}),  # for few trials: by itself it is 50
    "random": _optunas("RandomSampler", {}),
    "gp": _optunas("GPSampler", {"deterministic_objective": False}),
}


def make_sampler(name: str, task: SamplerTask) -> "BaseSampler":
    """The sampler of a name. Raises UserError, with the names that there are, for another."""
    if name not in SAMPLERS:
        raise UserError(f"sampler {name!r}: expected one of {', '.join(SAMPLERS)}")
    return SAMPLERS[name](task)
