"""Equal cost: within a hundredth, or with a reason; and never another network than the variant."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings

import nas
from blocks import Bottleneck, InvertedResidual, SandGlass, UserError
from nas.ablate.asked import prices
from nas.ablate.components import COMPONENTS, variants
from nas.ablate.equal import equalise
from nas.ablate.stages import inputs, swapped, topology, widths
from nas.ablate.switches import switched
from search_spaces import Arch, zoo
from tests import strategies
from tests.examples import few

SMALL = zoo.get("mobilenet_v3_small")
SANDGLASS = switched(SMALL, InvertedResidual, SandGlass)


def formula(arch: Arch) -> float:
    """About the multiply-adds of the blocks' pointwise and depthwise layers: a price that takes no counting."""
    total, size = 27.0 * arch.stem.out * 112**2, 112.0
    for block, channels in zip(arch.blocks, inputs(arch), strict=True):
        inner = block.inner_width(channels) or block.out
        groups = getattr(block, "groups", 1)
        kernel = getattr(block, "kernel", 3)
        size /= block.stride
        total += ((channels + block.out) * inner / groups + kernel**2 * inner) * size**2
    return total + arch.channels * 1000 + arch.head.conv * arch.channels * size**2


def asking(price: Callable[[Arch], float]) -> tuple[Callable[[Arch], float], list[Arch]]:
    asked: list[Arch] = []

    def priced(arch: Arch) -> float:
        asked.append(arch)
        return price(arch)

    return priced, asked


@pytest.mark.parametrize(
    "name", ["mobilenet_v3_small", "mobilenet_v2", "mobilenext", "shufflenet_v1_g3", "mnasnet_a1"]
)
def test_every_variant_of_every_component_costs_the_same_or_says_why(name: str) -> None:
    base = zoo.get(name)
    missed = []
    for component in COMPONENTS.values():
        for variant in variants(component, base):
            if variant.arch is None or component.resizes:
                continue
            found = equalise(base, variant.arch, formula)
            if found.arch is None:
                missed.append(f"{variant.name}: {found.reason}")
                assert found.reason
                continue
            assert formula(found.arch) / formula(base) == pytest.approx(found.ratio)
            assert abs(found.ratio - 1) <= 0.01 and topology(found.arch) == topology(variant.arch)
    assert not missed, missed


@settings(max_examples=few(40))
@given(strategies.archs(most=4), strategies.archs(most=4))
def test_of_any_two_archs(base: Arch, variant: Arch) -> None:
    """The second at the cost of the first: within a hundredth, or a reason; its topology and options stay."""
    found = equalise(base, variant, formula)
    if found.arch is None:
        assert found.reason
        return
    assert abs(formula(found.arch) / formula(base) - 1) <= 0.01
    assert topology(found.arch) == topology(variant) and Arch.parse(str(found.arch)) == found.arch
    assert [type(b) for b in found.arch.blocks] == [type(b) for b in variant.blocks]


def test_counted_multiply_adds_and_parameters() -> None:
    variant = swapped(SMALL, "groups", {1: 4})
    for price in prices(["macs", "params"], 64, 10).values():
        found = equalise(SMALL, variant, price)
        assert found.arch is not None and abs(found.ratio - 1) <= 0.01
        assert price(found.arch) / price(SMALL) == pytest.approx(found.ratio)
        assert all(
            block.groups in (1, 4) for block in found.arch.blocks if isinstance(block, InvertedResidual)
        )


def test_what_costs_the_same_already_is_left_alone() -> None:
    variant = swapped(SMALL, "activation", {"HS": "RE"}, ends=True)
    found = equalise(SMALL, variant, formula)
    assert found.arch == variant and found.ratio == 1.0
    assert equalise(SMALL, SMALL, formula).arch == SMALL


def test_few_prices_are_asked_and_each_once() -> None:
    price, asked = asking(formula)
    found = equalise(SMALL, SANDGLASS, price)
    assert found.arch is not None and abs(formula(SANDGLASS) / formula(SMALL) - 1) > 0.2
    assert len(asked) <= 45 and len(set(asked)) == len(asked)


def test_the_answer_is_always_the_same() -> None:
    assert equalise(SMALL, SANDGLASS, formula) == equalise(SMALL, SANDGLASS, formula)


def test_a_price_out_of_reach_says_how_far() -> None:
    found = equalise(zoo.get("mobilenet_v3_small", 0.35), zoo.get("mobilenet_v2", 1.4), formula)
    assert found.arch is None and "times its widths" in found.reason and found.ratio > 1


def test_a_price_that_cannot_be_met_by_steps_says_so() -> None:
    """Of one block of 8 channels nothing lies between 8 and 16."""
    base = Arch.parse("stem8-sg64_t8-head64")
    found = equalise(
        base, Arch.parse("stem24-ir12_t4"), lambda arch: {64: 100.0}.get(arch.channels, 9.0 * arch.channels)
    )
    assert found.arch is None and "steps of 8" in found.reason


def test_an_arch_without_a_price_is_a_reason_and_no_error() -> None:
    def price(arch: Arch) -> float:
        raise UserError("the table lacks sg24")

    found = equalise(SMALL, SMALL, price)
    assert found.arch is None and "lacks sg24" in found.reason


def test_candidates_without_a_price_are_passed_over() -> None:
    """A latency table may not hold every width."""

    def price(arch: Arch) -> float:
        if widths(arch)[-1] % 16:
            raise UserError("not measured")
        return formula(arch)

    variant = swapped(SMALL, "groups", {1: 4})
    found = equalise(SMALL, variant, price)
    assert found.arch is not None and widths(found.arch)[-1] % 16 == 0 and abs(found.ratio - 1) <= 0.01


def test_a_narrower_tolerance() -> None:
    found = equalise(SMALL, SANDGLASS, formula, tolerance=0.001)
    assert found.arch is None or abs(found.ratio - 1) <= 0.001


def test_groups_decide_the_step() -> None:
    """Of three groups a bottleneck of a quarter needs widths in steps of 24."""
    base = zoo.get("shufflenet_v1", groups=3)
    variant = swapped(base, "kernel", {3: 5})
    found = equalise(base, variant, formula, tolerance=0.004)
    assert found.arch is not None and found.arch != variant
    assert all(width % 24 == 0 for width in widths(found.arch)[1:])


def test_the_kinds_of_blocks_stay() -> None:
    found = equalise(SMALL, SANDGLASS, formula)
    assert found.arch is not None
    assert {type(block) for block in found.arch.blocks} == {InvertedResidual, SandGlass}
    assert not any(isinstance(block, Bottleneck) for block in found.arch.blocks)


@pytest.mark.parametrize("label", ["16 -> 32", "16 -> 8"])
def test_a_width_that_is_switched_is_not_switched_back(label: str) -> None:
    """The stem's: the other widths make up for it, whatever is to be equal."""
    (variant,) = (v for v in variants(COMPONENTS["stem"], SMALL) if v.label == label)
    assert variant.arch is not None
    for price in (formula, lambda arch: float(nas.cost(arch, 64, 10).activations)):
        found = equalise(SMALL, variant.arch, price)
        assert found.arch is None or found.arch.stem.out == variant.arch.stem.out
        assert found.arch != SMALL
