from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.kernels import depthwise as module
from nas.kernels import library
from nas.kernels.depthwise import DepthwiseConv2d, chosen, depthwise
from nas.kernels.stand_in import standing_in

SHAPES = [(6, 3, 1), (6, 3, 2), (20, 5, 2), (17, 7, 1)]


@pytest.fixture(params=["library", "fallback"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the library, and as on a machine where it was not built."""
    if request.param == "fallback":
        monkeypatch.setattr(library, "load", lambda: None)
    elif library.load() is None:
        pytest.skip("the library was not built")
    return str(request.param)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return values.to(dtype).requires_grad_()


@pytest.mark.parametrize(("channels", "kernel", "stride"), SHAPES)
@pytest.mark.usefixtures("either_way")
def test_is_the_convolution_and_its_gradients(channels: int, kernel: int, stride: int) -> None:
    x, weight = draw(2, channels, 9, 8), draw(channels, 1, kernel, kernel, seed=1)
    y = depthwise(x, weight, stride)
    expected = functional.conv2d(x, weight, None, stride, kernel // 2, 1, channels)
    gradient = draw(*y.shape, seed=2).detach()
    torch.testing.assert_close(y, expected)
    for found, right in zip(
        torch.autograd.grad(y, (x, weight), gradient),
        torch.autograd.grad(expected, (x, weight), gradient),
        strict=True,
    ):
        torch.testing.assert_close(found, right)


@pytest.mark.parametrize(("channels", "kernel", "stride"), SHAPES)
@pytest.mark.usefixtures("either_way")
@pytest.mark.filterwarnings("ignore:Input #. requires gradient and is not a double:UserWarning")
def test_gradcheck(channels: int, kernel: int, stride: int) -> None:
    """Bilinear: differences are exact whatever their step, so that fp32 can be checked with a large one."""
    x, weight = draw(1, channels, 5, 4), draw(channels, 1, kernel, kernel, seed=1)
    assert torch.autograd.gradcheck(
        lambda x, weight: depthwise(x, weight, stride),
        (x, weight),
        eps=0.5,
        atol=1e-3,
        rtol=1e-3,
        fast_mode=True,
    )


def test_gradcheck_in_float64() -> None:
    x, weight = draw(2, 4, 6, 6, dtype=torch.float64), draw(4, 1, 3, 3, seed=1, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x, weight: depthwise(x, weight, 2), (x, weight))


@pytest.mark.usefixtures("either_way")
def test_an_empty_batch_has_gradients() -> None:
    x, weight = draw(0, 6, 7, 6), draw(6, 1, 5, 5, seed=1)
    dx, dw = torch.autograd.grad(depthwise(x, weight, 2).sum(), (x, weight))
    assert dx.shape == x.shape and not dw.any()


@pytest.mark.usefixtures("either_way")
def test_gradients_of_one_side_only() -> None:
    x, weight = draw(1, 4, 6, 6), draw(4, 1, 3, 3, seed=1)
    both = torch.autograd.grad(depthwise(x, weight, 1).sum(), (x, weight))
    assert torch.equal(torch.autograd.grad(depthwise(x, weight.detach(), 1).sum(), x)[0], both[0])
    assert torch.equal(torch.autograd.grad(depthwise(x.detach(), weight, 1).sum(), weight)[0], both[1])


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("own", [(True, False), (False, True), (False, False)])
def test_gradients_from_either_source(own: tuple[bool, bool]) -> None:
    x, weight = draw(2, 20, 9, 8), draw(20, 1, 5, 5, seed=1)
    expected = torch.autograd.grad(depthwise(x, weight, 2).square().sum(), (x, weight))
    found = torch.autograd.grad(depthwise(x, weight, 2, *own).square().sum(), (x, weight))
    for one, right in zip(found, expected, strict=True):
        torch.testing.assert_close(one, right)


@pytest.mark.usefixtures("either_way")
def test_bf16_keeps_full_weights() -> None:
    x, weight = draw(4, 6, 8, 8, dtype=torch.bfloat16), draw(6, 1, 3, 3, seed=1)
    y = depthwise(x, weight, 1)
    dx, dw = torch.autograd.grad(y.float().square().sum(), (x, weight))
    assert (y.dtype, dx.dtype, dw.dtype) == (torch.bfloat16, torch.bfloat16, torch.float32)
    whole = x.detach().float().requires_grad_()
    expected = torch.autograd.grad(depthwise(whole, weight, 1).square().sum(), (whole, weight))
    for found, right in zip((dx, dw), expected, strict=True):
        assert (found.float() - right).norm() < 1e-2 * right.norm()


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 12, 1),
        nn.Conv2d(12, 12, 5, 2, 2, groups=12, bias=False),
        nn.ReLU(),
        nn.Conv2d(12, 12, 3, 1, 1, groups=12, bias=False),
    )


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("bf16", [False, True])
def test_a_model_trains_as_before_and_is_given_back(bf16: bool) -> None:
    net, x = network(), draw(4, 3, 8, 8).detach()
    names = list(net.state_dict())

    def gradients() -> list[Tensor]:
        net.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            y = net(x)
        assert y.dtype == (torch.bfloat16 if bf16 else torch.float32)
        y.float().square().sum().backward()
        return [p.grad for p in net.parameters() if p.grad is not None]

    before = gradients()
    with standing_in(net, DepthwiseConv2d):
        assert list(net.state_dict()) == names
        during = gradients()
    assert all(type(m) in (nn.Conv2d, nn.ReLU) for m in net)
    for found, right in zip(during, before, strict=True):
        assert (found - right).norm() < (3e-2 if bf16 else 1e-5) * right.norm()


def test_the_model_is_given_back_after_an_error() -> None:
    net = network()
    with pytest.raises(KeyboardInterrupt), standing_in(net, DepthwiseConv2d):
        assert type(net[1]) is not nn.Conv2d
        raise KeyboardInterrupt
    assert type(net[1]) is nn.Conv2d


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(8, 8, 3, padding=1),
        nn.Conv2d(8, 8, 3, padding=1, groups=4, bias=False),
        nn.Conv2d(8, 16, 3, padding=1, groups=8, bias=False),
        nn.Conv2d(8, 8, 3, padding=0, groups=8, bias=False),
        nn.Conv2d(8, 8, 3, padding="same", groups=8, bias=False),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8, bias=False),
        nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False, padding_mode="reflect"),
        nn.Conv2d(8, 8, (3, 5), padding=(1, 2), groups=8, bias=False),
        nn.Conv2d(8, 8, 3, stride=(1, 2), padding=1, groups=8, bias=False),
        nn.Conv2d(8, 8, 3, stride=3, padding=1, groups=8, bias=False),
        nn.Conv2d(8, 8, 9, padding=4, groups=8, bias=False),
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.Conv1d(8, 8, 3, padding=1, groups=8, bias=False),
    ],
)
def test_other_convolutions_are_left_alone(conv: nn.Module) -> None:
    assert not DepthwiseConv2d.suits(conv)
    assert DepthwiseConv2d.suits(nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False))


def test_a_class_of_shapes_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    if library.load() is None:
        pytest.skip("the library was not built")
    measured: list[tuple[object, ...]] = []

    def measure(*what: object) -> float:
        measured.append(what)
        return 0.1

    monkeypatch.setattr(module, "_measure", measure)
    monkeypatch.setattr(module, "_IMAGES", 1)
    kind = torch.bfloat16, 7, 1
    answers = {chosen(*kind, channels, side) for channels in (140, 200) for side in (9, 30)}
    assert answers == {(False, False)}
    assert len(measured) == 2
    chosen(*kind, 140, 8)
    chosen(*kind, 24, 9)
    chosen(*kind, 960, 9)
    assert len(measured) == 8


def test_each_gradient_is_chosen_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    if library.load() is None:
        pytest.skip("the library was not built")
    monkeypatch.setattr(module, "_measure", lambda *what: 2.0 if what[-1] == (False, True) else 1.0)
    monkeypatch.setattr(module, "decide", lambda _, ratio, at_least, otherwise: ratio() >= at_least)
    assert chosen(torch.float32, 5, 1, 60, 8) == (False, True)
    made: list[tuple[bool, bool]] = []
    backward = library.backward

    def record(*given: object) -> object:
        made.append(given[4])  # type: ignore[arg-type]
        return backward(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(library, "backward", record)
    net = nn.Sequential(nn.Conv2d(6, 6, 5, padding=2, groups=6, bias=False))
    x = draw(2, 6, 8, 8)
    with standing_in(net, DepthwiseConv2d):
        net(x).square().sum().backward()
    assert made == [(False, True)]
    mixed = [x.grad, net[0].weight.grad]
    expected = torch.autograd.grad(net(x).square().sum(), (x, net[0].weight))
    for found, right in zip(mixed, expected, strict=True):
        torch.testing.assert_close(found, right)


def test_a_measurement_is_real_and_draws_nothing() -> None:
    if library.load() is None:
        pytest.skip("the library was not built")
    torch.manual_seed(3)
    state = torch.get_rng_state()
    assert module._measure(torch.float32, 5, 1, 24, 8, (True, True)) > 0
    assert torch.equal(state, torch.get_rng_state())
    assert torch.is_grad_enabled()
