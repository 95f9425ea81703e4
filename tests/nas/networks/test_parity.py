"""Our networks against torchvision's and timm's for the same weights, in evaluation and in training mode."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
import torchvision
from torch import Tensor, nn

from nas import build
from search_spaces import Arch, zoo
from tests.references import randomise

models = torchvision.models


def _reduced(size: str) -> nn.Module:
    from torchvision.models.mobilenetv3 import MobileNetV3, _mobilenet_v3_conf

    rows, last = _mobilenet_v3_conf(f"mobilenet_v3_{size}", reduced_tail=True)
    module: nn.Module = MobileNetV3(rows, last, dropout=0.0)
    return module


def _timm(name: str) -> nn.Module:
    module: nn.Module = pytest.importorskip("timm").create_model(name, pretrained=False, drop_rate=0.0)
    return module


CASES: dict[str, tuple[str, Callable[[], nn.Module]]] = {
    "torchvision mobilenet_v2": ("mobilenet_v2", lambda: models.mobilenet_v2(dropout=0.0)),
    "torchvision mobilenet_v3_large": ("mobilenet_v3_large", lambda: models.mobilenet_v3_large(dropout=0.0)),
    "torchvision mobilenet_v3_small": ("mobilenet_v3_small", lambda: models.mobilenet_v3_small(dropout=0.0)),
    "torchvision reduced large": ("mobilenet_v3_large_reduced_tail", lambda: _reduced("large")),
    "torchvision reduced small": ("mobilenet_v3_small_reduced_tail", lambda: _reduced("small")),
    "torchvision shufflenet_v2_x0_5": ("shufflenet_v2_figure_x0.5", models.shufflenet_v2_x0_5),
    "torchvision shufflenet_v2_x1_0": ("shufflenet_v2_figure", models.shufflenet_v2_x1_0),
    "torchvision mnasnet1_0": ("mnasnet_b1", lambda: models.mnasnet1_0(dropout=0.0)),
    "timm mobilenetv1_100": ("mobilenet_v1", lambda: _timm("mobilenetv1_100")),
    "timm mobilenetv3_large_075": ("mobilenet_v3_large_x0.75", lambda: _timm("mobilenetv3_large_075")),
    "timm semnasnet_100": ("mnasnet_a1", lambda: _timm("semnasnet_100")),
    "timm efficientnet_b0": ("efficientnet_b0", lambda: _timm("efficientnet_b0")),
    "timm efficientnet_lite0": ("efficientnet_lite0", lambda: _timm("efficientnet_lite0")),
}


def layers(module: nn.Module) -> Iterator[nn.Module]:
    kinds = (nn.Conv2d, nn.BatchNorm2d, nn.Linear)
    return (layer for layer in module.modules() if isinstance(layer, kinds))


def unit_scale(module: nn.Module, resolution: int) -> None:
    """Random numbers, and the batch norms' statistics those of a batch, so that each puts out unit scale."""
    randomise(module)
    norms = [layer for layer in layers(module) if isinstance(layer, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        module.train()(pictures(resolution, seed=1))
    for norm in norms:
        norm.momentum = 0.1


def pictures(resolution: int, seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(
        4 if resolution < 100 else 2, 3, resolution, resolution, dtype=torch.float64, generator=draw
    )


def adapted(name: str, theirs: nn.Module) -> Arch:
    """The zoo's arch with the library's eps; timm's MobileNetV1 has slim's ReLU6."""
    arch = zoo.get(name)
    norm = next(layer for layer in layers(theirs) if isinstance(layer, nn.BatchNorm2d))
    arch = replace(arch, eps=norm.eps)
    if name == "mobilenet_v1":
        stem = replace(arch.stem, activation="RE6")
        arch = replace(arch, stem=stem, blocks=tuple(replace(b, activation="RE6") for b in arch.blocks))  # type: ignore[type-var]
    return arch


SELDOM = re.compile("reduced|x0_5|mnasnet1_0|mobilenet_v2$|_075|semnasnet|lite0")
"""Cases whose blocks another case has as well."""


def compare(case: str, resolution: int) -> None:
    name, make = CASES[case]
    theirs = make()
    unit_scale(theirs, resolution)
    ours = build(adapted(name, theirs), 1000, resolution, final=1).double()
    for mine, other in zip(layers(ours), layers(theirs), strict=True):
        known = other.state_dict()
        mine.load_state_dict({key: known[key].view(value.shape) for key, value in mine.state_dict().items()})
    x = pictures(resolution)
    for train in (False, True):
        with torch.no_grad():
            made, expected = ours.train(train)(x), theirs.train(train)(x)
        assert expected.std() > 0.1, "nothing to compare"
        difference = (made - expected).abs().max() / expected.abs().max()
        assert difference < 1e-5, f"{difference:.1e} in {'training' if train else 'evaluation'}"


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=pytest.mark.slow if SELDOM.search(c) else ()) for c in CASES]
)
def test_outputs_are_the_librarys(case: str) -> None:
    compare(case, 49)


@pytest.mark.slow
@pytest.mark.parametrize("resolution", [193, 224])
@pytest.mark.parametrize("case", CASES)
def test_outputs_are_the_librarys_at_full_size(case: str, resolution: int) -> None:
    compare(case, resolution)


def test_another_activation_or_gate_would_be_seen() -> None:
    """The comparison can fail: one gate of one block exchanged."""
    theirs = models.mobilenet_v3_small(dropout=0.0)
    unit_scale(theirs, 49)
    arch = zoo.get("mobilenet_v3_small")
    wrong = replace(arch, blocks=(*arch.blocks[:3], replace(arch.blocks[3], gate="sig"), *arch.blocks[4:]))  # type: ignore[type-var]
    outputs = []
    for candidate in (arch, wrong):
        ours = build(candidate, 1000, 49, final=1).double().eval()
        for mine, other in zip(layers(ours), layers(theirs), strict=True):
            mine.load_state_dict(other.state_dict())
        with torch.no_grad():
            outputs.append(ours(pictures(49)))
    assert (outputs[0] - outputs[1]).abs().max() / outputs[0].abs().max() > 1e-4
