"""The samplers that are compared, by name, each made for one table and one seed."""

from collections.abc import Callable
from dataclasses import dataclass

from optuna.samplers import BaseSampler, NSGAIISampler

from nas.bench.samplers.tables import Benchmark
from nas.samplers.register import SamplerTask, make_sampler


@dataclass(frozen=True)
class Contestant:
    """A sampler that takes part.

    make(table, seed, cap) gives it, `cap` being the bound on the first cost where the best value under one is sought.
    dedupe: a point proposed again is answered from memory and does not count as an evaluation. features: it is told
    the table's further known figures as well, so that a table without any is not for it.
    """

    make: Callable[[Benchmark, int, float | None], BaseSampler]
    dedupe: bool = False
    features: bool = False


def _registered(name: str, *, dedupe: bool = False, features: bool = False) -> Contestant:
    """A sampler as a search has it."""

    def make(table: Benchmark, seed: int, cap: float | None) -> BaseSampler:
        known = table.costs if features else lambda p: {n: table.costs(p)[n] for n in table.objectives}
        return make_sampler(name, SamplerTask(table.space, seed, known, cap))

    return Contestant(make, dedupe, features)


CONTESTANTS = {
    "front": _registered("front"),
    "front+features": _registered("front", features=True),
    "nsga2-20": _registered("nsga2", dedupe=True),
    "nsga2": Contestant(lambda table, seed, cap: NSGAIISampler(seed=seed)),  # with Optuna's population of 50
    "tpe": _registered("tpe"),
    "gp": _registered("gp"),
    "random": _registered("random"),
}
"""front+features also knows the table's further known figures, as features; gp is slow, and not in by default."""
