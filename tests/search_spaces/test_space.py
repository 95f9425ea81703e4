"""Spaces: their points, drawn, counted, encoded, and the steps between them."""

from dataclasses import replace
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks import InvertedResidual, SandGlass, Stem, UserError
from search_spaces import Space, spaces
from search_spaces.stages import Choices, Dimension, Stage
from tests import strategies
from tests.examples import few
from tests.search_spaces import tiny

ENUMERABLE = {"stage": tiny.STAGE, "block": tiny.BLOCK, "dead": tiny.DEAD}
optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.mark.parametrize("space", ENUMERABLE.values(), ids=ENUMERABLE)
def test_size_is_the_number_of_points(space: Space) -> None:
    points = tiny.enumerated(space)
    assert space.size == len(points)
    archs = {space.arch(point) for point in points}
    if space is tiny.DEAD:
        assert len(archs) < len(points)
    else:
        assert len(archs) == len(points), "different points, different archs"


@settings(max_examples=few(60))
@given(strategies.any_space)
def test_size_of_any_space(space: Space) -> None:
    points = tiny.enumerated(space) if space.size < 3000 else None
    if points is not None:
        assert space.size == len(points)
        assert set(points[0]) <= {dimension.name for dimension in space.dimensions}


@pytest.mark.parametrize("granularity", ["stage", "block"])
def test_every_point_of_the_default_space_is_drawn_as_its_dimensions_say(granularity: str) -> None:
    space = spaces.get("mobile", granularity)
    seen: dict[str, set[object]] = {d.name: set() for d in space.dimensions}
    rng = np.random.default_rng(0)
    for _ in range(150):
        for name, value in space.params(space.sample(rng)).items():
            seen[name].add(value)
    for dimension in space.dimensions:
        assert seen[dimension.name] == set(dimension.choices), f"{dimension.name}: a choice never drawn"


@settings(max_examples=few(100))
@given(st.data(), strategies.any_space)
def test_a_point_makes_the_blocks_it_says(data: st.DataObject, space: Space) -> None:
    """Narrow widths between inverted residuals and inside SandGlasses; strides on the first of a stage."""
    point = data.draw(strategies.points(space))
    blocks = list(space.arch(point).blocks)
    if space.first:
        assert blocks.pop(0) == space.first
    for number, stage in enumerate(space.stages, 1):
        width = point[f"s{number}.width"]
        for index in range(int(point[f"s{number}.depth"])):
            block = blocks.pop(0)
            prefix = f"s{number}" if space.granularity == "stage" else f"s{number}.b{index + 1}"
            assert block.token == point[f"{prefix}.block"]
            assert block.stride == (stage.stride if index == 0 else 1)
            assert isinstance(block, (InvertedResidual, SandGlass))
            assert block.activation == point[f"{prefix}.activation"]
            if isinstance(block, InvertedResidual):
                assert block.out == width
            elif isinstance(block, SandGlass):
                assert block.canonical(8).out >= int(width)
                assert block.first_depthwise == (index > 0) and block.last_depthwise
            if index == 0:
                assert (block.kernel, block.squeeze_excite, block.groups) == (3, False, 1)
            else:
                assert block.kernel == point[f"{prefix}.kernel"]
                assert block.squeeze_excite == point[f"{prefix}.squeeze_excite"]
    assert not blocks


def test_switching_the_kind_moves_the_shortcut_and_no_width() -> None:
    """DESIGN: the inverted residual has c outside and c x t inside, the SandGlass the reverse."""
    space = spaces.get()
    point = space.draw(lambda d: d.choices[0]) | {"s3.block": "ir", "s3.expansion": 6, "s3.width": 40}
    ir = [str(b) for b in space.arch(point).blocks]
    sg = [str(b) for b in space.arch(point | {"s3.block": "sg"}).blocks]
    at = 1 + int(point["s1.depth"]) + int(point["s2.depth"])
    assert ir[at : at + 2] == ["ir40_t6_s2_HS".replace("_HS", ""), "ir40_t6"]
    assert sg[at : at + 2] == ["sg240_t6_s2_nodw1", "sg240_t6"]
    changed = [i for i, (one, other) in enumerate(zip(ir, sg, strict=True)) if one != other]
    assert changed[:2] == [at, at + 1]
    assert space.arch(point).head == space.arch(point | {"s3.block": "sg"}).head


def test_a_missing_or_unknown_choice_is_named() -> None:
    space = tiny.BLOCK
    point = tiny.enumerated(space)[0]
    for name in point:
        with pytest.raises(UserError, match=name):
            space.arch({k: v for k, v in point.items() if k != name})
        with pytest.raises(UserError, match=name):
            space.arch({**point, name: 99})


# Drawing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("granularity", ["stage", "block"])
def test_sampling_is_determined_by_the_generator(granularity: str) -> None:
    space = spaces.get("mobile", granularity)
    one, two, other = (np.random.default_rng(seed) for seed in (1, 1, 2))
    archs = [space.sample(one) for _ in range(5)]
    assert archs == [space.sample(two) for _ in range(5)]
    assert archs != [space.sample(other) for _ in range(5)]
    assert len(set(archs)) == 5


@settings(max_examples=few(30))
@given(st.data(), strategies.any_space)
def test_a_fixed_trial_gives_its_point(data: st.DataObject, space: Space) -> None:
    point = data.draw(strategies.points(space))
    assert space.suggest(optuna.trial.FixedTrial(dict(point))) == space.arch(point)


@pytest.mark.parametrize("granularity", ["stage", "block"])
def test_a_study_proposes_points_and_remembers_them(granularity: str) -> None:
    space = spaces.get("mobile", granularity)
    study = optuna.create_study(
        directions=["maximize", "minimize"], sampler=optuna.samplers.NSGAIISampler(population_size=4, seed=0)
    )
    for _ in range(12):
        trial = study.ask()
        arch = space.suggest(trial)
        study.tell(trial, [float(len(arch.blocks)), float(arch.channels)])
        assert space.arch(trial.params) == arch
        assert space.contains(arch)
    assert len({space.arch(trial.params) for trial in study.trials}) > 6


# Encoding ------------------------------------------------------------------------------------------------


@settings(max_examples=few(60))
@given(st.data(), strategies.any_space)
def test_the_code_is_one_hot_where_a_choice_is_made(data: st.DataObject, space: Space) -> None:
    arch = space.arch(data.draw(strategies.points(space)))
    code, params = space.encode(arch), space.params(arch)
    assert code.dtype == np.float64 and len(code) == sum(len(d.choices) for d in space.dimensions)
    start = 0
    for dimension in space.dimensions:
        part = code[start : start + len(dimension.choices)]
        start += len(dimension.choices)
        chosen = [choice for choice, on in zip(dimension.choices, part, strict=True) if on == 1]
        assert chosen == ([params[dimension.name]] if dimension.name in params else [])
        assert set(part) <= {0.0, 1.0}


@pytest.mark.parametrize("space", ENUMERABLE.values(), ids=ENUMERABLE)
def test_different_archs_have_different_codes(space: Space) -> None:
    archs = {space.arch(point) for point in tiny.enumerated(space)}
    assert len({tuple(space.encode(arch)) for arch in archs}) == len(archs)


def test_an_outsider_has_no_code_no_point_and_no_neighbours() -> None:
    outsider = replace(tiny.STAGE.arch(tiny.enumerated(tiny.STAGE)[0]), eps=0.5)
    for function in (tiny.STAGE.encode, tiny.STAGE.params, tiny.STAGE.neighbours):
        with pytest.raises(UserError, match="does not contain"):
            function(outsider)


# Neighbours ----------------------------------------------------------------------------------------------


def test_neighbours_are_one_choice_away_and_all_of_them() -> None:
    space = tiny.STAGE
    points = {space.arch(point): point for point in tiny.enumerated(space)}
    for arch, point in points.items():
        expected = {other for other, at in points.items() if len(tiny.differing(point, at)) == 1}
        neighbours = space.neighbours(arch)
        assert set(neighbours) == expected and len(neighbours) == len(expected)


@pytest.mark.parametrize("space", [tiny.BLOCK, tiny.DEAD], ids=["block", "dead"])
def test_neighbours_per_block(space: Space) -> None:
    """One choice, or the depth, whose added blocks repeat the last; never the arch itself."""
    every = {arch: space.neighbours(arch) for arch in map(space.arch, tiny.enumerated(space))}
    points = {arch: space.params(arch) for arch in every}
    for arch, point in points.items():
        for other in every[arch]:
            assert other != arch
            difference = tiny.differing(point, points[other])
            if "s1.depth" in difference:
                assert {name for name in difference if not name.startswith("s1.b3.")} == {"s1.depth"}
                shorter, longer = sorted((arch, other), key=lambda a: len(a.blocks))
                if arch is shorter:
                    last = {n: v for n, v in point.items() if n.startswith("s1.b2.")}
                    made = {**point, "s1.depth": 3} | {n.replace("b2", "b3"): v for n, v in last.items()}
                    assert longer == space.arch(made)
            elif space is tiny.BLOCK:
                assert len(difference) == 1
                assert arch in every[other], "symmetric"


@settings(max_examples=few(25))
@given(st.data(), strategies.any_space)
def test_neighbours_are_in_the_space_and_others(data: st.DataObject, space: Space) -> None:
    arch = space.arch(data.draw(strategies.points(space)))
    neighbours = space.neighbours(arch)
    assert arch not in neighbours and len(set(neighbours)) == len(neighbours)
    assert all(space.contains(other) for other in neighbours)


def test_another_arch_is_reached_by_neighbours() -> None:
    """From one random arch of the default space to another, a choice nearer at each step."""
    space = spaces.get()
    rng = np.random.default_rng(3)
    here, there = space.sample(rng), space.params(space.sample(rng))
    while left := len(tiny.differing(space.params(here), there)):
        here = min(space.neighbours(here), key=lambda a: len(tiny.differing(space.params(a), there)))
        assert len(tiny.differing(space.params(here), there)) == left - 1


# What a space may be ---------------------------------------------------------------------------------------


@settings(max_examples=few(100))
@given(st.data(), strategies.any_space)
def test_every_point_can_be_built(data: st.DataObject, space: Space) -> None:
    space.arch(data.draw(strategies.points(space)))  # UserError would be the space's fault


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("block", ("mb",)),
        ("block", ()),
        ("kernel", (4,)),
        ("kernel", (3.0,)),
        ("kernel", (3, 3)),
        ("kernel", ([3],)),
        ("kernel", (True,)),
        ("expansion", (0.5,)),
        ("expansion", (65,)),
        ("expansion", (2, 2.0)),
        ("expansion", (float("nan"),)),
        ("expansion", ("2",)),
        ("expansion", (True,)),
        ("squeeze_excite", (0, 1)),
        ("squeeze_excite", ("on",)),
        ("activation", ("GELU",)),
        ("activation", (None,)),
        ("groups", (1.5,)),
        ("groups", (5,)),  # divides no width
        ("groups", (0,)),
        ("groups", (2.0,)),
        ("groups", (True,)),
    ],
)
def test_choices_that_cannot_be_are_named(name: str, choices: tuple[Any, ...]) -> None:
    with pytest.raises(UserError, match=name):
        Choices(**{name: choices})


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("width", {"width": ()}),
        ("width", {"width": (20,)}),
        ("width", {"width": (16, 16)}),
        ("width", {"width": (16.0,)}),
        ("width", {"width": ([16],)}),
        ("width", {"width": (0,)}),
        ("depth", {"depth": (0,)}),
        ("depth", {"depth": ("2",)}),
        ("depth", {"depth": (True,)}),
        ("stride", {"stride": 3}),
        ("stride", {"stride": True}),
        ("stride", {"stride": 2.0}),
        ("stride", {"stride": None}),
    ],
)
def test_a_stage_that_cannot_be_is_named(name: str, stage: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=name):
        Stage(**{"width": (16,), "depth": (2,), **stage})


def test_a_space_that_cannot_be_is_refused() -> None:
    stage = Stage((16,), (2,))
    with pytest.raises(UserError, match="granularity"):
        Space("x", (stage,), granularity="net")
    with pytest.raises(UserError, match="stage"):
        Space("x", ())
    with pytest.raises(UserError, match="groups"):
        Space("x", (stage,), stem=Stem(16), first=InvertedResidual(16, expansion=2.0, groups=3))


def test_a_space_prints_its_size_and_choices() -> None:
    text = str(tiny.STAGE)
    assert f"{tiny.STAGE.size:.3g}" in text
    for word in ("tiny", "width 16|24", "depth 2|3", "kernel 3|5", "block ir|sg", "stride 2", "stem16_HS"):
        assert word in text


def test_dimensions_are_named_by_stage_and_block() -> None:
    by_stage = {d.name: d for d in tiny.STAGE.dimensions}
    assert by_stage["s1.kernel"] == Dimension("s1.kernel", (3,), 0, "kernel")
    by_block = {d.name: d for d in tiny.BLOCK.dimensions}
    assert by_block["s1.b3.groups"] == Dimension("s1.b3.groups", (1, 2), 0, "groups", 2)
    assert "s1.b1.kernel" not in by_block and "s1.b1.expansion" in by_block


def test_the_default_space_has_few_distinct_parts() -> None:
    """(Block, input, resolution) entries of the tables of cost and latency: 3,113, of which 1,920 are
    blocks behind a stage's first. More would make a latency table long to measure.
    """
    space = spaces.get()
    rng = np.random.default_rng(0)
    parts = {part for _ in range(3000) for part in space.sample(rng).walk(224)}
    assert 3000 < len(parts) <= 3113
