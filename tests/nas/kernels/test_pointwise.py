"""Pointwise convolutions as products: the same function and gradients, and only where they were faster."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nas.kernels import pointwise as module
from nas.kernels.compute import Compute, folded
from nas.kernels.pointwise import PointwiseConv2d, faster
from nas.kernels.stand_in import standing_in
from tests.examples import few

CPU = torch.device("cpu")
LAST = torch.channels_last
CONV = partial(nn.Conv2d, bias=False)


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "faster", lambda dtype, side: True)


def results(net: nn.Module, x: Tensor) -> list[Tensor]:
    y = net(x)
    weights = list(net.parameters())
    return [y, *torch.autograd.grad((y * torch.cos(y)).sum(), [x, *weights])]


@settings(max_examples=few(30))
@given(
    st.integers(0, 3),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 5),
    st.integers(1, 5),
    st.booleans(),
)
def test_it_computes_what_the_convolution_computes(
    images: int, before: int, after: int, height: int, width: int, last: bool
) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(CONV(before, after, 1)).double()
    x = torch.randn(images, before, height, width, dtype=torch.float64)
    x = x.contiguous(memory_format=LAST if last else torch.contiguous_format).requires_grad_()
    expected = results(net, x)
    with pytest.MonkeyPatch.context() as patch, standing_in(net, PointwiseConv2d):
        patch.setattr(module, "faster", lambda dtype, side: True)
        for made, right in zip(results(net, x), expected, strict=True):
            torch.testing.assert_close(made, right)


@pytest.mark.usefixtures("everywhere")
def test_it_is_taken_in_a_training_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    product = module.product
    monkeypatch.setattr(module, "product", lambda x, weight: taken.append(x.dtype) or product(x, weight))
    net = nn.Sequential(CONV(4, 8, 1), nn.BatchNorm2d(8)).to(memory_format=LAST)
    x = torch.randn(2, 4, 3, 3).contiguous(memory_format=LAST)
    how = Compute(bf16=True)
    with how.training(net, CPU), how.precision(CPU):
        y = net(x)
        assert type(net[0]) is PointwiseConv2d
        assert y.is_contiguous(memory_format=LAST)
        net.eval()
        with torch.inference_mode(), folded(net):  # judged during its training
            assert net[0].bias is not None
            net(x)
        net(x.contiguous())
    net(x)
    with Compute(bf16=True, products=False).training(net, CPU):
        net(x)
    assert taken == [torch.float32]  # the autocast of the product is its own
    assert type(net[0]) is nn.Conv2d and not hasattr(net[0], "asked")


@pytest.mark.usefixtures("everywhere")
def test_a_network_judged_during_its_training_has_its_bias() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(CONV(4, 8, 1), nn.BatchNorm2d(8)).to(memory_format=LAST).eval()
    nn.init.normal_(net[1].bias)
    x = torch.randn(2, 4, 3, 3).contiguous(memory_format=LAST)
    with torch.inference_mode():
        expected = net(x)
        with Compute(bf16=False).training(net, CPU), folded(net):
            torch.testing.assert_close(net(x), expected)


@pytest.mark.parametrize(
    ("layer", "suited"),
    [
        (CONV(4, 8, 1), True),
        (CONV(4, 8, 1, padding="valid"), True),
        (CONV(4, 8, 1, groups=2), False),
        (CONV(4, 8, 1, stride=2), False),
        (CONV(4, 8, 3), False),
        (CONV(4, 8, 1, padding=1), False),
        (CONV(1, 8, 1), False),
        (nn.Conv2d(4, 8, 1), False),
        (nn.Conv1d(4, 8, 1, bias=False), False),
    ],
)
def test_what_is_one_product(layer: nn.Module, suited: bool) -> None:
    assert PointwiseConv2d.suits(layer) == suited


def test_each_size_of_map_is_asked_about_once(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []
    monkeypatch.setattr(module, "_measure", lambda *what: measured.append(what) or 2.0)
    assert not faster(torch.float64, 9) and not measured  # never on large maps
    assert all(faster(torch.float64, side) for side in (1, 2, 3, 4, 4, 7))
    assert [size for _, size in measured] == [2, 4, 8]
    net = nn.Sequential(CONV(4, 8, 1)).double().to(memory_format=LAST)
    x = torch.randn(2, 4, 2, 2, dtype=torch.float64).contiguous(memory_format=LAST)
    asked = []
    monkeypatch.setattr(module, "faster", lambda *what: asked.append(what) or True)
    with standing_in(net, PointwiseConv2d):
        for _ in range(3):
            net(x)
    assert asked == [(torch.float64, 2)]


def test_the_measurement_measures() -> None:
    state = torch.random.get_rng_state()
    assert 0.01 < module._measure(torch.float32, 2) < 100
    assert torch.equal(torch.random.get_rng_state(), state)
