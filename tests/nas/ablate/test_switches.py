"""What is switched in the blocks, on the networks whose papers say what it is."""

from dataclasses import replace

import pytest

from blocks import InvertedResidual, UserError
from nas.ablate import switches
from nas.ablate.components import get
from nas.ablate.stages import swapped
from nas.ablate.study import Made
from search_spaces import Arch, zoo

LARGE, SMALL = zoo.get("mobilenet_v3_large"), zoo.get("mobilenet_v3_small")


def built(made: Made, label: str) -> Arch:
    arch = made[label]
    assert isinstance(arch, Arch)
    return arch


def test_squeeze_excite_off_and_on() -> None:
    made = switches.squeeze_excite(LARGE)
    assert "_se" not in str(built(made, "off"))
    on = built(made, "on")
    assert all(isinstance(b, InvertedResidual) and b.squeeze_excite and not b.squeeze for b in on.blocks)
    assert switches.squeeze_excite(on)["on"] == on


def test_new_squeeze_excites_are_like_the_networks_own() -> None:
    """MnasNet's: a quarter of the input, a smooth gate."""
    on = built(switches.squeeze_excite(zoo.get("mnasnet_a1")), "on")
    channels = [on.stem.out, *(block.out for block in on.blocks)]
    for block, before in zip(on.blocks, channels, strict=False):
        assert isinstance(block, InvertedResidual) and block.gate == "sig"
        assert block.squeeze in (max(1, before // 4), 0)  # 0 where it is a quarter of the inner one as well


def test_minimalistic_v3_is_v3_without_its_components() -> None:
    """slim's own ablation: 3x3 throughout, no squeeze-excite, ReLU."""
    plain = LARGE
    for component in ("se", "kernel", "activation"):
        plain = get(component).plain(plain)  # type: ignore[misc]
    assert plain == zoo.get("mobilenet_v3_large_minimalistic")


def test_activations_change_in_stem_and_head_too() -> None:
    made = switches.activation(SMALL)
    assert "HS" not in str(built(made, "HS -> RE"))
    hard = built(made, "RE -> HS")
    assert {b.activation for b in hard.blocks if isinstance(b, InvertedResidual)} == {"HS"}
    assert set(switches.activation(zoo.get("efficientnet_b0"))) == {
        "HS -> RE",
        "RE -> HS",
        "SI -> RE",
        "SI -> HS",
    }
    v2 = built(switches.activation(zoo.get("mobilenet_v2")), "RE -> HS")
    assert "RE6" not in str(v2), "ReLU6 counts as ReLU"


def test_kernels() -> None:
    made = get("kernel").make(LARGE)
    assert "k5" not in str(built(made, "5 -> 3")) and built(made, "3 -> 5").stem.kernel == 3
    assert all(getattr(block, "kernel", 0) == 5 for block in built(made, "3 -> 5").blocks)


def test_groups_with_and_without_the_shuffle() -> None:
    made = switches.groups(LARGE)
    assert list(made) == [f"1 -> {g}{end}" for g in (2, 4, 8) for end in ("", ", no shuffle")]
    for label, arch in made.items():
        assert isinstance(arch, Arch)
        grouped = [b for b in arch.blocks if isinstance(b, InvertedResidual) and b.groups > 1]
        assert len(grouped) == 14, "all but the first block, which has no expansion"
        assert all(block.shuffle != label.endswith("no shuffle") for block in grouped)


def test_groups_that_do_not_divide_say_why() -> None:
    odd = Arch.parse("stem20-ir36_t2")
    error = switches.groups(odd)["1 -> 8"]
    assert isinstance(error, UserError) and "8 groups" in str(error)
    assert isinstance(switches.groups(odd)["1 -> 4"], Arch)


def test_a_grouped_network_is_ungrouped() -> None:
    grouped = swapped(LARGE, "groups", {1: 4})
    made = switches.groups(grouped)
    assert built(made, "4 -> 1") == LARGE and "4 -> 4" not in made
    mixed = replace(grouped, blocks=(*grouped.blocks[:4], *swapped(LARGE, "groups", {1: 2}).blocks[4:]))
    assert "2/4 -> 8" in switches.groups(mixed)


@pytest.mark.parametrize("groups", [2, 8])
def test_the_units_of_shufflenet_have_groups_too(groups: int) -> None:
    made = switches.groups(zoo.get("shufflenet_v1", groups=1))
    arch = made[f"1 -> {groups}"]
    assert isinstance(arch, UserError) == (groups == 8), "a bottleneck of 36 in 8 groups"
