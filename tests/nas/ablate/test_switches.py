"""What is switched in the blocks, on the networks whose papers say what it is."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks import InvertedResidual, SandGlass, UserError
from nas.ablate import switches
from nas.ablate.components import get
from nas.ablate.stages import swapped
from nas.ablate.study import Made
from nas.ablate.switches import kind, switched, to_inverted_residual
from search_spaces import Arch, spaces, zoo
from tests import strategies
from tests.examples import few

SPACE = spaces.get("mobile")
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


# The kind of block --------------------------------------------------------------------------------------


def to_sandglass(arch: Arch) -> Arch:
    return switched(arch, InvertedResidual, SandGlass)


@settings(max_examples=few(60))
@given(strategies.points(SPACE), st.sampled_from((to_sandglass, to_inverted_residual)))
def test_the_switch_is_the_spaces_own(point: dict, switch: object) -> None:  # type: ignore[type-arg]
    """Of a point of the space, the variant is the same point with the other kind in every stage."""
    kinds = {name: "ir" for name in point if name.endswith(".block")}
    others = dict.fromkeys(kinds, "sg")
    inverted, sandglass = (SPACE.arch({**point, **blocks}) for blocks in (kinds, others))
    if all(point[f"s{stage}.groups"] == 1 for stage in range(1, 6)):
        assert to_sandglass(inverted) == sandglass
    assert to_inverted_residual(sandglass) == inverted


@settings(max_examples=few(30))
@given(strategies.points(SPACE))
def test_there_and_back(point: dict) -> None:  # type: ignore[type-arg]
    inverted = SPACE.arch({name: "ir" if name.endswith(".block") else v for name, v in point.items()})
    assert to_inverted_residual(to_sandglass(inverted)) == inverted
    assert to_inverted_residual(inverted) == inverted


def test_mobilenet_v2_becomes_mobilenext() -> None:
    """With t = 6 on V2's widths: 144, 192, 384, 576, 960 between the blocks, 24, 32, 64, 96, 160 inside."""
    made = to_sandglass(zoo.get("mobilenet_v2"))
    assert str(made).startswith(
        "stem32_RE6-ir16_RE6-sg144_t6_s2_RE6_nodw1-sg144_t6_RE6-sg192_t6_s2_RE6_nodw1-2xsg192"
    )
    wide = [(b.out, b.inner_width(0)) for b in made.blocks if isinstance(b, SandGlass)]
    assert sorted(set(wide)) == [(144, 24), (192, 32), (384, 64), (576, 96), (960, 160), (1920, 320)]


@pytest.mark.parametrize(
    "name", ["mobilenet_v3_large", "mobilenet_v3_small", "mnasnet_a1", "efficientnet_b0"]
)
def test_strides_kernels_squeezes_and_shortcuts_stay(name: str) -> None:
    base = zoo.get(name)
    made = to_sandglass(base)
    channels = base.stem.out, made.stem.out
    for old, new in zip(base.blocks, made.blocks, strict=True):
        assert isinstance(old, InvertedResidual) and isinstance(new, (SandGlass, InvertedResidual))
        for option in ("stride", "kernel", "squeeze_excite", "gate", "activation", "groups"):
            assert getattr(new, option) == getattr(old, option), option
        assert (old.out == channels[0]) == (new.out == channels[1])
        channels = old.out, new.out
    assert made.head == base.head


def test_a_network_of_other_blocks_stays_as_it_is() -> None:
    for name in ("shufflenet_v1", "mobilenet_v1"):
        base = zoo.get(name)
        assert to_sandglass(base) == base == to_inverted_residual(base)


def test_of_different_expansions_in_a_stage_the_middle_one_is_taken() -> None:
    """MobileNetV3-Large's 80 channels expand to 240, 200, 184 and 184; the first one's is of the stage before."""
    made = to_sandglass(zoo.get("mobilenet_v3_large"))
    assert [block.out for block in made.blocks[6:10]] == [184] * 4


def test_the_kind_of_block_both_ways() -> None:
    large = zoo.get("mobilenet_v3_large")
    made = kind(large)
    assert made["sg -> ir"] == large and "sg" in str(made["ir -> sg"])
