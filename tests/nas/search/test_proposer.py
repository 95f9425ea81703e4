"""nas.search.proposer: never over budget, never twice, every arch there is, the same again from the same seed."""

from typing import Any

import numpy as np
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from nas.common.errors import UserError
from nas.networks.cost import cost
from nas.search.proposer import Proposal, Proposer, check_satisfiable, distributions
from nas.search.settings import Settings
from search_spaces import Arch, spaces
from tests.nas.search.small import KINDS, TINY, all_archs, settings

SLOW = pytest.param("gp", marks=pytest.mark.slow)
QUICK = ["front", "tpe", "nsga2", "random"]
SELDOM = ["front", pytest.param("tpe", marks=pytest.mark.slow), "nsga2", "random"]
"""Optuna's TPE draws a millisecond a parameter; what the proposer does with it is the same for all."""
ISLANDS = """
name: islands
stem: stem8
first: ir8
stages:
  - {width: [24], depth: [4, 2], stride: 2, choices: {block: [sg], kernel: [3, 5], expansion: [6],
     squeeze_excite: [off], activation: [RE], groups: [4, 2]}}
  - {width: [24], depth: [2, 3], stride: 2, choices: {block: [sg, ir], kernel: [5], expansion: [6, 3, 1],
     squeeze_excite: [on], activation: [RE], groups: [1, 4]}}
head: {ratio: 2, features: 16}
"""
"""A SandGlass of expansion 1 is cheaper here, and dearer of any other, than an inverted residual."""
HIDDEN = """
name: hidden
stem: stem8
first: ir8
stages:
  - {width: [40, 24], depth: [4, 2], stride: 1, choices: {block: [sg], kernel: [5], expansion: [3, 2],
     squeeze_excite: [off], activation: [RE], groups: [2, 4]}}
  - {width: [8], depth: [3, 2], stride: 1, choices: {block: [ir, sg], kernel: [3], expansion: [6, 3, 1],
     squeeze_excite: [on], activation: [RE], groups: [4, 1]}}
head: {ratio: 2, features: 16}
"""
"""One arch is within 1518.112kFLOPs and 12.442kParams, and no way leads down to it."""
POINT = """
name: point
stem: stem8
first: ir8
stages:
  - {width: [8], depth: [2], choices: {block: [ir], kernel: [3], expansion: [2],
     squeeze_excite: [off], activation: [RE], groups: [1]}}
"""
ROW = f"""
name: row
stem: stem8
first: ir8
choices: {{block: [ir], kernel: [3, 5], expansion: [1, 2], squeeze_excite: [off], activation: [RE], groups: [1]}}
stages: [{", ".join(["{width: [8], depth: [2, 3]}"] * 6)}]
"""


def proposer(given: Settings, history: list[FrozenTrial] | None = None) -> Proposer:
    return Proposer(spaces.parse(given.space, given.granularity), given, history or [])


def reward(proposal: Proposal) -> float:
    """Some accuracy in [0, 1] that follows from the arch."""
    return (proposal.cost.params % 97) / 97


def proposed(source: Proposer, most: int) -> list[Proposal]:
    """Up to so many proposals, each told an accuracy, every fifth a failure."""
    result: list[Proposal] = []
    while len(result) < most and (proposal := source.propose()) is not None:
        result.append(proposal)
        source.tell(proposal.arch, None if len(result) % 5 == 0 else reward(proposal), proposal=proposal)
    return result


def cheapest(text: str, count: int, quantity: str = "macs") -> tuple[str, set[Arch]]:
    """A budget that about so many archs of a space meet, and those."""
    prices = {arch: getattr(cost(arch, 32, 10), quantity) for arch in all_archs(text)}
    limit = sorted(prices.values())[count - 1]
    unit = {"macs": "FLOPs", "params": "Params"}[quantity]
    return f"{limit / 1000}k{unit}", {arch for arch, price in prices.items() if price <= limit}


@pytest.mark.parametrize("sampler", QUICK)
@pytest.mark.parametrize(
    ("text", "quantity"),
    [
        pytest.param(TINY, "params", id="tiny-params"),
        pytest.param(KINDS, "macs", id="kinds-macs"),
        pytest.param(TINY, "macs", id="tiny-macs", marks=pytest.mark.slow),
        pytest.param(KINDS, "params", id="kinds-params", marks=pytest.mark.slow),
    ],
)
def test_a_tight_budget_is_used_up_and_never_exceeded(text: str, quantity: str, sampler: str) -> None:
    budget, allowed = cheapest(text, 8, quantity)
    found = proposed(proposer(settings(space=text, sampler=sampler, budgets=(budget,))), 100)
    archs = [proposal.arch for proposal in found]
    assert len(archs) == len(set(archs))
    assert set(archs) == allowed


@pytest.mark.parametrize("sampler", [pytest.param("nsga2", marks=pytest.mark.slow), "random"])
def test_a_whole_space_is_used_up(sampler: str) -> None:
    found = proposed(proposer(settings(space=KINDS, sampler=sampler)), 1000)
    assert {proposal.arch for proposal in found} == all_archs(KINDS)
    assert len(found) == len(all_archs(KINDS))


def test_what_lies_beyond_archs_over_budget_is_found() -> None:
    found = proposed(proposer(settings(space=ISLANDS, budgets=("1575.584kFLOPs",))), 100)
    assert len(found) == 1


@pytest.mark.parametrize("sampler", [*SELDOM, SLOW])
def test_two_budgets_bind_both(sampler: str) -> None:
    (flops, first), (params, second) = cheapest(TINY, 40), cheapest(TINY, 40, "params")
    assert first - second and second - first
    found = proposed(proposer(settings(sampler=sampler, budgets=(flops, params))), 12)
    assert len(found) == 12 and {proposal.arch for proposal in found} <= first & second


@pytest.mark.parametrize("sampler,granularity", [("front", "stage"), ("nsga2", "block")])
@pytest.mark.slow
def test_the_default_space_within_budget(sampler: str, granularity: str) -> None:
    given = settings(
        space=spaces.MOBILE, granularity=granularity, sampler=sampler, budgets=("6MFLOPs", "3MParams")
    )
    found = proposed(proposer(given), 6)
    assert len({proposal.arch for proposal in found}) == 6
    for proposal in found:
        counted = cost(proposal.arch, 32, 10)
        found = proposal.cost
        assert all(getattr(found, name) == getattr(counted, name) for name in ("macs", "params", "weights"))
        assert counted.macs <= 6e6 and counted.params <= 3e6


def test_a_proposal_carries_its_point() -> None:
    space = spaces.parse(KINDS)
    proposal = proposer(settings(space=KINDS)).propose()
    assert proposal is not None
    assert space.arch(proposal.params) == proposal.arch
    assert proposal.distributions == {name: distributions(space)[name] for name in proposal.params}


@pytest.mark.parametrize("sampler", [*QUICK, SLOW])
def test_the_same_seed_proposes_the_same(sampler: str) -> None:
    budget, _ = cheapest(KINDS, 110)

    def archs(seed: int) -> list[str]:
        source = proposer(settings(space=KINDS, sampler=sampler, seed=seed, budgets=(budget,)))
        return [str(proposal.arch) for proposal in proposed(source, 12)]

    first = archs(3)
    assert archs(3) == first != archs(4)


def test_what_runs_at_the_same_time_differs() -> None:
    source = proposer(settings(sampler="tpe"))
    running = [source.propose() for _ in range(20)]
    assert len({proposal.arch for proposal in running if proposal is not None}) == 20


@pytest.mark.parametrize("sampler", SELDOM)
def test_a_failed_training_is_not_tried_again_and_nothing_breaks(sampler: str) -> None:
    budget, allowed = cheapest(TINY, 6)
    source = proposer(settings(sampler=sampler, budgets=(budget,)))
    archs = []
    while (proposal := source.propose()) is not None:
        archs.append(proposal.arch)
        source.tell(proposal.arch, None, proposal=proposal)
    assert len(archs) == len(set(archs)) and set(archs) == allowed


def test_what_was_not_trained_after_all_may_come_again() -> None:
    budget, allowed = cheapest(TINY, 3)
    source = proposer(settings(budgets=(budget,)))
    found = [source.propose() for _ in allowed]
    assert source.propose() is None
    assert found[0] is not None
    source.forget(found[0])
    again = source.propose()
    assert again is not None and again.arch == found[0].arch
    assert source.propose() is None


# What a resumed search knows ------------------------------------------------------------------------------


def ended(proposal: Proposal, accuracy: float | None) -> FrozenTrial:
    """A proposal as the record has it later."""
    return create_trial(
        params=proposal.params,
        distributions=proposal.distributions,
        user_attrs={"arch": str(proposal.arch), "epochs": 0.1},
        state=TrialState.FAIL if accuracy is None else TrialState.COMPLETE,
        values=None if accuracy is None else [accuracy, float(proposal.cost.macs)],
    )


@pytest.mark.parametrize("sampler", SELDOM)
def test_history_is_never_proposed_again(sampler: str) -> None:
    budget, allowed = cheapest(KINDS, 9)
    given = settings(space=KINDS, sampler=sampler, budgets=(budget,))
    before = proposed(proposer(given), 6)
    history = [ended(p, None if number % 3 == 0 else reward(p)) for number, p in enumerate(before)]
    after = proposed(proposer(given, history), 100)
    assert {p.arch for p in before} | {p.arch for p in after} == allowed
    assert len(before) + len(after) == len(allowed)


def test_a_resumed_sampler_does_not_begin_as_the_first_did() -> None:
    given = settings(space=KINDS)
    before = proposed(proposer(given), 5)
    other = [ended(p, 0.5) for p in proposed(proposer(settings(space=KINDS, seed=9)), 5)]
    after = proposed(proposer(given, other), 5)
    assert [p.arch for p in before] != [p.arch for p in after]


@pytest.mark.parametrize("sampler", SELDOM[:-1])
def test_a_resumed_sampler_has_learnt(sampler: str) -> None:
    """In what was trained before, kernel 3 was the better one (and is the cheaper one)."""
    given = settings(space=ROW, sampler=sampler)
    space = spaces.parse(ROW)
    rng = np.random.default_rng(0)
    history = []
    for kernel in (3, 5) * 30:
        point = space.params(space.sample(rng))
        point |= {name: kernel for name in point if name.endswith("kernel")}
        history.append(
            create_trial(
                params=point,
                distributions=dict(distributions(space)),
                user_attrs={"arch": str(space.arch(point)), "epochs": 0.1},
                values=[0.9 if kernel == 3 else 0.1, 1.0],
            )
        )

    def share(source: Proposer) -> float:
        points = [p.params for p in (source.propose() for _ in range(6)) if p is not None]
        kernels = [value for point in points for name, value in point.items() if name.endswith("kernel")]
        return kernels.count(3) / len(kernels)

    assert share(proposer(given, history)) > 0.65 > share(proposer(given))


# What is to come first ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", QUICK)
def test_what_is_enqueued_comes_first_and_in_order(sampler: str) -> None:
    wanted = sorted(all_archs(KINDS), key=str)[40:44]
    source = proposer(settings(space=KINDS, sampler=sampler))
    assert all(source.enqueue(arch) for arch in wanted)
    assert [p.arch for p in proposed(source, 4)] == wanted
    assert not any(source.enqueue(arch) for arch in wanted)
    rest = proposed(source, 10)
    assert len(rest) == 10 and not {p.arch for p in rest} & set(wanted)


def test_what_is_over_budget_is_not_enqueued() -> None:
    budget, allowed = cheapest(TINY, 5)
    source = proposer(settings(budgets=(budget,)))
    assert not source.enqueue(min(all_archs(TINY) - allowed, key=str))
    assert {p.arch for p in proposed(source, 100)} == allowed


def test_an_arch_enqueued_twice_is_proposed_once() -> None:
    arch = min(all_archs(TINY), key=str)
    source = proposer(settings())
    assert source.enqueue(arch) and source.enqueue(arch)
    assert [p.arch for p in proposed(source, 5)].count(arch) == 1


def test_an_arch_from_elsewhere_is_refused() -> None:
    with pytest.raises(UserError):
        proposer(settings()).enqueue(Arch.parse("stem16-ir16-head32_f32"))


# Budgets that nothing meets -------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [TINY, KINDS, POINT], ids=("tiny", "kinds", "point"))
@pytest.mark.parametrize("quantity", ["macs", "params"])
def test_a_budget_that_nothing_meets_is_refused_with_the_cheapest(text: str, quantity: str) -> None:
    budget, allowed = cheapest(text, 1, quantity)
    space = spaces.parse(text)
    check_satisfiable(space, settings(space=text, budgets=(budget,)))
    number, unit = float(budget[: budget.index("k")]), budget[budget.index("k") :]
    below = f"{number - 0.002}{unit}"
    with pytest.raises(UserError) as refusal:
        check_satisfiable(space, settings(space=text, budgets=(below,)))
    assert any(f"({arch})" in str(refusal.value) for arch in allowed)
    assert below in str(refusal.value) and "32x32" in str(refusal.value)


def test_a_budget_that_one_remote_arch_meets_is_no_fault() -> None:
    given = settings(space=HIDDEN, budgets=("1518.112kFLOPs", "12.442kParams"))
    check_satisfiable(spaces.parse(HIDDEN), given)
    assert len(proposed(proposer(given), 10)) == 1


@pytest.mark.parametrize("sampler", ["front", "random"])
def test_a_window_is_kept_to_and_gone_through(sampler: str) -> None:
    costs = {arch: cost(arch, 32, 10).macs for arch in all_archs(TINY)}
    low, high = np.quantile(list(costs.values()), (0.5, 0.6))
    given = settings(budgets=(f"{low / 1e3:.3f}-{high / 1e3:.3f}kFLOPs",), sampler=sampler)
    inside = {arch for arch, macs in costs.items() if given.limits[0].least <= macs <= given.limits[0].limit}
    found = proposed(proposer(given), len(inside) + 1)
    assert {proposal.arch for proposal in found} == inside and inside


def test_bytes_are_kept_to() -> None:
    archs = {arch: cost(arch, 32, 10) for arch in all_archs(TINY)}
    weights, memory = (sorted(getattr(c, name) for c in archs.values()) for name in ("weights", "memory"))
    bounds = f"{weights[30] / 1024:.6f}KB", f"{memory[-30] / 1024:.6f}KBRAM"
    given = settings(budgets=bounds, sampler="front", objectives=("accuracy", "memory"))
    inside = {arch for arch, c in archs.items() if all(bound.violation(c) <= 0 for bound in given.limits)}
    found = proposed(proposer(given), len(inside) + 1)
    assert {proposal.arch for proposal in found} == inside and 0 < len(inside) < len(archs)


@pytest.mark.parametrize(
    ("budget", "helps", "does_not"),
    [
        ("1kParams", "lower --target-classes", "resolution"),
        ("1KB", "lower --target-classes", "resolution"),
        ("1KBfp32", "lower --target-classes", "resolution"),
        ("1KBRAM", "lower --target-resolution", "classes ("),
        ("1kFLOPs", "lower --target-resolution", "classes ("),
        ("8-9GFLOPs", "raise --target-resolution or give a space with larger widths", "mcu"),
    ],
)
def test_the_advice_is_about_what_is_bounded(budget: str, helps: str, does_not: str) -> None:
    with pytest.raises(UserError) as refusal:
        check_satisfiable(spaces.parse(TINY), settings(budgets=(budget,)))
    assert helps in str(refusal.value) and does_not not in str(refusal.value).partition("); ")[2]


def test_of_two_budgets_the_broken_one_is_named() -> None:
    space = spaces.parse(TINY)
    with pytest.raises(UserError) as refusal:
        check_satisfiable(space, settings(budgets=("1GFLOPs", "0.1kParams")))
    assert "0.1kParams" in str(refusal.value) and "1GFLOPs" not in str(refusal.value)


def test_budgets_met_only_apart_are_refused() -> None:
    """Each of the two is met by some arch, and none meets both."""
    prices: dict[Any, Any] = {arch: cost(arch, 32, 10) for arch in all_archs(ISLANDS)}
    lean = min(prices.values(), key=lambda c: (c.macs, c.params))
    small = min(prices.values(), key=lambda c: (c.params, c.macs))
    both = [c for c in prices.values() if c.macs <= lean.macs and c.params <= small.params]
    budgets = (f"{lean.macs / 1000}kFLOPs", f"{small.params / 1000}kParams")
    if both:
        check_satisfiable(spaces.parse(ISLANDS), settings(space=ISLANDS, budgets=budgets))
    else:
        with pytest.raises(UserError, match="nothing"):
            check_satisfiable(spaces.parse(ISLANDS), settings(space=ISLANDS, budgets=budgets))


def test_no_budget_is_always_met() -> None:
    check_satisfiable(spaces.parse(POINT), settings(space=POINT))
    assert len(proposed(proposer(settings(space=POINT)), 10)) == 1
