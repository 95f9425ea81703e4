"""Which arch to try next: a sampler asked in memory, with what is over budget or known told to it at once.

Asking is done on a study of its own in memory, a thousand times faster than on a database; what was
trained is replayed into it from the record, so that a resumed search knows what the first one knew.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nas.budget import Budget, worst_violation
from nas.costs import Cost, cost
from nas.errors import UserError
from nas.settings import Settings
from search_spaces import Arch, Space

REFUSALS = 30
"""Proposals refused in a row (over budget or known) before the last one is walked to what is allowed."""
WALK = 2000
"""Archs looked at on that walk, and on the search for a first one, before the space counts as exhausted."""


@dataclass(frozen=True)
class Proposal:
    """An arch within budget that was not tried yet, as asked of the study in memory."""

    trial: optuna.Trial
    arch: Arch
    cost: Cost

    @property
    def params(self) -> dict[str, Any]:
        """The point of the space."""
        return dict(self.trial.params)

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Optuna's description of each of its dimensions."""
        return dict(self.trial.distributions)


class Proposer:
    """Asks a sampler for archs within the budgets, each only once."""

    def __init__(self, space: Space, settings: Settings, history: Sequence[FrozenTrial] = ()) -> None:
        self._space = space
        self._settings = settings
        self._budgets = settings.limits
        seed = int(np.random.default_rng((settings.seed, len(history))).integers(2**31))
        self._rng = np.random.default_rng(seed)
        self._study = optuna.create_study(
            directions=[StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE],
            sampler=make_sampler(settings.sampler, seed),
        )
        self._seen: set[Arch] = set()
        for trial in history:
            self._replay(trial)

    def price(self, arch: Arch) -> Cost:
        """The cost of an arch at the run's target."""
        return cost(arch, self._settings.target_resolution, self._settings.target_classes)

    def enqueue(self, arch: Arch) -> bool:
        """Propose this arch before any other; False where it is over budget or known."""
        if arch in self._seen or self._violation(arch) > 0:
            return False
        self._study.enqueue_trial(self._space.params(arch))
        return True

    def propose(self) -> Proposal | None:
        """The next arch to train, or None where nothing untried within budget could be found."""
        arch = None
        for _ in range(REFUSALS):
            trial = self._study.ask()
            arch = self._space.suggest(trial)
            if (proposal := self._judge(trial, arch)) is not None:
                return proposal
        assert arch is not None
        allowed = self._walk(arch)
        if allowed is None:
            return None
        self._study.enqueue_trial(self._space.params(allowed))
        trial = self._study.ask()
        return self._judge(trial, self._space.suggest(trial))

    def tell(self, proposal: Proposal, accuracy: float | None) -> None:
        """The validation accuracy of a proposal, or None where its training failed."""
        if accuracy is None:  # a diverged network is a bad one: samplers learn nothing from FAIL
            accuracy = 0.0
        self._study.tell(proposal.trial, [accuracy, self._objective(proposal.cost)])

    def forget(self, proposal: Proposal) -> None:
        """A proposal that was not trained after all; it may be proposed again."""
        self._seen.discard(proposal.arch)
        self._study.tell(proposal.trial, state=TrialState.FAIL)

    def _judge(self, trial: optuna.Trial, arch: Arch) -> Proposal | None:
        """The proposal where it may be trained; else its violation, or that it is known, is told."""
        price = self.price(arch)
        violation = worst_violation(self._budgets, price)
        if np.isfinite(violation):
            trial.set_constraint("budget", violation)
        if violation <= 0 and arch not in self._seen:
            self._seen.add(arch)
            return Proposal(trial, arch, price)
        if violation > 0:  # with a constraint, COMPLETE is what every sampler learns from
            self._study.tell(trial, [0.0, self._objective(price)])
        else:
            self._study.tell(trial, state=TrialState.FAIL)  # its result is there, or is on its way
        return None

    def _walk(self, start: Arch) -> Arch | None:
        """From an arch, by single choices, to an untried arch within budget near it."""
        start = descend(self._space, self._budgets, self.price, start)
        for arch in around(self._space, self._violation, start, self._rng):
            if arch not in self._seen and self._violation(arch) <= 0:
                return arch
        return None

    def _violation(self, arch: Arch) -> float:
        return worst_violation(self._budgets, self.price(arch))

    def _objective(self, price: Cost) -> float:
        return float(getattr(price, self._settings.objectives[1]))

    def _replay(self, trial: FrozenTrial) -> None:
        arch = Arch.parse(trial.user_attrs["arch"])
        self._seen.add(arch)
        price = self.price(arch)
        failed = trial.state != TrialState.COMPLETE
        violation = worst_violation(self._budgets, price)
        study, sampler = self._study, self._study.sampler
        study.add_trial(
            optuna.trial.create_trial(
                state=TrialState.RUNNING,
                params=trial.params,
                distributions=trial.distributions,
                constraints={"budget": violation} if np.isfinite(violation) else None,
            )
        )
        added = study.get_trials(deepcopy=False)[-1]
        if isinstance(sampler, optuna.samplers.NSGAIISampler):
            sampler.get_trial_generation(study, added)  # assigns one: it learns from nothing outside of them
        study.tell(added.number, [0.0 if failed else trial.values[0], self._objective(price)])


def descend(space: Space, budgets: Sequence[Budget], price: Any, start: Arch) -> Arch:
    """Step to the neighbour that lowers the worst violation most, until it is none or none is lower."""
    arch, violation = start, worst_violation(budgets, price(start))
    while violation > 0:
        near = space.neighbours(arch)
        best = min(near, key=lambda a: worst_violation(budgets, price(a)), default=arch)
        lowest = worst_violation(budgets, price(best))
        if lowest >= violation:
            break
        arch, violation = best, lowest
    return arch


def around(
    space: Space, violation: Callable[[Arch], float], start: Arch, rng: np.random.Generator
) -> Iterator[Arch]:
    """An arch and up to WALK around it, one choice after another: the nearest of those within budget first.

    Then those over budget, the least first: what is within may lie beyond them, as where a SandGlass is
    cheaper than an inverted residual of one expansion and dearer of another.
    """
    waiting, looked, order = [(0.0, 0, 0, start)], {start}, count(1)
    while waiting:
        _, steps, _, arch = heappop(waiting)
        yield arch
        if len(looked) < WALK:
            near = [other for other in space.neighbours(arch) if other not in looked]
            rng.shuffle(near)
            looked.update(near)
            for other in near:
                heappush(waiting, (max(0.0, violation(other)), steps + 1, next(order), other))


def check_satisfiable(space: Space, settings: Settings) -> None:
    """Raise UserError, with the cheapest arch found, where nothing in the space meets the budgets."""
    budgets = settings.limits
    if not budgets:
        return

    def price(arch: Arch) -> Cost:
        return cost(arch, settings.target_resolution, settings.target_classes)

    def violation(arch: Arch) -> float:
        return worst_violation(budgets, price(arch))

    arch = descend(space, budgets, price, space.arch(space.draw(lambda d: d.choices[0])))
    if 0 < violation(arch) < 1:  # the descent may have ended beside the cheapest, but not far from it
        arch = min(around(space, violation, arch, np.random.default_rng(0)), key=violation)
    cheapest = price(arch)
    broken = [budget for budget in budgets if budget.violation(cheapest) > 0]
    if broken:
        found = f"{cheapest.macs / 1e6:.1f} M multiply-adds, {cheapest.params / 1e6:.2f} M parameters"
        raise UserError(
            f"nothing found in space {space.name} meets {' and '.join(map(str, broken))} at "
            f"{settings.target}; the cheapest has {found} ({arch}); raise the budget, lower "
            "--target-resolution or give a space with smaller widths and depths"
        )


def make_sampler(name: str, seed: int) -> optuna.samplers.BaseSampler:
    """Optuna's sampler of a name; set up for few trials and several workers."""
    if name == "tpe":
        return optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    if name == "nsga2":
        return optuna.samplers.NSGAIISampler(seed=seed, population_size=20)
    if name == "gp":
        return optuna.samplers.GPSampler(seed=seed, deterministic_objective=False)
    return optuna.samplers.RandomSampler(seed=seed)


def distributions(space: Space) -> Mapping[str, CategoricalDistribution]:
    """Every dimension of a space as Optuna describes it."""
    return {d.name: CategoricalDistribution(d.choices) for d in space.dimensions}
