"""nas.compare.running: from what is asked for to a setup; refusals before anything is made."""

from pathlib import Path
from typing import Any

import pytest

from nas.common.errors import UserError
from nas.compare.running import begin, check_terms, predicted, prepare, resume
from nas.engine.terms import Execution, Terms
from nas.networks.references import parse
from tests.nas.compare.small import A, B

QUIET: dict[str, Any] = {"data_root": None, "test": False}
DIGITS = Terms(data="digits", target_resolution=32, target_classes=10)


def test_networks_are_trained_alike_and_each_once() -> None:
    setup, data = prepare([parse(A), parse(B), parse(A)], DIGITS, **QUIET)
    assert setup.networks == (A, B) and setup.data_name == data.name == "digits"
    assert setup.fingerprint == data.fingerprint and not setup.recipe.mirror  # a mirrored 2 is no 2
    assert setup.fidelity.epochs == 10  # as standard, at most
    quick, _ = prepare([parse(A)], Terms(data="digits", fidelity="quick"), **QUIET)
    assert quick.fidelity.epochs == min(10, round(20_000 / len(data.train()), 2))
    assert prepare([parse(A)], Terms(data="digits", epochs=0.5), **QUIET)[0].fidelity.epochs == 0.5


def test_a_network_that_does_not_take_the_images_is_refused() -> None:
    with pytest.raises(UserError, match=r"inception_v3.*32x32"):
        prepare([parse("torchvision:inception_v3")], Terms(data="digits"), **QUIET)


@pytest.mark.parametrize(
    ("terms", "seeds"),
    [
        (Terms(fidelity="ladder"), None),
        (Terms(fidelity="fast"), None),
        (Terms(fidelity="quick", epochs=2), None),
        (Terms(train_resolution=0), None),
        (Terms(target_classes=0), None),
        (Terms(), 0),
        (Terms(), 1001),
    ],
)
def test_what_is_no_training_is_refused_before_the_data_are_loaded(terms: Terms, seeds: int | None) -> None:
    with pytest.raises(UserError):
        check_terms(terms, seeds)


def test_a_run_goes_on_with_the_same_data_only(tmp_path: Path) -> None:
    setup, _ = prepare([parse(A)], DIGITS, **QUIET)
    begin(tmp_path / "run", Execution(), setup, 2, {}, "compare")
    found, data = resume(Execution(resume=tmp_path / "run"), 4, "compare")
    assert found.seeds == (0, 1, 2, 3) and data.fingerprint == setup.fingerprint
    changed = type(setup)(**{**vars(setup), "fingerprint": "other"})
    begin(tmp_path / "other", Execution(), changed, 2, {}, "compare")
    with pytest.raises(UserError, match="are not those of the run"):
        resume(Execution(resume=str(tmp_path / "other")), 5, "compare")


def test_without_a_table_nothing_is_noted() -> None:
    assert predicted(None, [parse(A)]) == {}
