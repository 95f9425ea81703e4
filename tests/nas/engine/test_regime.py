"""What costs are counted for: the papers' target, the data's, and both where they differ."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nas
from nas.common.errors import UserError
from nas.common.sizes import Rectangle
from nas.data.dataset import load
from nas.engine.costs import elsewhere
from nas.engine.regime import Regime, aimed, opening, settled, trained_on, validated_on
from nas.engine.terms import Terms
from nas.train.trainer import Fidelity
from search_spaces import zoo

DIGITS = Terms(data="digits", target="data")


def test_the_target_of_the_data_is_what_is_trained() -> None:
    terms = aimed(DIGITS, None)
    assert (terms.target_resolution, terms.target_classes) == (32, 10)
    assert aimed(replace(DIGITS, train_resolution=48), None).target_resolution == 48


def test_what_is_given_as_a_number_stays() -> None:
    terms = aimed(replace(DIGITS, target_resolution=96), None)
    assert (terms.target_resolution, terms.target_classes) == (96, 10)
    assert aimed(replace(DIGITS, target_classes=3), None).target_classes == 3


def test_papers_change_nothing_and_another_target_is_refused() -> None:
    for target in (None, "papers"):
        assert aimed(Terms(target=target), None) == Terms(target=target)
    with pytest.raises(UserError, match="--target phone: expected papers or data"):
        aimed(Terms(target="phone"), None)


def test_costs_are_told_for_the_papers_and_as_shipped_where_they_differ() -> None:
    regime = Regime(fidelity=Fidelity(1.0, 1.0, 48), classes=3)
    assert regime.other_targets == {"as trained and shipped": (48, 3, 3)}
    small = replace(regime, target_resolution=48, target_classes=3)
    assert small.other_targets == {"as in the papers": (224, 1000, 3)}
    assert len(replace(regime, target_resolution=96).other_targets) == 2
    networks = {"small": str(zoo.get("mobilenet_v3_small"))}
    shipped = nas.cost(zoo.get("mobilenet_v3_small"), 48, 3)
    title, table, _ = elsewhere(regime, networks)
    assert title == "costs as trained and shipped, 48x48, 3 classes:"
    assert f"{shipped.memory / 1024:.1f}" in table and f"{shipped.params / 1e6:.3f}" in table


def test_a_run_stored_before_classes_were_opens() -> None:
    stored = json.loads(Regime(fidelity=Fidelity(1.0, 1.0), classes=10).to_json())
    del stored["classes"]
    opened = Regime.from_json(json.dumps(stored))
    assert opened.classes == 0 and opened.other_targets == {}


def test_a_run_stored_before_the_share_of_small_sets_grew_keeps_a_tenth() -> None:
    stored = json.loads(Regime(fidelity=Fidelity(1.0, 1.0), validation=0.2, folds=3).to_json())
    for name in ("validation", "folds", "drop_duplicates"):
        del stored[name]
    opened = Regime.from_json(json.dumps(stored))
    assert (opened.validation, opened.folds, opened.drop_duplicates) == (0.1, 0, False)


def test_what_a_new_run_validates_on_is_settled_with_its_data() -> None:
    data = load("digits", folds=5, notify=lambda line: None)
    regime, _ = settled(Regime(**opening(Terms(data="digits", folds=5))), Terms(folds=5), data)
    assert regime.validation == data.share == 0.139 and regime.folds == 5
    assert regime.reload(None, lambda line: None) == data
    assert "the mean of 5 folds" in regime.trained
    images = len(data.train()) + len(data.validation())
    assert (trained_on(data, 0), validated_on(data, 0)) == (len(data.train()), len(data.validation()))
    assert (trained_on(data, 5), validated_on(data, 5)) == (images * 4 // 5, images)


def test_a_resumed_run_drops_the_same_duplicates(tmp_path: Path) -> None:
    for number in range(24):
        path = tmp_path / "set" / ("train" if number < 16 else "test") / "ab"[number % 2]
        path.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number % 16).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path / f"{number}.png")  # eight are in both parts
    said: list[str] = []
    terms = Terms(data=f"folder:{tmp_path / 'set'}", drop_duplicates=True)
    regime = Regime(**opening(terms))
    data = regime.load(None, said.append)
    assert data.dropped == 8 and any("8 duplicates dropped" in line for line in said)
    again = Regime.from_json(settled(regime, terms, data)[0].to_json())
    assert again.drop_duplicates and again.reload(None, lambda line: None) == data
    other = replace(again, drop_duplicates=False)
    with pytest.raises(UserError, match="are not those of the run"):
        other.reload(None, lambda line: None)


def test_rectangles_and_how_images_come_to_them_are_stored_and_said() -> None:
    terms = Terms(
        data="folder:/flowers", channels=3, train_resolution="32x64", fit="pad", target_resolution="224x448"
    )
    regime = Regime(**opening(terms))
    assert (regime.fidelity.resolution, regime.target_resolution) == (Rectangle(32, 64), Rectangle(224, 448))
    assert Regime.from_json(regime.to_json()) == regime
    assert regime.trained == "1 epochs at 32x64 (pad)"
    assert regime.target == "224x448, 1000 classes, batch 1"
    for square in (48, "48", "48x48"):
        assert Regime(**opening(replace(terms, train_resolution=square))).fidelity.resolution == 48
    assert aimed(replace(DIGITS, train_resolution="32x64"), None).target_resolution == Rectangle(32, 64)


def test_a_run_stored_before_images_were_fitted_otherwise_opens_as_cropped() -> None:
    stored = json.loads(Regime(fidelity=Fidelity(1.0, 1.0)).to_json())
    del stored["fit"]
    assert Regime.from_json(json.dumps(stored)).fit == "crop"
