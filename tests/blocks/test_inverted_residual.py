"""The inverted residual: what its papers say of it in particular."""

import pytest
import torch
from torch import nn

from blocks import InvertedResidual, UserError
from blocks.inverted_residual import expanded_width


def convolutions(block: InvertedResidual, channels: int) -> list[nn.Conv2d]:
    module = block.canonical(channels).build(channels, nn.BatchNorm2d)
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]


def test_there_is_no_expansion_where_the_width_does_not_change() -> None:
    assert [c.kernel_size[0] for c in convolutions(InvertedResidual(24), 16)] == [3, 1]
    assert [c.kernel_size[0] for c in convolutions(InvertedResidual(24, inner=16), 16)] == [3, 1]
    assert [c.kernel_size[0] for c in convolutions(InvertedResidual(24, expansion=2), 16)] == [1, 3, 1]


def test_an_expansion_of_one_is_the_input_even_if_no_multiple_of_8() -> None:
    assert expanded_width(20, 1) == 20
    assert expanded_width(20, 1.5) == 32


@pytest.mark.parametrize(
    ("inner", "squeeze"),
    [
        (16, 8),
        (72, 24),
        (96, 24),
        (120, 32),
        (144, 40),
        (240, 64),
        (288, 72),
        (480, 120),
        (576, 144),
        (672, 168),
        (960, 240),
    ],
)
def test_squeeze_widths_of_mobilenet_v3(inner: int, squeeze: int) -> None:
    """make_divisible(exp / 4, 8); the widths are those of torchvision's and slim's checkpoints."""
    block = InvertedResidual(40, inner=inner, squeeze_excite=True)
    reduce, expand = convolutions(block, 24)[2:4]
    assert (reduce.in_channels, reduce.out_channels) == (inner, squeeze)
    assert (expand.in_channels, expand.out_channels) == (squeeze, inner)


def test_groups_are_on_both_pointwise_convolutions() -> None:
    expand, depthwise, project = convolutions(InvertedResidual(32, expansion=3, groups=4), 16)
    assert (expand.groups, depthwise.groups, project.groups) == (4, 48, 4)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ({"expansion": 1.0, "groups": 4}, {}),  # groups without a pair of pointwise convolutions
        ({"expansion": 1.0, "groups": 4, "shuffle": False}, {}),
        ({"expansion": 1.0, "groups": 3}, {}),  # even where 3 does not divide the widths
        ({"inner": 16, "groups": 2}, {}),
        ({"inner": 64}, {"expansion": 4.0}),
        ({"inner": 64, "expansion": 2.0}, {"expansion": 4.0}),  # the explicit width counts
        ({"expansion": 4.05}, {"expansion": 4.0}),
        ({"expansion": 4}, {"expansion": 4.0}),
        ({"inner": 20}, {"inner": 20}),
        ({"inner": 20, "expansion": 6.0}, {"inner": 20}),
        ({"gate": "sig"}, {}),
        ({"squeeze_excite": True, "gate": "sig"}, {"squeeze_excite": True, "gate": "sig"}),
        ({"expansion": 2.0, "shuffle": False}, {"expansion": 2.0}),
        (
            {"expansion": 2.0, "groups": 2, "shuffle": False},
            {"expansion": 2.0, "groups": 2, "shuffle": False},
        ),
        ({"inner": 8, "groups": 8, "shuffle": False}, {"inner": 8, "groups": 8}),  # groups of one channel
        ({"shortcut": False}, {}),  # 16 to 24 channels: there is none
        ({"activated_bottleneck": True}, {"activated_bottleneck": True}),
    ],
)
def test_one_function_has_one_text(text: dict, canonical: dict) -> None:  # type: ignore[type-arg]
    made = InvertedResidual(24, **text).canonical(16)
    assert made == InvertedResidual(24, **canonical)
    assert str(made) == str(InvertedResidual(24, **canonical))


@pytest.mark.parametrize(
    ("out", "stride", "residual"), [(16, 1, True), (16, 2, False), (24, 1, False), (24, 2, False)]
)
def test_the_shortcut_exists_iff_stride_1_and_equal_widths(out: int, stride: int, residual: bool) -> None:
    module = InvertedResidual(out, expansion=2.0, stride=stride).build(16, nn.BatchNorm2d).eval()
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.zeros_(layer.weight)
    x = torch.rand(1, 16, 4, 4)
    made = module(x)
    assert torch.equal(made, x if residual else torch.zeros_like(made))


def test_the_projection_is_linear() -> None:
    module = InvertedResidual(24, expansion=2.0).build(16, nn.BatchNorm2d)
    assert (module(torch.randn(4, 16, 6, 6)) < 0).float().mean() > 0.2


def test_the_bottleneck_can_be_activated() -> None:
    block = InvertedResidual(24, expansion=2.0, activated_bottleneck=True).canonical(16)
    assert str(block) == "ir24_t2_bnact"
    assert (block.build(16, nn.BatchNorm2d)(torch.randn(4, 16, 6, 6)) >= 0).all()


def test_the_shortcut_can_be_left_out() -> None:
    block = InvertedResidual(16, expansion=2.0, shortcut=False).canonical(16)
    assert str(block) == "ir16_t2_noskip"
    module = block.build(16, nn.BatchNorm2d).eval()
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.zeros_(layer.weight)
    assert not module(torch.rand(1, 16, 4, 4)).any()
    strided = InvertedResidual(16, expansion=2.0, stride=2, shortcut=False)
    assert strided.canonical(16) == InvertedResidual(16, expansion=2.0, stride=2)


@pytest.mark.parametrize("groups", [3, 5])
def test_groups_that_do_not_divide_are_refused(groups: int) -> None:
    with pytest.raises(UserError, match=f"{groups} groups"):
        InvertedResidual(24, expansion=3.0, groups=groups).canonical(16)
