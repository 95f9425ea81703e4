"""Counting by shapes: every way to multiply, against hand counts, torch's own counter and fvcore."""

import logging
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from nas.networks import cost as costs
from nas.networks.cost import CostTable
from nas.networks.counting import Cost, count_module, recount
from nas.networks.references import reference
from tests.examples import few


def by_torch(module: nn.Module, channels: int, size: int) -> int:
    """Multiply-adds by torch's counter, which counts two operations for each."""
    with FlopCounterMode(display=False) as counter, torch.no_grad(), torch.device("meta"):
        module.requires_grad_(False).to("meta").eval()(torch.empty(1, channels, size, size))
    assert counter.get_total_flops() % 2 == 0
    return int(counter.get_total_flops()) // 2


@pytest.mark.parametrize(
    ("module", "channels", "macs"),
    [
        (nn.Conv2d(3, 8, 3, padding="same"), 3, 221_184),
        (nn.Conv2d(3, 8, 3, padding="valid"), 3, 194_400),
        (nn.Conv2d(8, 8, 3, padding="same", groups=8), 8, 73_728),
        (nn.Conv2d(3, 8, 3, padding="same", padding_mode="circular"), 3, 221_184),
        (nn.Conv2d(3, 8, 3, padding=1), 3, 221_184),
        (nn.Conv2d(3, 8, 3, dilation=2, padding="same"), 3, 221_184),
        (nn.ConvTranspose2d(3, 8, 3, stride=2), 3, 221_184),
        (nn.ConvTranspose2d(4, 8, 3, groups=4), 4, 73_728),
        (nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)), 3, 30_720),
        (nn.Sequential(nn.Flatten(2), nn.Linear(1024, 5)), 3, 15_360),
        (nn.Sequential(nn.Flatten(2), nn.Conv1d(3, 8, 5)), 3, 122_400),
        (nn.Sequential(nn.Flatten(2), nn.GRU(1024, 4, batch_first=True)), 3, 3 * (12 * 1024 + 12 * 4)),
    ],
    ids=str,
)
def test_a_count_by_hand(module: nn.Module, channels: int, macs: int) -> None:
    counted = count_module(module, channels, 32)
    assert (counted.macs, counted.uncounted) == (macs, ())


class Written(nn.Module):
    """A product in an unusual hand, of a map [1, 3, 32, 32] as 3 rows of 1024."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way

    def forward(self, images: Tensor) -> Tensor:
        x = images.flatten(2)
        match self.way:
            case "einsum":
                product: Tensor = torch.einsum("bcn,bdn->bcd", x, x)
                return product
            case "operator":
                return torch.matmul(x, x.mT)
            case "baddbmm":
                return torch.baddbmm(torch.zeros(1, 3, 3), x, x.mT)
            case "attention":
                return functional.scaled_dot_product_attention(x, x, x)
            case "unfold":
                return torch.ones(8, 27) @ functional.unfold(images, 3)
            case "looks":
                return x @ x.mT if x.sum().item() >= 0 else x
            case "fourier":
                return torch.real(torch.fft.fft2(images))
        raise AssertionError


@pytest.mark.parametrize(
    ("way", "macs"),
    [
        ("einsum", 9 * 1024),
        ("operator", 9 * 1024),
        ("baddbmm", 9 * 1024),
        ("attention", 2 * 9 * 1024),
        ("unfold", 8 * 27 * 900),
        ("looks", 9 * 1024),
    ],
)
def test_a_product_counts_in_every_hand(way: str, macs: int) -> None:
    counted = count_module(Written(way), 3, 32)
    assert (counted.macs, counted.uncounted) == (macs, ())


def test_an_encoders_layer_counts_though_torch_has_one_operator_for_it() -> None:
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
    counted = count_module(nn.Sequential(nn.Flatten(2), nn.Linear(1024, 64), layer), 16, 32)
    tokens, width = 16, 64
    projected = tokens * width * (4 * width + 2 * 128) + tokens * 1024 * width
    assert counted.macs == projected + 2 * tokens * tokens * width


def test_what_cannot_be_counted_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    counted = count_module(Written("fourier"), 3, 32)
    assert counted == Cost(0, 0, 0, 0, 2 * 3 * 32 * 32, counted.uncounted) and "fft" in counted.uncounted[0]
    assert (counted + Cost(1, 2, 3)).uncounted == counted.uncounted
    table = CostTable()
    costs._say_uncounted.cache_clear()
    with caplog.at_level(logging.WARNING):
        for name in ("a", "a", "b"):
            table.remembered(name, lambda: counted)
    assert [record.getMessage().count("fft") for record in caplog.records] == [1]


def test_names_of_the_uncounted_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "costs.json"
    first = CostTable(file)
    first.remembered("a", lambda: Cost(1, 2, 3, 4, 5, ("_fft_c2c",)))
    first.save()
    assert CostTable(file).remembered("a", lambda: Cost(0, 0, 0)) == Cost(1, 2, 3, 4, 5, ("_fft_c2c",))


@st.composite
def modules(draw: st.DrawFn) -> tuple[nn.Module, int]:
    """A chain of convolutions of every kind and what stands between them, and its input channels."""
    first = channels = draw(st.sampled_from((2, 4, 6)))
    layers: list[nn.Module] = []
    for _ in range(draw(st.integers(1, 4))):
        groups = draw(st.sampled_from((1, math.gcd(2, channels), channels)))
        out = groups * draw(st.integers(1, 3))
        kernel, transposed = draw(st.sampled_from((1, 3, 5))), draw(st.booleans())
        padding = draw(st.sampled_from(("same", "valid")))
        if transposed:
            layers.append(nn.ConvTranspose2d(channels, out, kernel, 2, groups=groups))
        else:
            layers.append(nn.Conv2d(channels, out, kernel, padding=padding, groups=groups))
        layers.append(draw(st.sampled_from((nn.ReLU, nn.Hardswish, nn.GELU, nn.Identity)))())
        layers.append(nn.BatchNorm2d(out))
        channels = out
    if draw(st.booleans()):
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 5)]
    return nn.Sequential(*layers), first


@settings(max_examples=few(40))
@given(modules(), st.sampled_from((16, 21)))
def test_any_module_counts_as_by_torch(drawn: tuple[nn.Module, int], size: int) -> None:
    module, channels = drawn
    counted = count_module(module, channels, size)
    assert (counted.macs, counted.uncounted) == (by_torch(module, channels, size), ())


def test_fvcore_counts_the_same() -> None:
    model = reference("torchvision:mobilenet_v3_small")
    assert recount(model.build(10, 64), 3, 64) == model.cost(64, 10).macs


def _many_of_torchvision() -> list[str]:
    import torchvision

    return [f"torchvision:{name}" for name in torchvision.models.list_models(module=torchvision.models)[::3]]


def _many_of_timm() -> list[str]:
    timm = pytest.importorskip("timm")
    return [f"timm:{name}" for name in timm.list_models()[::100]]


def _own_size(name: str, module: nn.Module) -> int:
    configuration = getattr(module, "pretrained_cfg", None)
    return int(configuration["input_size"][-1]) if configuration else 299 if "inception" in name else 224


@pytest.mark.slow
@pytest.mark.parametrize("names", [_many_of_torchvision, _many_of_timm])
def test_the_libraries_lists_count_as_by_torch(names: object) -> None:
    differ, named = [], []
    listed = names()  # type: ignore[operator]
    for name in listed:
        module = reference(name).shapes(1000)
        size = _own_size(name, module)
        counted = count_module(module, 3, size)
        if counted.uncounted:
            named.append((name, counted.uncounted))
        if abs(counted.macs - by_torch(module, 3, size)) > 1e-3 * counted.macs:
            differ.append((name, counted))
    assert differ == []
    assert len(named) <= len(listed) // 50, named
