"""Weights of another arch as a training's first ones: whose they are, what is measured on, what comes of them."""

import pytest
import torch

from nas import build
from nas.common.errors import UserError
from nas.data.dataset import load
from nas.networks.pretrained import Pretrained, fetch
from nas.networks.references import parse
from nas.train.parent import inherit_from, parent_arch, sample
from search_spaces import Arch, zoo

OWN, OTHER = Arch.parse("stem8-ir16_s2"), Arch.parse("stem8-ir24_s2")


@pytest.mark.parametrize(
    ("network", "told", "arch", "expected"),
    [
        (OWN, str(OWN), None, None),
        (OWN, str(OTHER), None, OTHER),
        (OWN, None, None, None),
        (OWN, None, str(OTHER), OTHER),
        (OWN, None, str(OWN), None),
        (OWN, "torchvision:vgg11", None, None),
        (parse("torchvision:vgg11"), str(OTHER), None, None),
    ],
)
def test_only_archs_that_differ_inherit(
    network: Arch, told: str | None, arch: str | None, expected: Arch | None
) -> None:
    given = Pretrained("there", {}, (0.5,) * 3, (0.5,) * 3, told, arch=arch)
    assert parent_arch(network, given) == expected


def test_imagenets_weights_are_inherited_by_a_smaller_network() -> None:
    whole = zoo.get("efficientnet_lite0")
    child = Arch(whole.stem, (*whole.blocks[:2], *whole.blocks[3:]), whole.head)
    given, data = fetch("packaged:efficientnet_lite0"), load("digits", resolution=32)
    assert parent_arch(whole, given) is None
    arch = parent_arch(child, given)
    assert arch == whole
    model = build(child, len(data.classes), 32, data.channels)
    told = inherit_from(arch, given, model, 32, data)
    assert told.notes == (f"the parent's block 3 ({whole.blocks[2]}): left out",)
    *others, classifier = told.layers
    assert all(one.share == 1 for one in others) and classifier.share == 0
    first = next(value for value in given.state.values() if value.ndim == 4)
    assert torch.equal(model.get_parameter("stem.0.weight"), first)
    with pytest.raises(UserError, match="no classifier is among the weights"):
        inherit_from(arch, Pretrained("there", {}, given.mean, given.std), model, 32, data)


def test_large_images_are_fewer() -> None:
    data = load("digits", resolution=32)
    assert sample(data, 32).shape == (256, 3, 32, 32)
    assert sample(data, 224).shape[0] == 79
    assert sample(data, 800).shape[0] == 32
