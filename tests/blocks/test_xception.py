"""Xception's module."""

import pytest
import torch
from torch import nn

from blocks import Xception
from tests.references import randomise


@pytest.mark.parametrize(
    ("channels", "block"),
    [
        (64, Xception(128, depth=2, stride=2, first_activation=False)),  # entry flow
        (128, Xception(256, depth=2, stride=2)),
        (728, Xception(728)),  # middle flow
        (728, Xception(1024, depth=2, stride=2, grow_last=True)),  # exit flow
    ],
)
def test_it_is_timms(channels: int, block: Xception) -> None:
    theirs_module = pytest.importorskip("timm.models.xception")
    block = block.canonical(channels)
    theirs = theirs_module.Block(
        channels,
        block.out,
        block.depth,
        block.stride,
        start_with_relu=block.first_activation,
        grow_first=not block.grow_last,
    )
    randomise(theirs)
    ours = block.build(channels, nn.BatchNorm2d).double().eval()
    own = dict(theirs.state_dict())
    skip = {key: own.pop(key) for key in list(own) if key.startswith("skip")}  # ours comes last
    values = [*own.values(), *skip.values()]
    ours.load_state_dict(dict(zip(ours.state_dict(), values, strict=True)))
    x = torch.randn(1, channels, 7, 7, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x.clone()))


def test_canonical() -> None:
    assert Xception(32, grow_last=True).canonical(32) == Xception(32)
    assert Xception(32, depth=1, grow_last=True).canonical(16) == Xception(32, depth=1)
    dead = Xception(32, depth=1, first_activation=False, activation="HS")
    assert dead.canonical(16) == Xception(32, depth=1, first_activation=False)
