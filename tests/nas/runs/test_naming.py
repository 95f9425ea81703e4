from pathlib import Path

import pytest

from nas.common.errors import UserError
from nas.runs.naming import resolve
from nas.search.price import pricer
from nas.search.record import create_run
from nas.search.settings import Settings
from nas.train.trainer import Fidelity
from search_spaces import Arch, spaces, zoo

TEXT = "stem16_HS-ir16-ir24_t4_s2-head320"


def test_names_and_texts() -> None:
    assert resolve("mobilenet_v2_x0.5") == zoo.get("mobilenet_v2", width=0.5)
    assert resolve(TEXT) == Arch.parse(TEXT)


def test_a_trial_of_a_run(tmp_path: Path) -> None:
    run = tmp_path / "my run"
    settings = Settings(budgets=(), space=spaces.MOBILE, fidelity=Fidelity(1.0))
    record = create_run(run, None, settings, {})
    arch, baseline = Arch.parse(TEXT), zoo.get("mobilenet_v3_small")
    price = pricer(settings)
    number = record.launch(TEXT, price(arch), {}, {})
    record.launch(str(baseline), price(baseline), {}, {}, kind="baselines", name="mobilenet_v3_small")
    assert resolve(f"{run}@{number}") == arch
    assert resolve(f"{run}@mobilenet_v3_small") == baseline
    with pytest.raises(UserError, match="'99'"):
        resolve(f"{run}@99")


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        resolve(f"{tmp_path / 'nothing'}@1")
