from pathlib import Path

import pytest

from nas.common.errors import UserError
from nas.runs.naming import resolve
from nas.search.price import pricer
from nas.search.record import create_run
from nas.search.settings import Settings
from nas.train.trainer import Fidelity
from search_spaces import Arch, spaces, zoo
from tests.nas.search.small import outcome

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


def test_a_run_without_a_point_is_answered_with_its_front(tmp_path: Path) -> None:
    run = tmp_path / "ms"
    settings = Settings(budgets=(), space=spaces.MOBILE, fidelity=Fidelity(1.0))
    record, price = create_run(run, None, settings, {}), pricer(settings)
    with pytest.raises(UserError, match="none has finished"):
        resolve(str(run))
    for arch, accuracy in (
        (TEXT, 0.5),
        (str(zoo.get("mobilenet_v2_x0.5")), 0.4),
        ("stem8-ir8_s2-ir16_s2-head16", 0.3),
    ):
        record.complete(record.launch(arch, price(Arch.parse(arch)), {}, {}), outcome(accuracy))
    with pytest.raises(UserError) as refusal:
        resolve(str(run))
    said = str(refusal.value)
    assert f"{run}@0 (50.00%" in said and f"{run}@2" in said and f"{run}@1" not in said  # 1 costs more than 0
    assert "mobilenet" not in said


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        resolve(f"{tmp_path / 'nothing'}@1")


def test_the_best_trial_of_a_run(tmp_path: Path) -> None:
    run = tmp_path / "ms"
    settings = Settings(budgets=(), space=spaces.MOBILE, fidelity=Fidelity(1.0))
    record, price = create_run(run, None, settings, {}), pricer(settings)
    with pytest.raises(UserError, match="none of its trials has finished"):
        resolve(f"{run}@best")
    archs = ["stem8-ir8_s2-ir16_s2-head16", TEXT, "stem8-ir8_s2-head16"]
    for arch, accuracy in zip(archs, (0.5, 0.6, 0.4), strict=True):
        record.complete(record.launch(arch, price(Arch.parse(arch)), {}, {}), outcome(accuracy))
    assert resolve(f"{run}@best") == Arch.parse(TEXT)
    for of, values in ((1, (0.52, 0.54)), (0, (0.55, 0.57))):  # the lucky one is not the best
        for seed, accuracy in enumerate(values, start=1):
            cost = price(Arch.parse(archs[of]))
            number = record.launch(archs[of], cost, {}, {}, kind="confirm", seed=seed, of=of)
            record.complete(number, outcome(accuracy), kind="confirm")
    assert resolve(f"{run}@best") == Arch.parse(archs[0])
    failed = record.launch(archs[0], price(Arch.parse(archs[0])), {}, {}, kind="confirm", seed=3, of=0)
    record.fail(failed, "TrainingFailed: nan", kind="confirm")
    assert resolve(f"{run}@best") == Arch.parse(TEXT)  # what may fail to learn is not
