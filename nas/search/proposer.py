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
from optuna.trial import FrozenTrial, TrialState

from nas.common.errors import UserError
from nas.common.quantities import COLUMNS, LATENCY, MACS, PARAMS, WEIGHTS
from nas.latency.table.table import Table
from nas.samplers import FIDELITY, FOLDS, PARTIAL, FrontSampler, PriorResult, SpaceExhausted, register
from nas.search.budget import Budget, worst_violation
from nas.search.price import Price, Pricer, pricer
from nas.search.settings import Settings
from search_spaces import Arch, Space

REFUSALS = 30
"""Proposals refused in a row (over budget or known) before the last one is walked to what is allowed."""
KNOWN = ("macs", "params")
"""What our sampler is told of every arch beside its objective and budgets: measured to help (results/reference)."""
WALK = 2000
"""Archs looked at on that walk, and on the search for a first one, before the space counts as exhausted."""


@dataclass(frozen=True)
class Proposal:
    """An arch within budget that was not tried yet, as asked of the study in memory."""

    trial: optuna.Trial
    arch: Arch
    cost: Price

    @property
    def params(self) -> dict[str, Any]:
        """The point of the space."""
        return dict(self.trial.params)

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Optuna's description of each of its dimensions."""
        return dict(self.trial.distributions)


class Proposer:
    """Asks a sampler for archs within the budgets, each only once.

    `history` are the finished trials of a record, on whatever rung; `sampler` names another than that of
    the settings (a control's); `prior` is what earlier runs know; `table` tells latencies where the run has any.
    """

    def __init__(
        self,
        space: Space,
        settings: Settings,
        history: Sequence[FrozenTrial] = (),
        *,
        sampler: str | None = None,
        prior: Sequence[Mapping[str, Any]] = (),
        table: Table | None = None,
    ) -> None:
        self.price = pricer(settings, table)
        self._space = space
        self._settings = settings
        self._budgets = settings.limits
        self._sampler = sampler or settings.sampler
        name_seed = sum(self._sampler.encode())  # a control must not draw what the search draws
        seed = int(np.random.default_rng((settings.seed, len(history), name_seed)).integers(2**31))
        self._rng = np.random.default_rng(seed)
        self._study = optuna.create_study(
            directions=["maximize", "minimize"],
            sampler=make_sampler(self._sampler, seed, space, settings, self.price, prior),
        )
        self._seen: set[Arch] = set()
        for trial in history:
            self._replay(trial)

    def enqueue(self, arch: Arch) -> bool:
        """Propose this arch before any other; False where it is over budget or known."""
        if arch in self._seen or self._violation(arch) > 0:
            return False
        self._study.enqueue_trial(self._space.params(arch))
        return True

    def propose(self) -> Proposal | None:
        """The next arch to train, or None where nothing untried within budget could be found."""
        arch = self._space.arch(self._space.draw(lambda d: d.choices[0]))
        try:
            for _ in range(REFUSALS):
                trial = self._study.ask()
                arch = self._space.suggest(trial)
                if (proposal := self._judge(trial, arch)) is not None:
                    return proposal
            allowed = self._walk(arch)
            if allowed is None:
                return None
            self._study.enqueue_trial(self._space.params(allowed))
            trial = self._study.ask()
            return self._judge(trial, self._space.suggest(trial))
        except SpaceExhausted:
            return None

    def tell(
        self,
        arch: Arch,
        accuracy: float | None,
        share: float = 1.0,
        proposal: Proposal | None = None,
        *,
        pruned: bool = False,
        folds: Sequence[float] = (),
    ) -> None:
        """The validation accuracy of an arch, or None where its training failed.

        `share`, in (0, 1], is that of a full training that it comes from; `pruned` where a scheduler ended it
        there. Without a proposal it is one trained again on a higher rung: of use only to a sampler that
        knows of fidelities. `folds` are those that the accuracy is the mean of.
        """
        # A diverged network is a bad one, and samplers learn nothing from FAIL.
        values = [0.0 if accuracy is None else accuracy, self._objective(self.price(arch))]
        attributes: dict[str, Any] = {FIDELITY: share} if share < 1 or pruned else {}
        attributes |= {FOLDS: list(folds)} if folds else {}
        if proposal is not None:
            if pruned:
                attributes[PARTIAL] = values
            for name, value in attributes.items():
                proposal.trial.set_user_attr(name, value)
            state = TrialState.PRUNED if pruned else TrialState.COMPLETE
            self._study.tell(proposal.trial, None if pruned else values, state)
        elif self._sampler == "front":
            self._add(arch, values, attributes)

    def point(self, arch: Arch) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
        """The parameters of an arch of the space and Optuna's description of their dimensions."""
        params = self._space.params(arch)
        known = distributions(self._space)
        return params, {name: known[name] for name in params}

    def chances(self) -> dict[Arch, float]:
        """How likely each arch that was trained to the end stands on the front, by the belief of our sampler."""
        sampler = self._study.sampler
        if not isinstance(sampler, FrontSampler):
            raise TypeError(f"{self._sampler} believes nothing: make the proposer with sampler='front'")
        trials = self._study.get_trials(deepcopy=False)
        return {self._space.arch(trials[n].params): c for n, c in sampler.chances(self._study).items()}

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
        start = descend(self._space, self._violation, start)
        for arch in around(self._space, self._violation, start, self._rng):
            if arch not in self._seen and self._violation(arch) <= 0:
                return arch
        return None

    def _violation(self, arch: Arch) -> float:
        return worst_violation(self._budgets, self.price(arch))

    def _objective(self, price: Price) -> float:
        return float(getattr(price, self._settings.objective))

    def _replay(self, trial: FrozenTrial) -> None:
        arch = Arch.parse(trial.user_attrs["arch"])
        share = float(trial.user_attrs["epochs"]) / self._settings.fidelity.epochs
        if arch in self._seen and self._sampler != "front":
            return  # trained again on a higher rung
        self._seen.add(arch)
        accuracy = trial.values[0] if trial.state == TrialState.COMPLETE else 0.0
        if trial.state == TrialState.PRUNED:
            reached = trial.user_attrs["curve"][-1]
            accuracy, share = reached["accuracy"], share * reached["share"]
        values = [accuracy, self._objective(self.price(arch))]
        folds = trial.user_attrs.get("outcome", {}).get("folds")
        self._add(arch, values, ({FIDELITY: share} if share < 1 else {}) | ({FOLDS: folds} if folds else {}))

    def _add(self, arch: Arch, values: list[float], attributes: dict[str, Any]) -> None:
        """A finished trial that this study did not ask for."""
        params, known = self.point(arch)
        violation = worst_violation(self._budgets, self.price(arch))
        study, sampler = self._study, self._study.sampler
        study.add_trial(
            optuna.trial.create_trial(
                state=TrialState.RUNNING,
                params=params,
                distributions=known,
                constraints={"budget": violation} if np.isfinite(violation) else None,
                user_attrs=attributes,
            )
        )
        added = study.get_trials(deepcopy=False)[-1]
        if isinstance(sampler, optuna.samplers.NSGAIISampler):
            sampler.get_trial_generation(study, added)  # assigns one: it learns from nothing outside of them
        study.tell(added.number, values)


def descend(space: Space, violation: Callable[[Arch], float], start: Arch) -> Arch:
    """Step to the neighbour that lowers the violation most, until it is none or none is lower."""
    arch = start
    while violation(arch) > 0:
        best = min(space.neighbours(arch), key=violation, default=arch)
        if violation(best) >= violation(arch):
            break
        arch = best
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


def check_satisfiable(space: Space, settings: Settings, table: Table | None = None) -> None:
    """Raise UserError, with the cheapest arch found, where nothing in the space meets the budgets."""
    budgets = settings.limits
    if not budgets:
        return
    price = pricer(settings, table)

    def violation(arch: Arch) -> float:
        return worst_violation(budgets, price(arch))

    arch = descend(space, violation, space.arch(space.draw(lambda d: d.choices[0])))
    if 0 < violation(arch) < 1:  # the descent may have ended beside the cheapest, but not far from it
        arch = min(around(space, violation, arch, np.random.default_rng(0)), key=violation)
    cheapest = price(arch)
    broken = [budget for budget in budgets if budget.violation(cheapest) > 0]
    if broken:
        told = dict.fromkeys((MACS, PARAMS, *(COLUMNS[budget.quantity] for budget in broken)))
        told.pop(LATENCY, None)
        found = ", ".join(f"{cost.show(getattr(cheapest, cost.column))} {cost.phrase}" for cost in told)
        if settings.latency is not None:
            found += f", {cheapest.latency_ms:.3g} ms predicted on {settings.latency.device}"
        nearest = "nearest" if any(budget.least for budget in budgets) else "cheapest"
        raise UserError(
            f"nothing found in space {space.name} meets {' and '.join(budget.said for budget in broken)} at "
            f"{settings.target}; the {nearest} has {found} ({arch}); "
            f"{_advice(broken, cheapest, space.name)}"
        )


def _advice(broken: Sequence[Budget], nearest: Price, space: str) -> str:
    """What would have to give for bounds that nothing meets: a resolution changes no number of parameters."""
    of_weights = (PARAMS.column, WEIGHTS.column)
    ways = []
    for budget in broken:
        over = getattr(nearest, budget.quantity) > budget.limit
        lower, raised, smaller = ("lower", "raise", "smaller") if over else ("raise", "lower", "larger")
        ways.append(f"{raised} the budget")
        if budget.quantity in of_weights:
            ways.append(f"{lower} --target-classes (--target data counts those of the data)")
        else:
            ways.append(f"{lower} --target-resolution")
        smallest = ", such as --space mcu" if over and space != "mcu" else ""
        ways.append(f"give a space with {smaller} widths and depths{smallest}")
    *first, last = dict.fromkeys(ways)
    return f"{', '.join(first)} or {last}"


def make_sampler(
    name: str,
    seed: int,
    space: Space,
    settings: Settings,
    price: Pricer,
    prior: Sequence[Mapping[str, Any]] = (),
) -> optuna.samplers.BaseSampler:
    """The sampler of a name of the register. Raises UserError for another."""
    limits = settings.limits
    names = list(dict.fromkeys([settings.objective, *(bound.quantity for bound in limits), *KNOWN]))

    def known(params: Mapping[str, Any]) -> dict[str, float]:
        priced = price(space.arch(params))
        costs = {name: float(getattr(priced, name)) for name in names}
        least = {_lacking(bound): bound.least / costs[bound.quantity] for bound in limits if bound.least}
        return costs | least

    task = register.SamplerTask(
        space=distributions(space),
        seed=seed,
        cost=known,
        budget={
            **{bound.quantity: bound.limit for bound in limits},
            **{_lacking(bound): 1.0 for bound in limits if bound.least},
        },
        objectives=[None, settings.objective],
        prior=[PriorResult(p["params"], p["accuracy"], p["share"], p["run"]) for p in prior],
    )
    return register.make_sampler(name, task)


def _lacking(bound: Budget) -> str:
    """A cost beside the others, which a window's lower bound bounds from above."""
    return f"least {bound.quantity}"


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Every dimension of a space as Optuna describes it."""
    return {d.name: CategoricalDistribution(d.choices) for d in space.dimensions}
