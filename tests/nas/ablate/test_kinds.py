"""Inverted residual against SandGlass: nothing but the kind changes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks import InvertedResidual, SandGlass
from nas.ablate.kinds import kind, switched, to_inverted_residual
from search_spaces import Arch, spaces, zoo
from tests import strategies

SPACE = spaces.get("mobile")


def to_sandglass(arch: Arch) -> Arch:
    return switched(arch, InvertedResidual, SandGlass)


@settings(max_examples=60)
@given(strategies.points(SPACE), st.sampled_from((to_sandglass, to_inverted_residual)))
def test_the_switch_is_the_spaces_own(point: dict, switch: object) -> None:  # type: ignore[type-arg]
    """Of a point of the space, the variant is the same point with the other kind in every stage."""
    kinds = {name: "ir" for name in point if name.endswith(".block")}
    others = dict.fromkeys(kinds, "sg")
    inverted, sandglass = (SPACE.arch({**point, **blocks}) for blocks in (kinds, others))
    if all(point[f"s{stage}.groups"] == 1 for stage in range(1, 6)):
        assert to_sandglass(inverted) == sandglass
    assert to_inverted_residual(sandglass) == inverted


@settings(max_examples=30)
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
