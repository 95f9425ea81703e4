"""What is too large to be built is refused in milliseconds, and no memory is taken for it."""

from collections.abc import Callable, Iterator

import pytest

from blocks import InvertedResidual, Stem, UserError
from nas.latency.conditions import Conditions
from nas.latency.timing.modules import built
from nas.networks.bounds import MOST_PARAMS
from nas.networks.building import build
from nas.networks.cost import cost
from nas.networks.references import reference
from search_spaces import Arch, resolve
from tests.faults.watching import bounded

WITHIN = 0.5  # seconds of the processor
MEMORY = 100  # MB
SMALL = Arch.parse("stem16-ir16")


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """What is loaded at the first network is not what is measured."""
    build(SMALL, 10, 32)
    cost(reference("torchvision:mobilenet_v2"), 32, 10)


@pytest.fixture(autouse=True)
def _measured() -> Iterator[None]:
    with bounded(WITHIN, MEMORY):
        yield


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stem16-ir16-head1000000_f1000000", "parameters are too many"),
        ("stem20000_s1-ir8", "activations, too many"),
        ("stem16-ir16_t1000000", "parameters are too many"),
        ("stem1000000-ir1000000_t1000000", "parameters are too many"),
        ("stem1000000-xc1000000_s2", "parameters are too many"),
        ("stem65536-ir65536_t1000-head1000000", "parameters are too many"),
    ],
)
def test_a_network_of_huge_widths_is_not_built(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        build(Arch.parse(text))


@pytest.mark.parametrize(
    "work",
    [
        lambda: build(SMALL, 10, 10**9),
        lambda: build(SMALL, 10**9, 32),
        lambda: build(SMALL, 10, 32, 10**9),
        lambda: build(SMALL, 10**30, 32),
        lambda: cost(SMALL, 10**9),
        lambda: cost(SMALL, 224, 10**9),
        lambda: cost(SMALL, 224, 10**30),
        lambda: cost(SMALL, 224, 10, 10**9),
        lambda: cost(Arch.parse("stem1000000-ir1000000_t1000000"), 10**6),
        lambda: build(reference("torchvision:mobilenet_v2"), 10**9, 224),
        lambda: build(reference("torchvision:mobilenet_v2"), 10**6, 224),
        lambda: build(reference("torchvision:mobilenet_v2"), 10, 10**9),
        lambda: cost(reference("torchvision:mobilenet_v2"), 224, 10**9),
        lambda: built((InvertedResidual(16, expansion=1_000_000), 16, 112, 0), Conditions()),
        lambda: built((Stem(16), 3, 10**9, 0), Conditions()),
    ],
    ids=range(15),
)
def test_a_huge_resolution_and_huge_numbers_of_classes_and_channels_are_refused(
    work: Callable[[], object],
) -> None:
    with pytest.raises(UserError, match=r"too (large|many)|expected"):
        work()


def test_what_is_large_but_can_be_built_is_built() -> None:
    module = build(Arch.parse("stem16-ir1024_t8-ir1024_t1"), 10, 32)
    assert sum(p.numel() for p in module.parameters()) < MOST_PARAMS


@pytest.mark.parametrize(
    "text",
    [
        "stem16-" + "-".join(["1000xir16"] * 10_000),
        "stem16-1000xir16-ir24",
        "stem16-ir16" + "_" * 1_000_000,
        "x" * 1_000_000,
        "stem16-" + "ir16-" * 900_000,
        "stem16-ir16-eps0." + "0" * 1_000_000 + "1",
        "stem" + "1" * 1_000_000,
    ],
    ids=["counts", "one more", "options", "name", "parts", "eps", "digits"],
)
def test_a_huge_text_is_refused_in_few_words(text: str) -> None:
    with pytest.raises(UserError) as refused:
        resolve(text)
    assert len(str(refused.value)) < 1000


def test_an_arch_made_of_too_many_blocks_is_refused() -> None:
    with pytest.raises(UserError, match="1001 blocks: expected at most 1000"):
        Arch(Stem(16), (InvertedResidual(16),) * 1001)


def test_the_rule_for_small_images_takes_milliseconds_of_a_thousand_blocks() -> None:
    arch = Arch.parse("stem16-" + "-".join(["ir16_s2", "ir24_s2"] * 500))
    fitted = arch.fitted(32)
    assert [block.stride for block in fitted.blocks[:4]] == [2, 2, 2, 1] and fitted.final_size(32) == 2
    assert Arch.parse(str(arch)) == arch


def test_a_resolution_too_small_for_a_thousand_blocks_is_said_in_few_words() -> None:
    with pytest.raises(UserError, match="too small for stem16-ir16_s2") as refused:
        Arch.parse("stem16-" + "-".join(["ir16_s2", "ir24_s2"] * 500)).fitted(2)
    assert len(str(refused.value)) < 400
