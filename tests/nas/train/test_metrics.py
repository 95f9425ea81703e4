"""nas.train.metrics: against scikit-learn and by hand; and that networks are judged by what is asked."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, roc_auc_score
from torch.nn import functional

from nas.common.errors import UserError
from nas.data.dataset import Dataset, load
from nas.networks.building import build
from nas.train.batches import class_weights
from nas.train.metrics import METRICS, check_metric, score
from nas.train.recipe import Fidelity, Recipe
from nas.train.stepping import weighted_loss
from nas.train.trainer import evaluate, seed_everything, train
from search_spaces import Arch


@given(st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_they_are_scikit_learns(classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(classes, size=30)])
    logits = rng.normal(size=(len(labels), classes)).astype(np.float32)
    guesses = logits.argmax(1)
    assert score("accuracy", logits, labels) == pytest.approx(accuracy_score(labels, guesses))
    assert score("balanced_accuracy", logits, labels) == pytest.approx(
        balanced_accuracy_score(labels, guesses)
    )
    assert score("f1", logits, labels) == pytest.approx(f1_score(labels, guesses, average="macro"))
    shares = torch.from_numpy(logits).double().softmax(1).numpy()
    shares /= shares.sum(1, keepdims=True)
    if classes > 2:
        expected = roc_auc_score(labels, shares, multi_class="ovr", average="macro")
    else:
        expected = roc_auc_score(labels, shares[:, 1])
    assert score("auroc", logits, labels) == pytest.approx(expected, abs=1e-6)


def test_the_majority_alone_is_accurate_and_nothing_else() -> None:
    labels, logits = np.array([0] * 98 + [1] * 2), np.tile(np.float32([1, 0]), (100, 1))
    told = {name: score(name, logits, labels) for name in METRICS}
    assert told["accuracy"] == pytest.approx(0.98)
    assert told["balanced_accuracy"] == told["auroc"] == pytest.approx(0.5)
    assert told["f1"] < 0.5


def test_a_class_without_an_image_has_no_part() -> None:
    logits = np.eye(3, dtype=np.float32)[[0, 1, 1]]
    labels = np.array([0, 1, 1])
    assert all(score(name, logits, labels) == 1.0 for name in METRICS)
    assert np.isnan(score("auroc", logits[1:], labels[1:]))


def test_other_names_are_refused() -> None:
    with pytest.raises(UserError, match="balanced_accuracy"):
        check_metric("recall")


def test_a_network_is_judged_by_what_is_asked() -> None:
    data = load("digits")
    seed_everything(0)
    model = build(Arch.parse("stem8_s1-ir8_t1-head32"), 10, 32)
    accuracy = evaluate(model, data.validation(), data, "cpu")
    assert evaluate(model, data.validation(), data, "cpu", metric="accuracy") == accuracy
    others = {evaluate(model, data.validation(), data, "cpu", metric=name) for name in METRICS}
    assert len(others) > 2 and all(0 <= one <= 1 for one in others)
    outcome = train(model, data, Fidelity(0.1, 0.3), reports=1, device="cpu", metric="auroc")
    assert outcome.accuracy == evaluate(model, data.validation(), data, "cpu", metric="auroc")


def test_weights_of_classes_make_all_weigh_the_same() -> None:
    labels = np.array([0] * 6 + [1] * 2 + [3])
    weights = class_weights(labels, 4, torch.device("cpu"))
    shares = torch.bincount(torch.from_numpy(labels), weights[torch.from_numpy(labels)])
    assert shares[0] == pytest.approx(float(shares[1])) == pytest.approx(float(shares[3]))
    assert float(weights[torch.from_numpy(labels)].mean()) == pytest.approx(1.0)


@pytest.fixture(scope="module")
def rare(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Pictures of threes and, one for each twenty of them, of eights; as many of both to be tested on."""
    digits, folder = load_digits(), tmp_path_factory.mktemp("rare")
    for label, name, many in ((3, "three", 120), (8, "eight", 6)):
        chosen = digits.images[digits.target == label]
        for number, image in enumerate(chosen[: many + 40]):
            file = folder / ("train" if number >= 40 else "test") / name / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((image * 15).astype(np.uint8)).resize((32, 32)).save(file)
    return load(f"folder:{folder}", validation=0.1)


def test_a_rare_class_is_learnt_with_weights(rare: Dataset) -> None:
    told = []
    for weighted in (False, True):
        seed_everything(0)
        model = build(Arch.parse("stem8_s1-ir16_t2_s2-ir16_t2-head32"), 2, 32)
        recipe = Recipe(class_weights=weighted, mirror=False)
        train(model, rare, Fidelity(16.0), recipe, reports=1, device="cpu")
        told.append(evaluate(model, rare.test(), rare, "cpu", metric="balanced_accuracy"))
    assert told[1] > told[0] + 0.2


def test_smoothing_does_not_turn_common_images_into_rare_ones() -> None:
    """With a class's weight on its share of every smoothed label, 50 common images to a rare one are told as rare."""
    labels = torch.tensor([0] * 50 + [1])
    weights = class_weights(labels.numpy(), 2, torch.device("cpu"))
    logits = torch.zeros(51, 2, requires_grad=True)
    weighted_loss(logits, labels, weights, 0.1).backward()
    assert logits.grad is not None
    assert (logits.grad[:50, 0] < 0).all() and float(logits.grad[50, 1]) < 0  # each towards its own class
    plain = functional.cross_entropy(logits, labels, weight=weights)
    assert float(weighted_loss(logits, labels, weights, 0.0).detach()) == pytest.approx(float(plain.detach()))
