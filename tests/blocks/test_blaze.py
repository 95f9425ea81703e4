"""The BlazeBlock."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from blocks import Blaze, Stem, UserError
from nas import cost
from search_spaces import Arch


@pytest.mark.parametrize("stride", [1, 2])
def test_the_shortcut_is_the_input_with_zeros_behind(stride: int) -> None:
    module = Blaze(24, stride=stride).build(16, nn.BatchNorm2d).eval()
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.zeros_(layer.weight)
    x = torch.rand(1, 16, 8, 8)
    made = module(x)
    assert torch.equal(made[:, :16], x if stride == 1 else nn.functional.max_pool2d(x, 2))
    assert not made[:, 16:].any()


def test_the_released_backbone_counts_what_it_is_known_to() -> None:
    """The front camera's model: 29.37 M at 128x128, 88,470 parameters with a bias for each convolution."""
    widths = [
        (24, 1),
        (28, 1),
        (32, 2),
        (36, 1),
        (42, 1),
        (48, 2),
        (56, 1),
        (64, 1),
        (72, 1),
        (80, 1),
        (88, 1),
    ]
    blocks = [Blaze(out, kernel=3, stride=stride) for out, stride in [*widths, (96, 2), *[(96, 1)] * 4]]
    arch = Arch(Stem(24, kernel=5), tuple(blocks))
    counted = cost(arch, 128, 1)
    classifier = 96
    assert counted.macs - classifier == pytest.approx(29.37e6, rel=5e-4)
    channels = [24, *(block.out for block in arch.blocks)]
    norms = 2 * 24 + sum(2 * (a + b) for a, b in pairwise(channels))
    assert counted.params - classifier - 1 - norms // 2 == 88_470


def test_canonical() -> None:
    assert Blaze(24, conv_shortcut=True).canonical(24) == Blaze(24)
    assert str(Blaze(24, inner=8, stride=2, conv_shortcut=True).canonical(24)) == "bz24_e8_s2_convskip"
    with pytest.raises(UserError, match="do not narrow"):
        Blaze(16).canonical(24)
