"""nas.compare.setup: what defines a comparison, and its way through the storage."""

import json
from typing import Any

import pytest

import nas
from nas.common.errors import UserError
from nas.compare.setup import Setup
from search_spaces import Arch
from tests.nas.compare.small import A, setup


def test_a_setup_comes_back_from_its_text() -> None:
    given = setup(seed=3, test=True)
    assert Setup.from_json(given.to_json()) == given


@pytest.mark.parametrize("changes", [{"networks": ()}, {"networks": (A, A)}, {"seed": -1}])
def test_what_is_no_setup_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        setup(**changes)


@pytest.mark.parametrize("broken", [{"unknown": 1}, {"fidelity": 3}, {"networks": 7}])
def test_what_another_version_wrote_is_refused(broken: dict[str, Any]) -> None:
    text = json.dumps(json.loads(setup().to_json()) | broken)
    with pytest.raises(UserError, match="cannot be read by this version"):
        Setup.from_json(text)


def test_costs_are_those_at_the_target() -> None:
    assert setup().cost(A) == nas.cost(Arch.parse(A), 32, 10)
    large = setup(target_resolution=224, target_classes=1000)
    assert large.cost("torchvision:squeezenet1_1").params == 1_235_496
