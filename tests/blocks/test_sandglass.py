"""The SandGlass: what MobileNeXt says of it in particular."""

import pytest
import torch
from torch import nn

from blocks import SandGlass, UserError
from tests import references


def convolutions(block: SandGlass, channels: int) -> list[nn.Conv2d]:
    module = block.canonical(channels).build(channels, nn.BatchNorm2d)
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]


def test_the_stride_is_on_the_second_depthwise() -> None:
    first, reduce, expand, second = convolutions(SandGlass(96, inner=16, stride=2, kernel=5), 32)
    assert (first.stride, reduce.stride, expand.stride, second.stride) == ((1, 1), (1, 1), (1, 1), (2, 2))
    assert (first.groups, second.groups) == (32, 96)
    assert (first.kernel_size, second.kernel_size) == ((5, 5), (5, 5))
    assert (reduce.in_channels, reduce.out_channels, expand.out_channels) == (32, 16, 96)


@pytest.mark.parametrize(
    ("options", "kernels"),
    [
        ({}, [3, 1, 1, 3]),
        ({"first_depthwise": False}, [1, 1, 3]),  # the first of a stage with stride 2
        ({"first_depthwise": False, "last_depthwise": False}, [1, 1]),  # with stride 1
    ],
)
def test_omissions_of_the_official_code(options: dict[str, bool], kernels: list[int]) -> None:
    block = SandGlass(96, expansion=6.0, **options)  # type: ignore[arg-type]
    assert [c.kernel_size[0] for c in convolutions(block, 48)] == kernels


def test_the_stride_cannot_go_with_its_depthwise() -> None:
    with pytest.raises(UserError, match="stride"):
        SandGlass(96, stride=2, last_depthwise=False).canonical(48)


@pytest.mark.parametrize(
    ("out", "stride", "residual"), [(48, 1, True), (48, 2, False), (96, 1, False), (96, 2, False)]
)
def test_the_shortcut_exists_iff_stride_1_and_equal_widths(out: int, stride: int, residual: bool) -> None:
    module = SandGlass(out, expansion=6.0, stride=stride).build(48, nn.BatchNorm2d).eval()
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.zeros_(layer.weight)
    x = torch.rand(1, 48, 4, 4)
    made = module(x)
    assert torch.equal(made, x if residual else torch.zeros_like(made))


def test_the_reduction_and_the_output_are_linear() -> None:
    """Activated are the first depthwise and the expansion alone, and squeeze-excite behind the first."""
    block = SandGlass(48, expansion=6.0, squeeze_excite=True)
    x = torch.zeros(1, 48, 6, 6)
    steps = references.steps(block.build(48, nn.BatchNorm2d), x)
    order = [(step.kind, tuple(step.given.shape[1:])) for step in steps]
    wide, narrow = (48, 6, 6), (8, 6, 6)
    assert order == [
        ("Conv2d", wide),
        ("BatchNorm2d", wide),
        ("ReLU", wide),
        ("Conv2d", (16, 1, 1)),  # squeeze: 48 / 4 = 12 becomes 16
        ("ReLU", (16, 1, 1)),
        ("Conv2d", (48, 1, 1)),
        ("Hardsigmoid", (48, 1, 1)),
        ("Conv2d", narrow),
        ("BatchNorm2d", narrow),
        ("Conv2d", wide),
        ("BatchNorm2d", wide),
        ("ReLU", wide),
        ("Conv2d", wide),
        ("BatchNorm2d", wide),
    ]


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ({"inner": 16}, {"expansion": 6.0}),
        ({"inner": 16, "expansion": 2.0}, {"expansion": 6.0}),
        ({"inner": 20}, {"inner": 20}),
        ({"expansion": 5.9}, {"expansion": 6.0}),
        ({"gate": "sig"}, {}),
        ({"squeeze_excite": True, "first_depthwise": False, "gate": "sig"}, {"first_depthwise": False}),
        ({"shuffle": False}, {}),
        (
            {"kernel": 5, "first_depthwise": False, "last_depthwise": False},
            {"first_depthwise": False, "last_depthwise": False},
        ),
        ({"kernel": 5, "first_depthwise": False}, {"kernel": 5, "first_depthwise": False}),
        ({"groups": 2, "shuffle": False, "inner": 16}, {"groups": 2, "shuffle": False, "expansion": 6.0}),
        (
            {"groups": 8, "shuffle": False, "inner": 8},
            {"groups": 8, "expansion": 12.0},
        ),  # groups of one channel
    ],
)
def test_one_function_has_one_text(text: dict, canonical: dict) -> None:  # type: ignore[type-arg]
    made = SandGlass(96, **text).canonical(48)
    assert made == SandGlass(96, **canonical).canonical(48)
    assert str(made) == str(SandGlass(96, **canonical).canonical(48))
    if "expansion" in canonical or "inner" in canonical:
        assert str(made) == str(SandGlass(96, **canonical))


def test_the_inner_width_is_a_multiple_of_8_unless_given() -> None:
    assert convolutions(SandGlass(96, expansion=5.0), 48)[1].out_channels == 24  # 19.2 -> 16 < 0.9 x 19.2
    assert convolutions(SandGlass(96, inner=20), 48)[1].out_channels == 20


def test_the_shortcut_can_be_left_out() -> None:
    block = SandGlass(48, expansion=6.0, shortcut=False).canonical(48)
    assert str(block) == "sg48_t6_noskip"
    module = block.build(48, nn.BatchNorm2d).eval()
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.zeros_(layer.weight)
    assert not module(torch.rand(1, 48, 4, 4)).any()
    assert SandGlass(96, expansion=6.0, shortcut=False).canonical(48) == SandGlass(96, expansion=6.0)
    assert SandGlass(48, expansion=6.0, shortcut=False, identity=2).canonical(48) == block  # nothing to pass


def test_the_bottleneck_can_be_activated() -> None:
    block = SandGlass(48, expansion=6.0, activated_bottleneck=True)
    steps = references.steps(block.build(48, nn.BatchNorm2d), torch.zeros(1, 48, 6, 6))
    narrow = [step.kind for step in steps if step.given.shape[1] == 8]
    assert narrow == ["Conv2d", "BatchNorm2d", "ReLU"]
    assert str(block) == "sg48_t6_bnact"
