"""From an arch back to its point."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks import Head, InvertedResidual, SandGlass, Stem
from search_spaces import Arch, Space, spaces, zoo
from search_spaces.stages import Choices, Stage
from tests import strategies
from tests.examples import few
from tests.search_spaces import tiny


@pytest.mark.parametrize("granularity", ["stage", "block"])
@settings(max_examples=few(60))
@given(data=st.data())
def test_reading_is_the_inverse_of_making(granularity: str, data: st.DataObject) -> None:
    space = spaces.get("mobile", granularity)
    point = data.draw(strategies.points(space))
    arch = space.arch(point)
    assert space.contains(arch)
    if granularity == "stage":
        assert space.params(arch) == point
    else:  # options without effect may read differently, but make the same arch
        assert space.arch(space.params(arch)) == arch
        dead = tiny.differing(space.params(arch), point)
        assert all(name.endswith(".groups") for name in dead)


@settings(max_examples=few(200))
@given(st.data(), strategies.any_space)
def test_any_space_reads_its_archs(data: st.DataObject, space: Space) -> None:
    """Expansion 1, where most is without effect, and expansions that make equal widths, included."""
    arch = space.arch(data.draw(strategies.points(space)))
    assert space.arch(space.params(arch)) == arch


@pytest.mark.parametrize("space", [tiny.STAGE, tiny.BLOCK], ids=["stage", "block"])
def test_a_larger_space_is_contained_where_it_should_be(space: Space) -> None:
    """All archs of a space with more choices, and which of them belong to the smaller one."""
    inside = {space.arch(point) for point in tiny.enumerated(space)}
    stage = space.stages[0]
    wider = (
        replace(stage, width=(16, 24, 32), depth=(2, 3)),
        replace(stage, choices=replace(stage.choices, expansion=(2, 3, 4))),
        replace(stage, choices=replace(stage.choices, kernel=(3, 5, 7))),
        replace(stage, choices=replace(stage.choices, activation=("RE", "HS"))),
        replace(stage, choices=replace(stage.choices, squeeze_excite=(False, True))),
        replace(stage, choices=replace(stage.choices, groups=(1, 2, 4))),
        replace(stage, stride=1),
    )
    for other in wider:
        larger = replace(space, stages=(other, *space.stages[1:]))
        points = tiny.enumerated(larger)[:: 1 if larger.size < 400 else 7]
        archs = {larger.arch(point) for point in points}
        assert archs - inside, "some outsiders among them"
        assert all(space.contains(arch) == (arch in inside) for arch in archs)


def test_a_stage_of_unlike_blocks_belongs_to_the_space_of_blocks_alone() -> None:
    by_stage, by_block = spaces.get(), spaces.get("mobile", "block")
    arch = by_stage.arch(by_stage.draw(lambda d: d.choices[-1]))
    last = arch.blocks[-1]
    assert isinstance(last, SandGlass)
    unlike = replace(arch, blocks=(*arch.blocks[:-1], replace(last, kernel=3)))
    assert by_stage.contains(arch) and by_block.contains(arch)
    assert not by_stage.contains(unlike) and by_block.contains(unlike)


@settings(max_examples=few(60))
@given(strategies.archs())
def test_other_archs_are_not_contained(arch: Arch) -> None:
    space = spaces.get()
    assert not space.contains(arch)


@pytest.mark.parametrize("name", zoo.ZOO)
def test_hand_designed_networks_are_outsiders(name: str) -> None:
    for granularity in ("stage", "block"):
        assert not spaces.get("mobile", granularity).contains(zoo.get(name))


def test_ends_and_eps_count() -> None:
    space = spaces.get()
    arch = space.arch(space.draw(lambda d: d.choices[-1]))
    assert space.contains(arch)
    for other in (
        replace(arch, stem=Stem(16)),
        replace(arch, head=Head(arch.head.conv, 1024, "HS")),
        replace(arch, eps=0.001),
        replace(arch, blocks=arch.blocks[1:]),
        replace(arch, blocks=(*arch.blocks, arch.blocks[-1])),
        replace(arch, blocks=(InvertedResidual(16, activation="HS"), *arch.blocks[1:])),
    ):
        assert not space.contains(other), other


def test_stages_alike_but_for_their_depth_are_told_apart() -> None:
    """Two stages of stride 1 and the same choices: their blocks run into one another."""
    plain = Choices(("ir",), (3,), (3,), (False,), ("RE",), (1,))
    stage = Stage((16, 24), (2, 3, 4), 1, plain)
    space = Space("run", (stage, stage))
    for point in tiny.enumerated(space):
        arch = space.arch(point)
        assert space.arch(space.params(arch)) == arch
