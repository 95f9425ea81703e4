"""The depthwise-separable convolution and its dilation."""

import pytest
import torch
from torch import nn

from blocks import Separable
from tests import references


@pytest.mark.parametrize("dilation", [1, 2, 4, 8])
@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2])
def test_padding_follows_the_dilation(kernel: int, dilation: int, stride: int) -> None:
    module = Separable(8, kernel=kernel, dilation=dilation, stride=stride).build(4, nn.BatchNorm2d).eval()
    for size in (1, 6, 7):
        assert module(torch.zeros(1, 4, size, size)).shape == (1, 8, -(-size // stride), -(-size // stride))


def test_the_taps_stand_apart() -> None:
    module = references.randomise(Separable(1, dilation=3).build(1, nn.BatchNorm2d))
    x = torch.zeros(1, 1, 15, 15, dtype=torch.float64)
    x[0, 0, 7, 7] = 1.0
    linear = module[0][0](x)[0, 0]  # type: ignore[index]
    rows, columns = torch.nonzero(linear, as_tuple=True)
    assert set(rows.tolist()) == set(columns.tolist()) == {4, 7, 10}


def test_both_convolutions_are_activated_and_there_is_no_shortcut() -> None:
    module = Separable(16).build(16, nn.BatchNorm2d).eval()
    assert [type(layer).__name__ for layer in module.modules()].count("ReLU") == 2
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.zeros_(layer.weight)
    assert not module(torch.rand(1, 16, 4, 4)).any()
