"""The layers that primitives share."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from blocks.layers import ACTIVATIONS, GATES, ConvNorm, SqueezeExcite, depthwise, make_divisible
from tests import references


@given(st.floats(0.1, 60) | st.floats(60, 5000))
def test_make_divisible_is_the_papers_rule(width: float) -> None:
    assert make_divisible(width) == references.rounded(width)


@pytest.mark.parametrize(
    ("width", "made"),
    [
        (16 * 0.35, 8),
        (32 * 0.35, 16),
        (24 * 0.75, 24),
        (96 * 0.35, 32),
        (18, 24),
        (30, 32),
        (20, 24),
        (12, 16),
        (3, 8),
    ],
)
def test_make_divisible_of_known_widths(width: float, made: int) -> None:
    """16 x 0.35 and so on from the slim code's checkpoints; 72 / 4 = 18 becomes 24 in MobileNetV3."""
    assert make_divisible(width) == made


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_their_formulas(name: str) -> None:
    x = torch.linspace(-8, 8, 321, dtype=torch.float64)
    torch.testing.assert_close(ACTIVATIONS[name]()(x), references.ACTIVATIONS[name](x))


@pytest.mark.parametrize("name", GATES)
def test_gates_are_their_formulas(name: str) -> None:
    x = torch.linspace(-8, 8, 321, dtype=torch.float64)
    torch.testing.assert_close(GATES[name]()(x), references.GATES[name](x))


def test_h_swish_at_known_points() -> None:
    """x * relu6(x + 3) / 6, MobileNetV3 section 5.2."""
    x = torch.tensor([-4.0, -3.0, -1.5, 0.0, 1.0, 3.0, 5.0])
    expected = torch.tensor([0.0, 0.0, -0.375, 0.0, 2 / 3, 3.0, 5.0])
    torch.testing.assert_close(ACTIVATIONS["HS"]()(x), expected)


@pytest.mark.parametrize("size", [1, 2, 7, 8, 33])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_a_convolution_halves_rounding_up(size: int, stride: int, kernel: int) -> None:
    layer = ConvNorm(4, 6, nn.BatchNorm2d, kernel=kernel, stride=stride).eval()
    assert layer(torch.zeros(1, 4, size, size)).shape == (1, 6, -(-size // stride), -(-size // stride))


def test_a_convolution_has_no_bias_and_is_linear_unless_told() -> None:
    linear = ConvNorm(4, 6, nn.BatchNorm2d)
    assert [type(layer) for layer in linear] == [nn.Conv2d, nn.BatchNorm2d]
    assert isinstance(linear[0], nn.Conv2d) and linear[0].bias is None
    assert isinstance(ConvNorm(4, 6, nn.BatchNorm2d, activation="SI")[2], nn.SiLU)


def test_a_depthwise_convolution_keeps_channels_apart() -> None:
    layer = references.randomise(depthwise(4, nn.BatchNorm2d, 3, 1, None))
    x = torch.zeros(1, 4, 5, 5, dtype=torch.float64)
    x[:, 2] = 1.0
    changed = (layer(x) - layer(torch.zeros_like(x))).abs().amax((0, 2, 3)) > 0
    assert changed.tolist() == [False, False, True, False]


@pytest.mark.parametrize("gate", GATES)
def test_squeeze_excite_is_its_formula(gate: str) -> None:
    layer = references.randomise(SqueezeExcite(16, 8, gate), spread=3.0)
    x = torch.randn(3, 16, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(layer(x), references.Numbers(layer).squeeze_excite(x, gate))


def test_squeeze_excite_scales_each_channel_between_none_and_all() -> None:
    layer = references.randomise(SqueezeExcite(16, 8), spread=3.0)
    x = torch.rand(3, 16, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.1
    share = layer(x) / x
    assert share.min() >= 0 and share.max() <= 1 and share.std() > 0.01
    torch.testing.assert_close(share.amax((2, 3)), share.amin((2, 3)))
