"""An arch seen as stages, taken apart and put together again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks import Bottleneck, InvertedResidual, SandGlass, Separable, Stem, UserError
from nas.ablate.stages import (
    explicit,
    inputs,
    narrow_inputs,
    resized,
    scaled,
    spliced,
    stages,
    stepped,
    swapped,
    tied,
    topology,
    widths,
    with_stem,
)
from search_spaces import Arch, spaces, zoo
from tests import strategies
from tests.examples import few


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


@settings(max_examples=few(40))
@given(strategies.archs())
def test_stages_hold_every_block_once(arch: Arch) -> None:
    found = stages(arch)
    assert [i for stage in found for i in range(stage.start, stage.end)] == list(range(len(arch.blocks)))
    assert all(block.stride == 1 for s in found for block in arch.blocks[s.start + 1 : s.end])
    assert [stage.number for stage in found] == list(range(1, len(found) + 1))


@settings(max_examples=few(40))
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


# Other widths, and nothing else ---------------------------------------------------------------------------


@settings(max_examples=few(80))
@given(strategies.archs(), st.data())
def test_other_widths_break_nothing(arch: Arch, data: st.DataObject) -> None:
    """Strides, shortcuts and everything that is no width stay; where that cannot be, it is refused."""
    steps = data.draw(st.tuples(*[st.integers(-2, 4)] * len(widths(arch))))
    new = tuple(max(4, w + 8 * step) for w, step in zip(widths(arch), steps, strict=True))
    try:
        made = resized(arch, new)
    except UserError:
        return
    assert widths(made) == new and topology(made) == topology(arch)
    assert made.eps == arch.eps and len(stages(made)) == len(stages(arch))
    for old, block in zip(arch.blocks, made.blocks, strict=True):
        assert type(old) is type(block) and old.stride == block.stride
        for option in ("kernel", "activation", "groups", "shuffle", "squeeze_excite", "shortcut"):
            assert getattr(old, option, None) == getattr(block, option, None)


@settings(max_examples=few(40))
@given(strategies.archs())
def test_the_same_widths_are_the_same_arch(arch: Arch) -> None:
    assert resized(arch, widths(arch)) == arch
    assert scaled(arch, 1.0) == arch


def test_the_factor_is_mobilenet_v3s_own() -> None:
    """Rounded widths times the ratio, the last convolution six times the last block; 1280 stays as it is."""
    made, official = scaled(zoo.get("mobilenet_v3_large"), 1.25), zoo.get("mobilenet_v3_large", 1.25)
    assert (made.stem, made.blocks, made.head) == (official.stem, official.blocks, official.head)


def test_the_last_convolution_of_mobilenet_v2_stays() -> None:
    assert scaled(zoo.get("mobilenet_v2"), 0.5).head.conv == 1280


def test_what_a_shortcut_binds_moves_together() -> None:
    large = zoo.get("mobilenet_v3_large")
    assert tied(large)[0] == (0, 1) and len(tied(large)) == 6
    assert tied(zoo.get("mobilenet_v2"))[0] == (0,)
    with pytest.raises(UserError, match="shortcut"):
        resized(large, (24, *widths(large)[1:]))


def test_no_shortcut_appears() -> None:
    large = zoo.get("mobilenet_v3_large")
    with pytest.raises(UserError, match="shortcut"):
        resized(large, (16, 16, 24, 40, 112, 112, 160))


def test_groups_that_do_not_divide_are_refused() -> None:
    with pytest.raises(UserError, match="groups"):
        scaled(zoo.get("shufflenet_v1", groups=3), 1.25)


def test_the_wrong_number_of_widths_is_refused() -> None:
    with pytest.raises(UserError, match="expected"):
        resized(zoo.get("mobilenet_v2"), (32, 16))


@given(st.lists(st.integers(4, 400), min_size=1, max_size=6), st.floats(0.25, 4))
def test_steps_stay_near_the_factor(old: list[int], factor: float) -> None:
    made = stepped(tuple(old), factor, [8] * len(old))
    for width, new in zip(old, made, strict=True):
        assert (new >= min(width, 8) and (new - width) % 8 == 0) or new == 8
        assert abs(new - width * factor) <= 4.001 or new <= 8


def test_a_resnet_bottleneck_keeps_its_ratio() -> None:
    arch = Arch(Stem(16), (Bottleneck(64), Bottleneck(64)))
    assert widths(arch) == (16, 16)
    made = resized(arch, (16, 24))
    assert str(made) == "stem16-2xrb96"
