"""An arch seen as stages, taken apart and put together again."""

import pytest
from hypothesis import given, settings

from blocks import InvertedResidual, SandGlass, Separable, Stem, UserError
from nas.ablate.stages import explicit, inputs, narrow_inputs, spliced, stages, swapped, topology, with_stem
from search_spaces import Arch, spaces, zoo
from tests import strategies


def test_the_stages_of_mobilenet_v3_large_are_the_papers() -> None:
    found = stages(zoo.get("mobilenet_v3_large"))
    assert [(s.width, s.reduction, s.end - s.start) for s in found] == [
        (16, 2, 1),
        (24, 4, 2),
        (40, 8, 3),
        (80, 16, 4),
        (112, 16, 2),
        (160, 32, 3),
    ]


def test_a_stage_of_sandglasses_goes_by_its_narrow_width() -> None:
    point = spaces.get("mobile").neighbours(next(iter(spaces.get("mobile").neighbours(_some_arch()))))[0]
    assert len(stages(point)) == 6, "the first block and the five stages of the space, whatever their kinds"


def _some_arch() -> Arch:
    space = spaces.get("mobile")
    return space.arch(space.draw(lambda d: d.choices[0]))


@settings(max_examples=40)
@given(strategies.archs())
def test_stages_hold_every_block_once(arch: Arch) -> None:
    found = stages(arch)
    assert [i for stage in found for i in range(stage.start, stage.end)] == list(range(len(arch.blocks)))
    assert all(block.stride == 1 for s in found for block in arch.blocks[s.start + 1 : s.end])
    assert [stage.number for stage in found] == list(range(1, len(found) + 1))


@settings(max_examples=40)
@given(strategies.archs())
def test_explicit_blocks_are_the_same_network(arch: Arch) -> None:
    assert Arch(arch.stem, tuple(explicit(arch)), arch.head, arch.eps) == arch
    assert swapped(arch, "activation", {}) == arch


def test_the_narrow_input_of_a_block_behind_a_sandglass() -> None:
    arch = Arch(Stem(16), (SandGlass(96, inner=16), InvertedResidual(24, inner=96)))
    assert inputs(arch) == [16, 96] and narrow_inputs(arch) == [16, 16]


def test_a_stage_is_taken_from_a_variant() -> None:
    base = zoo.get("mobilenet_v3_large")
    variant = swapped(base, "squeeze_excite", {True: False})
    made = spliced(base, variant, stages(base)[2])
    excited = [block.squeeze_excite for block in made.blocks if isinstance(block, InvertedResidual)]
    assert excited == [False] * 10 + [True] * 5


def test_a_variant_of_another_depth_cannot_be_spliced() -> None:
    base = zoo.get("mobilenet_v3_small")
    with pytest.raises(UserError, match="number of blocks"):
        spliced(base, zoo.get("mobilenet_v3_large"), stages(base)[0])


def test_a_block_without_an_expansion_follows_the_stem() -> None:
    made = with_stem(zoo.get("mobilenet_v3_large"), Stem(32, activation="HS"))
    assert str(made).startswith("stem32_HS-ir16-ir24_t4_s2-")


def test_topology_tells_shortcuts() -> None:
    arch = Arch(Stem(16), (Separable(16), Separable(16, stride=2), InvertedResidual(24, expansion=3.0)))
    assert topology(arch) == ((1, True, False), (2, False, False), (1, False, False))
