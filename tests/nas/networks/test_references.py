"""Classifiers of other libraries beside archs."""

import sys

import pytest
import torch

from nas import build, cost
from nas.common.errors import UserError
from nas.networks import references as models
from nas.networks.references import Reference, reference
from nas.runs.naming import resolve
from search_spaces import zoo


def test_a_reference_is_built_priced_and_named() -> None:
    model = resolve("torchvision:shufflenet_v2_x1_0")
    assert isinstance(model, Reference) and str(model) == "torchvision:shufflenet_v2_x1_0"
    module = build(model, 7, 64)
    assert module.training and module(torch.zeros(2, 3, 64, 64)).shape == (2, 7)
    assert cost(model) == cost(zoo.get("shufflenet_v2_figure"))
    assert cost(model, 96, 10) == cost(zoo.get("shufflenet_v2_figure"), 96, 10)


def test_archs_and_runs_are_resolved_as_before() -> None:
    assert resolve("mobilenet_v2") == zoo.get("mobilenet_v2")
    assert resolve("stem16-ir24_s2") == resolve(" stem16-ir24_s2 ")


def test_timms_networks() -> None:
    pytest.importorskip("timm")
    model = resolve("timm:mobilenetv3_small_050")
    assert build(model, 5, 32)(torch.zeros(2, 3, 32, 32)).shape == (2, 5)
    assert cost(model, 224, 1000).macs == pytest.approx(24.2e6, rel=1e-2)  # its stem keeps 16 channels


def test_counting_leaves_the_random_generator_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    reference("torchvision:mnasnet0_5").cost(40, 3)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("torchvision:resnet5O", "resnet50"),
        ("torchvision:", "nearest"),
        ("torchvision:raft_large", "no classifier"),
    ],
)
def test_a_name_that_is_none_is_refused_with_the_nearest(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        resolve(text)


def test_another_library_is_refused() -> None:
    with pytest.raises(UserError, match="torchvision:NAME"):
        Reference("keras", "resnet50")


def test_without_timm_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    models._timm_names.cache_clear()
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UserError, match="pip install timm"):
        resolve("timm:resnet50")


def test_a_resolution_that_is_too_small_is_refused() -> None:
    model = reference("torchvision:squeezenet1_1")
    for use in (lambda: build(model, 10, 8), lambda: cost(model, 8, 10)):
        with pytest.raises(UserError, match="8x8"):
            use()
    with pytest.raises(UserError, match="num_classes"):
        build(model, 0, 64)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "resolution", "macs", "params"),
    [
        ("torchvision:vgg16", 224, 15470, 138.36),
        ("torchvision:resnet50", 224, 4089, 25.557),
        ("torchvision:googlenet", 224, 1498, 6.62),
        ("torchvision:inception_v3", 299, 5713, 23.83),
        ("timm:inception_v4", 299, 12254, 42.68),
        ("timm:legacy_xception", 299, 8357, 22.856),
    ],
)
def test_the_documented_classifiers(text: str, resolution: int, macs: float, params: float) -> None:
    if text.startswith("timm"):
        pytest.importorskip("timm")
    counted = cost(resolve(text), resolution)
    assert counted.macs / 1e6 == pytest.approx(macs, rel=1e-3)
    assert counted.params / 1e6 == pytest.approx(params, rel=1e-3)
