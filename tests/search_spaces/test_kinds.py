"""Spaces whose stages may be of other primitives than the default two."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks import BLOCKS, Bottleneck, GroupShuffle, SandGlass, UserError
from blocks.base import Place
from nas import build
from search_spaces import Arch, spaces
from search_spaces.space import Space
from search_spaces.stages import Choices, Stage, Value
from tests.examples import few


def space(kinds: tuple[str, ...], granularity: str, **choices: tuple[Value, ...]) -> Space:
    options = Choices(block=kinds, expansion=(2, 4), **choices)  # type: ignore[arg-type]
    stages = (Stage((24, 40), (2, 3), 2, options), Stage((16, 48), (2,), 2, options))
    return Space("kinds", stages, granularity=granularity)


@pytest.mark.parametrize("granularity", ["stage", "block"])
@settings(max_examples=few(15))
@given(seed=st.integers(0, 10**6))
def test_every_point_can_be_built_and_is_found_again(granularity: str, seed: int) -> None:
    made = space(tuple(BLOCKS), granularity, groups=(1, 2, 8))
    arch = made.sample(np.random.default_rng(seed))
    assert made.arch(made.params(arch)) == arch
    assert all(made.contains(other) for other in made.neighbours(arch)[:3])


@settings(max_examples=few(15))
@given(seed=st.integers(0, 10**6))
def test_so_can_every_point_of_the_documented_space(seed: int) -> None:
    made = spaces.get("documented")
    arch = made.sample(np.random.default_rng(seed))
    assert made.arch(made.params(arch)) == arch
    assert build(arch, 10, 64)(torch.zeros(2, 3, 64, 64)).shape == (2, 10)


@pytest.mark.parametrize("kind", BLOCKS)
def test_each_kind_makes_stages_of_itself(kind: str) -> None:
    """Widening stages, so that the unit fits that only widens."""
    choices = Choices(block=(kind,), expansion=(2,), groups=(1, 2))
    made = Space("one", (Stage((24,), (2,), 2, choices), Stage((48,), (3,), 2, choices)))
    arch = made.sample(np.random.default_rng(0))
    assert {block.token for block in arch.blocks[1:]} == {kind}
    assert [block.stride for block in arch.blocks] == [1, 2, 1, 2, 1, 1]
    assert made.contains(arch)
    build(arch, 5, 64)


def test_a_bottleneck_is_wide_between_and_narrow_inside() -> None:
    """As the SandGlass: switching between the two moves no width."""
    made = space(("sg", "rb"), "stage")
    point = made.draw(lambda d: d.choices[0])
    for kind, shape in (("sg", SandGlass), ("rb", Bottleneck)):
        blocks = made.arch(point | {"s1.block": kind, "s2.block": kind}).blocks[1:]
        assert all(isinstance(block, shape) for block in blocks)
        assert [block.out for block in blocks] == [48, 48, 32, 32]
        assert [block.inner_width(0) for block in blocks] == [24, 24, 16, 16]


NARROWING = {  # behind 96 channels, at stride 2, to 48
    "bz": ["bz48_s2_convskip", "bz48"],
    "gs": ["ds48_s2", "gs48_e24_g2"],
    "ss": ["ss48_s2_figure", "ss48_figure"],
}


@pytest.mark.parametrize("kind", NARROWING)
def test_a_kind_that_cannot_narrow_has_another_beginning_where_it_would_have_to(kind: str) -> None:
    one = Choices(("rb",), (5,), (4,), (False,), ("RE",), (2,))
    other = Choices((kind,), (5,), (2,), (False,), ("RE",), (2,))
    made = Space("narrowing", (Stage((24,), (2,), 2, one), Stage((24,), (2,), 2, other)))
    arch = made.sample(np.random.default_rng(0))
    texts = [str(block).replace("_k5", "") for block in arch.blocks[-2:]]
    assert texts == NARROWING[kind] and made.contains(arch)


def test_the_unit_that_begins_a_stage_is_grouped_where_its_input_can_be() -> None:
    """As in ShuffleNetV1, whose first unit of all has a dense pointwise: 16 channels are not three groups' own."""
    choices = Choices(("gs",), (3,), (4,), (False,), ("RE",), (2, 3))
    stages = (Stage((24,), (1,), 2, choices), Stage((48,), (2,), 2, choices))
    made = Space("grouped", stages, first=None)
    texts = {str(made.sample(np.random.default_rng(seed))) for seed in range(20)}
    assert "stem16_HS-gs96_s2_g2-gs192_s2_g3-gs192_g3-head288_f1280_HS" in texts
    assert {t.split("-")[1] for t in texts} == {
        "gs96_s2_g2",
        "ds96_s2",
    }  # 96 - 16 is not three groups' either
    later = GroupShuffle.in_stage(Place(24, 48, 4, 40, first=True), {"groups": 3, "stride": 2})
    assert later.token == "ds"


def test_groups_that_do_not_divide_every_width_are_refused() -> None:
    with pytest.raises(UserError, match=r"stage 2 cannot have .*3 groups"):
        choices = Choices(block=("ir",), groups=(1, 3))
        Space("thirds", (Stage((24,), (2,), 2, choices), Stage((24, 40), (2,), 2, choices)))


@pytest.mark.parametrize("granularity", ["stage", "block"])
def test_a_stage_of_one_block_and_a_head_to_choose_are_read_back(granularity: str) -> None:
    stages = (Stage((16, 24), (1, 2), 2), Stage((32,), (1,), 2))
    made = Space("short", stages, first=None, head_ratio=(0, 6), features=(0, 64), granularity=granularity)
    names = {d.name for d in made.dimensions}
    assert {"head.ratio", "head.features"} <= names
    heads = set()
    for seed in range(40):
        arch = made.sample(np.random.default_rng(seed))
        assert made.arch(made.params(arch)) == arch
        assert made.nearest(arch).arch == arch
        heads.add(str(arch.head))
    assert len(heads) == 4
    near = made.nearest(Arch.parse("stem16_HS-ir24_t3_s2-ir24_t3-ir40_t4_s2-head240_f100_HS"))
    assert near.params["head.ratio"] == 6 and near.params["head.features"] == 64


def test_a_file_may_list_them() -> None:
    text = """
name: mine
choices: {block: [ds, inc, xc], kernel: [3, 5]}
stages:
  - {width: [24, 40], depth: [2], stride: 2}
  - {width: [32], depth: [2, 3], stride: 2, choices: {block: [rb, ir]}}
"""
    made = spaces.parse(text)
    assert made.stages[1].choices.block == ("rb", "ir")
    tokens = {b.token for seed in range(40) for b in made.sample(np.random.default_rng(seed)).blocks}
    assert tokens == {"ir", "ds", "inc", "xc", "rb"}


def test_one_space_may_list_every_primitive() -> None:
    text = f"""
name: everything
choices: {{block: [{", ".join(BLOCKS)}], kernel: [3, 5], groups: [1, 2]}}
stages:
  - {{width: [24], depth: [2], stride: 2}}
  - {{width: [16, 56], depth: [2, 3], stride: 2}}
  - {{width: [120], depth: [2], stride: 2}}
"""
    made = spaces.parse(text)
    archs = [made.sample(np.random.default_rng(seed)) for seed in range(60)]
    assert {block.token for arch in archs for block in arch.blocks} == set(BLOCKS)
    for arch in archs:
        assert Arch.parse(str(arch)) == arch == made.arch(made.params(arch))
