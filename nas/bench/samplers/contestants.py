"""The samplers that are compared, by name, each made for one table and one seed."""

from collections.abc import Callable
from dataclasses import dataclass

import optuna

from nas.bench.samplers.tables import Benchmark
from nas.samplers import FrontSampler

Make = Callable[[Benchmark, int, float | None], optuna.samplers.BaseSampler]


@dataclass(frozen=True)
class Contestant:
    """A sampler that takes part.

    make(table, seed, cap) gives it, `cap` being the bound on the first cost where the best value under one is sought.
    dedupe: a point proposed again is answered from memory and does not count as an evaluation. features: it is told
    the table's further known figures as well, so that a table without any is not for it.
    """

    name: str
    make: Make
    dedupe: bool = False
    features: bool = False

    def takes_part(self, table: Benchmark) -> bool:
        """Whether it would do anything on this table that no other does."""
        return bool(table.features) or not self.features


def _front(table: Benchmark, seed: int, cap: float | None) -> FrontSampler:
    return FrontSampler(
        table.space, lambda p: {n: table.costs(p)[n] for n in table.objectives}, cap, seed=seed
    )


def _with_features(table: Benchmark, seed: int, cap: float | None) -> FrontSampler:
    return FrontSampler(table.space, table.costs, cap, seed=seed)


CONTESTANTS = {
    c.name: c
    for c in (
        Contestant("front", _front),
        Contestant("front+features", _with_features, features=True),
        Contestant(
            "nsga2-20", lambda t, s, c: optuna.samplers.NSGAIISampler(seed=s, population_size=20), True
        ),
        Contestant("nsga2", lambda t, s, c: optuna.samplers.NSGAIISampler(seed=s)),
        Contestant("tpe", lambda t, s, c: optuna.samplers.TPESampler(seed=s, constant_liar=True)),
        Contestant("gp", lambda t, s, c: optuna.samplers.GPSampler(seed=s)),
        Contestant("random", lambda t, s, c: optuna.samplers.RandomSampler(seed=s)),
    )
}
"""front+features also knows the table's further known figures, as features; gp is slow, and not in by default."""
