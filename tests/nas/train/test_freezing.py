"""nas.train.freezing: what is frozen stays to the bit, and what is not is trained."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from nas.common.errors import UserError
from nas.networks.building import build
from nas.train.freezing import frozen, parts
from nas.train.statistics import is_still
from nas.train.trainer import Fidelity, Recipe, evaluate, seed_everything, train
from search_spaces import Arch
from tests.nas.train.test_trainer import SIDE, problem, small_net

ARCH = Arch.parse("stem8-2xir8-ir16_t2_s2-ir16_k5_t2-ir24_t2-head32_f32")
CLASSIFIER = {"head.classifier.2.weight", "head.classifier.2.bias"}


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network() -> nn.Module:
    seed_everything(0)
    return build(ARCH, 4, SIDE)


@pytest.mark.parametrize(
    ("text", "thawed"),
    [
        ("features", ("head.classifier.2",)),
        ("stem", ("blocks", "head")),
        ("stem,1", ("blocks.2", "blocks.3", "blocks.4", "head")),
        ("stem, 2", ("blocks.4", "head")),
        ("3", ("head",)),
    ],
)
@pytest.mark.parametrize("recipe", [Recipe(), Recipe(ema=0.9)])
def test_what_is_frozen_stays_as_it_was(text: str, thawed: tuple[str, ...], recipe: Recipe) -> None:
    model, data = network(), problem(96)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with frozen(model, text):
        outcome = train(
            model, data, Fidelity(2, resolution=SIDE), recipe
        )  # measures statistics, brief as it is
        assert sum(map(is_still, model.modules())) > 0
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and all(name.startswith(thawed) for name in changed)
    weights = {name for name, one in model.named_parameters() if name.startswith(thawed) and one.ndim > 1}
    assert weights <= changed
    assert outcome.accuracy == evaluate(model, data.validation(), data)
    # Thawed again, all of it is trained.
    assert not any(map(is_still, model.modules()))
    train(model, data, Fidelity(1, resolution=SIDE))
    assert not torch.equal(model.state_dict()["stem.0.weight"], before["stem.0.weight"])


def test_a_librarys_network_trains_its_classifier() -> None:
    net = small_net(dropout=0.3)
    with frozen(net, "features"):
        assert [name for name, one in net.named_parameters() if one.requires_grad] == ["7.weight", "7.bias"]
        assert not net.train()[1].training
    assert net.train()[1].training


@pytest.mark.parametrize("text", ["head", "stem,4", "stem,2,3", "features,stem", "", " ,", "stem,-1"])
def test_what_cannot_be_frozen_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--freeze"):
        parts(network(), text)
    with pytest.raises(UserError, match="features alone"):
        parts(small_net(), "stem")
