"""Spaces whose stages may be of other primitives than the default two."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks import BLOCKS, Bottleneck, SandGlass, UserError
from nas import build
from search_spaces import Arch, spaces
from search_spaces.space import Space
from search_spaces.stages import Choices, Stage, Value
from tests.examples import few

ALWAYS = ("ir", "sg", "ds", "rb", "inc", "xc")  # can stand behind any width that is a multiple of 8


def space(kinds: tuple[str, ...], granularity: str, **choices: tuple[Value, ...]) -> Space:
    options = Choices(block=kinds, expansion=(2, 4), **choices)  # type: ignore[arg-type]
    stages = (Stage((24, 40), (2, 3), 2, options), Stage((16, 48), (2,), 2, options))
    return Space("kinds", stages, granularity=granularity)


@pytest.mark.parametrize("granularity", ["stage", "block"])
@settings(max_examples=few(15))
@given(seed=st.integers(0, 10**6))
def test_every_point_can_be_built_and_is_found_again(granularity: str, seed: int) -> None:
    made = space(ALWAYS, granularity)
    arch = made.sample(np.random.default_rng(seed))
    assert made.arch(made.params(arch)) == arch
    assert all(made.contains(other) for other in made.neighbours(arch)[:3])


@pytest.mark.parametrize("kind", BLOCKS)
def test_each_kind_makes_stages_of_itself(kind: str) -> None:
    """Widening stages, so that those fit as well whose shortcut or split asks for it."""
    choices = Choices(block=(kind,), groups=(1, 2))
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


@pytest.mark.parametrize(
    ("kind", "said"),
    [("bz", "do not narrow"), ("gs", "exceed"), ("ss", "right branch")],
)
def test_a_kind_that_cannot_narrow_is_refused_where_it_would_have_to(kind: str, said: str) -> None:
    with pytest.raises(UserError, match=f"stage . cannot have {kind}.*{said}"):
        space((kind,), "stage", groups=(1,))


def test_blocks_of_several_kinds_must_fit_behind_each_other() -> None:
    """A bottleneck is wide outside; a BlazeBlock behind it, in the same stage, would have to narrow."""
    choices = Choices(block=("rb", "bz"), expansion=(4,))
    stages = (Stage((24,), (2,), 2, choices),)
    Space("stage", stages)
    with pytest.raises(UserError, match="behind 96 channels"):
        Space("block", stages, granularity="block")


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
    """Where each stage is wider than the one before is outside: 2 * 24 < 56, 2 * 56 < 120."""
    text = f"""
name: everything
choices: {{block: [{", ".join(BLOCKS)}], kernel: [3, 5], expansion: [2], groups: [1, 2]}}
stages:
  - {{width: [24], depth: [2], stride: 2}}
  - {{width: [56], depth: [2, 3], stride: 2}}
  - {{width: [120], depth: [2], stride: 2}}
"""
    made = spaces.parse(text)
    archs = [made.sample(np.random.default_rng(seed)) for seed in range(60)]
    assert {block.token for arch in archs for block in arch.blocks} == set(BLOCKS)
    for arch in archs:
        assert Arch.parse(str(arch)) == arch == made.arch(made.params(arch))
