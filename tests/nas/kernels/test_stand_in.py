"""Convolutions exchanged for a training: what is taken out of it, or folded in it, is an ordinary network."""

import copy
import io

import pytest
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nas.kernels import depthwise, pointwise
from nas.kernels.compute import Compute, folded

CPU = torch.device("cpu")
HOW = Compute(bf16=False)


@pytest.fixture(autouse=True)
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pointwise, "faster", lambda dtype, side: True)
    monkeypatch.setattr(depthwise, "chosen", lambda *what: (True, True))


def network() -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(4, 8, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
        nn.BatchNorm2d(8),
    ).to(memory_format=torch.channels_last)
    for norm in (net[1], net[3]):
        nn.init.normal_(norm.running_mean)
        nn.init.normal_(norm.bias)
    return net.eval()


def pixels() -> torch.Tensor:
    return torch.randn(2, 4, 3, 3).contiguous(memory_format=torch.channels_last)


def kinds(net: nn.Module) -> set[type]:
    return {type(module) for module in net.modules() if isinstance(module, nn.Conv2d)}


def test_copies_made_in_a_training_are_ordinary() -> None:
    net, x = network(), pixels()
    expected = net(x)
    with HOW.training(net, CPU):
        net(x)
        assert nn.Conv2d not in kinds(net)
        file = io.BytesIO()
        torch.save(net, file)
        copies = [copy.deepcopy(net), copy.copy(net[0])]
    assert b"nas.kernels" not in file.getvalue()
    file.seek(0)
    for made in (copies[0], torch.load(file, weights_only=False)):
        assert kinds(made) == {nn.Conv2d}
        torch.testing.assert_close(made(x), expected)
        fused = nn.Sequential(fuse_conv_bn_eval(made[0], made[1]), fuse_conv_bn_eval(made[2], made[3]))
        torch.testing.assert_close(fused(x), expected)
    assert type(copies[1]) is nn.Conv2d and copies[1].weight is net[0].weight
    assert kinds(net) == {nn.Conv2d} and not any("asked" in vars(module) for module in net.modules())


@pytest.mark.parametrize("gradients", [False, True])
def test_folding_in_a_training_keeps_the_bias(gradients: bool) -> None:
    net, x = network(), pixels()
    expected = net(x)
    with HOW.training(net, CPU), folded(net), torch.set_grad_enabled(gradients):
        torch.testing.assert_close(net(x), expected)
