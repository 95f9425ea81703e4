"""ResNet's bottleneck."""

import pytest
import torch
from torch import nn
from torchvision.models.resnet import Bottleneck as Torchvisions

from blocks import Bottleneck, UserError
from tests.references import randomise


@pytest.mark.parametrize(("channels", "stride"), [(64, 1), (128, 2), (256, 1), (256, 2)])
def test_it_is_torchvisions(channels: int, stride: int) -> None:
    block = Bottleneck(256, stride=stride).canonical(channels)
    plain = stride == 1 and channels == 256
    down = (
        None if plain else nn.Sequential(nn.Conv2d(channels, 256, 1, stride, bias=False), nn.BatchNorm2d(256))
    )
    ours, theirs = block.build(channels, nn.BatchNorm2d), Torchvisions(channels, 64, stride, down)
    randomise(ours)
    keys = theirs.state_dict()
    theirs.double().load_state_dict(dict(zip(keys, ours.state_dict().values(), strict=True)))
    x = torch.randn(2, channels, 9, 9, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs.eval()(x))


def test_canonical() -> None:
    assert Bottleneck(64, inner=16, stride_first=True).canonical(64) == Bottleneck(64)
    assert str(Bottleneck(64, inner=8, stride=2, stride_first=True).canonical(32)) == "rb64_e8_s2_stride1"
    with pytest.raises(UserError, match="multiple of 4"):
        Bottleneck(30).canonical(16)
