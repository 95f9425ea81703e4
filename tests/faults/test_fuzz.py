"""Whatever is given to a reader, a UserError is all that comes of it, within a second.

A short run under a fixed seed; NAS_FUZZ=N tries N inputs of each kind instead.
"""

import copy
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks import UserError
from nas.ablate.study_file import read
from nas.latency.table.file import load
from nas.networks.building import build
from nas.networks.cost import cost
from nas.runs.naming import resolve
from nas.runs.sound import StoredTrial, flaw
from nas.search.budget import parse_budgets
from nas.search.settings import Settings
from nas.train.recipe import Fidelity, Recipe, schedule
from search_spaces import Arch, spaces
from tests import strategies
from tests.examples import few
from tests.faults.test_readers import TABLE
from tests.nas.search.small import settings as small_settings

EXAMPLES = int(os.environ.get("NAS_FUZZ", few(60)))
WITHIN = 1.0  # seconds of the processor
HUGE = "1" + "0" * 400
numbers = st.one_of(
    st.integers(-5, 5),
    st.sampled_from(
        [10**9, -(10**9), 10**20, 10**400, 2**63, float("inf"), float("nan"), -0.0, 1e300, 1e-300]
    ),
    st.floats(),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=20))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """What is loaded at the first network of a library is not what is measured."""
    for name in ("torchvision:resnet18", "timm:resnet18", "nothing"):
        with suppress(UserError):
            resolve(name)
    build(Arch.parse("stem16-ir16"), 10, 32)


def only_user_errors(work: Callable[[], object]) -> None:
    """Do it; what it may raise is one clear line."""
    began = time.process_time()
    try:
        work()
    except UserError as error:
        assert str(error).strip()
    assert time.process_time() - began < WITHIN


@st.composite
def spoilt(draw: st.DrawFn, good: Any) -> Any:
    """A copy of nested lists and mappings in which one to three places hold something else, or nothing."""
    content = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(1, 3))):
        place: Any = content
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            inner = place[key]
            if isinstance(inner, dict | list) and inner and draw(st.integers(0, 3)):
                place = inner
                continue
            if isinstance(place, dict) and not draw(st.integers(0, 4)):
                del place[key]
                place[draw(st.text(max_size=6))] = draw(scalars)
            else:
                place[key] = draw(values)
            break
    return content


def dumped(content: Any) -> str:
    """As JSON, whatever Python can say in it."""
    return json.dumps(content)


words = st.one_of(
    st.text(max_size=60),
    st.text("stemirsghead0123456789_-x.tkesg", max_size=60),
    st.sampled_from(
        [HUGE, "-", "_", "stem", "stem16-" + HUGE, "x" * 5000, "\x00", "a@b", "@", "torchvision:", "timm:x"]
    ),
)


@settings(max_examples=EXAMPLES)
@given(st.data())
def test_archs(data: st.DataObject) -> None:
    text = data.draw(words | strategies.archs(most=3).map(str).flatmap(strategies.damaged))

    def work() -> None:
        arch = Arch.parse(text)
        resolution = data.draw(st.sampled_from([1, 8, 32, 224, 4096, 10**6, 10**12, 0, -1]))
        cost(arch, resolution, 10)
        build(arch, 10, resolution)

    only_user_errors(work)


@settings(max_examples=EXAMPLES)
@given(words)
def test_names_of_networks(text: str) -> None:
    only_user_errors(lambda: resolve(text))


@settings(max_examples=EXAMPLES)
@given(st.text("0123456789.-kMGFLOPsParamsKBms ", max_size=20) | words, words)
def test_budgets(one: str, other: str) -> None:
    only_user_errors(lambda: parse_budgets([one]))
    only_user_errors(lambda: parse_budgets([one, other]))


@settings(max_examples=EXAMPLES)
@given(st.data())
def test_recipes(data: st.DataObject) -> None:
    name = st.sampled_from(list(Recipe.__dataclass_fields__)) | st.text(max_size=5)
    value = numbers.map(lambda one: format(one, "") if abs(one) < 10**300 else HUGE) | st.text(max_size=8)
    text = ",".join(f"{data.draw(name)}={data.draw(value)}" for _ in range(data.draw(st.integers(0, 3))))

    def work() -> None:
        recipe = Recipe().changed(text)
        epochs = data.draw(numbers)
        schedule(recipe, Fidelity(epochs), 1000)

    only_user_errors(work)


SPACE = yaml.safe_load(spaces.MOBILE)


@settings(max_examples=EXAMPLES)
@given(spoilt(SPACE) | values, st.sampled_from(["stage", "block"]))
def test_spaces(content: Any, granularity: str) -> None:
    only_user_errors(lambda: str(spaces.parse(yaml.dump(content), granularity)))


STUDY = {
    "title": "a story", "network": "mobilenet_v2", "equal": ["macs"], "components": ["se", "kernel"], "epochs": 1.2,
    "pairs": [["se", "kernel"]], "seeds": 3, "train_resolution": 32, "data": "digits", "recipe": "lr=0.3",
    "steps": [{"name": "V2", "network": "mobilenet_v2"}, {"name": "+ SE", "from": "V2", "switch": ["se on"]}],
}  # fmt: skip


@settings(max_examples=EXAMPLES)
@given(spoilt(STUDY) | values)
def test_studies(content: Any) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "study.yaml"
        file.write_text(yaml.dump(content), encoding="utf-8")
        only_user_errors(lambda: read(file))


@settings(max_examples=EXAMPLES)
@given(st.text("[]{}:,-&*!|>?%@`'\"# \n\tab01<.", max_size=80))
def test_any_yaml(text: str) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "study.yaml"
        file.write_text(text, encoding="utf-8")
        only_user_errors(lambda: read(file))
        only_user_errors(lambda: spaces.parse(text))


@settings(max_examples=EXAMPLES)
@given(spoilt(TABLE) | values)
def test_latency_tables(content: Any) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "table.json"
        file.write_text(dumped(content), encoding="utf-8")
        only_user_errors(lambda: load(file).predict(Arch.parse("stem16-ir16-head32")))


@settings(max_examples=EXAMPLES)
@given(spoilt(json.loads(small_settings().to_json())) | values)
def test_settings_of_runs(content: Any) -> None:
    only_user_errors(lambda: Settings.from_json(dumped(content)))


@pytest.fixture(scope="module")
def trial() -> Any:
    from optuna.trial import TrialState, create_trial

    attributes = {
        "arch": "stem16-ir16", "name": "", "epochs": 1.0, "macs": 5, "params": 5, "activations": 5, "weights": 5,
        "memory": 5, "predicted_ms": 1.0, "predicted_low": 0.9, "predicted_high": 1.1, "launched": 0.0,
        "outcome": {
            "accuracy": 0.5, "loss": 1.0, "seconds": 2.0, "images": 5, "steps": 5, "test": None, "measuring": 0.0,
            "folds": [], "curve": [{"share": 1.0, "accuracy": 0.5, "loss": 1.0, "seconds": 2.0}],
        },
    }  # fmt: skip
    return create_trial(state=TrialState.COMPLETE, values=[0.5, 5.0], user_attrs=attributes)


@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_records_of_trials(trial: Any, data: st.DataObject) -> None:
    assert flaw(trial, StoredTrial) == ""
    spoiled = data.draw(spoilt(trial.user_attrs))
    other = copy.copy(trial)
    other.user_attrs = spoiled
    found = flaw(other, StoredTrial)
    if not found:
        stored = other.user_attrs
        assert 0 <= stored["outcome"]["accuracy"] <= 1 and stored["macs"] >= 0 and Arch.parse(stored["arch"])
