"""What users and files give is read within a second, or refused in one clear line, however strange it is."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from blocks import UserError
from blocks.errors import shown
from nas.ablate.study_file import read
from nas.common.decode import decoded
from nas.latency.table.file import FORMAT, load
from nas.networks.cost import cost
from nas.search.budget import Budget
from nas.search.settings import Settings
from nas.train.recipe import Fidelity, Recipe
from search_spaces import Arch, spaces, strict_yaml
from tests.faults.watching import bounded

WITHIN = 1.0  # seconds of the processor
MEMORY = 200  # MB
ZEROS = "0" * 400
ANCHORS = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
)
SPACE = "name: x\nstages: [{width: [16], depth: [2]}]\n"


@pytest.fixture(autouse=True)
def _measured() -> Iterator[None]:
    with bounded(WITHIN, MEMORY):
        yield


def refused(work: Callable[[], object]) -> str:
    """What is said; one line of a length that can be read."""
    with pytest.raises(UserError) as error:
        work()
    said = str(error.value)
    assert 0 < len(said) < 1500
    return said


HOSTILE = {
    "anchors": ANCHORS,
    "anchors as a value": f"{ANCHORS}\nstages: *a11\nepochs: *a11\nsteps: *a11\nnetwork: *a11",
    "anchors as a mapping": f"{ANCHORS}\nchoices: {{kernel: *a11}}\nstages: [{{width: *a11, depth: [1]}}]",
    "an anchor within itself": "&a [*a, *a]",
    "stages": "name: x\nstages:\n" + "- {width: [8], depth: [1]}\n" * 100_000,
    "widths": f"stages: [{{width: [{', '.join(map(str, range(8, 8_000_008, 8)))}], depth: [1]}}]",
    "deep": "[" * 100_000,
    "deeper": "a: " + "[" * 5000 + "]" * 5000,
    "dashes": "- " * 50_000,
    "mappings": "{a: " * 3000 + "}" * 3000,
    "a date that is none": 'name: !!timestamp "x"',
    "a date of month 13": "name: 2001-13-45",
    "a number that is none": 'seed: !!int "x"',
    "an empty number": 'seed: !!int ""',
    "a float that is none": 'epochs: !!float "x"',
    "a list as a key": "? [a, b]\n: c",
    "an object": "!!python/object/apply:os.getcwd []",
    "sixties": "seed: 1" + ":59" * 60_000,
    "digits": f"epochs: 1{ZEROS}\nseeds: 1{ZEROS}\nname: 1{ZEROS}",
    "more digits": "epochs: 1" + "0" * 5000,
    "a long text": "name: " + "x" * 10_000_000,
    "a long key": "x" * 100_000 + ": 1",
    "escapes": 'name: "\\e[2J\\u202e"\nstages: [{width: [16], depth: [2]}]\ntitle: "\\e[2J"',
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_yaml_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(text, encoding="utf-8")
    assert "\x1b" not in refused(lambda: spaces.parse(text))
    assert "\x1b" not in refused(lambda: read(file))


@pytest.mark.parametrize(
    "text",
    [
        f"head: {{ratio: {10**20}}}\n{SPACE}",
        f"head: {{features: {10**20}}}\n{SPACE}",
        f"head: {{ratio: 1000000}}\n{SPACE}",
        "stages: [{width: [4096], depth: [4096]}]",
        f"stages: [{{width: [{10**20}], depth: [1]}}]",
        f"stages: [{{width: [16], depth: [{10**20}]}}]",
        f"stages: [{{width: [16], depth: [2], stride: {10**20}}}]",
        f"choices: {{expansion: [{10**20}]}}\n{SPACE}",
        "choices: {expansion: [.nan]}\n" + SPACE,
        f"choices: {{block: [ir, sg, gs, ss, ds, bz], expansion: [{', '.join(str(1 + n / 100) for n in range(6000))}]}}\n"
        + SPACE,
    ],
    ids=range(10),
)
def test_a_space_of_huge_numbers_is_refused(text: str) -> None:
    refused(lambda: spaces.parse(text))


def test_a_space_of_more_archs_than_a_float_can_say_says_so() -> None:
    stages = ", ".join(["{width: [8, 16, 24, 32], depth: [1, 2, 3, 60]}"] * 16)
    assert "e+2184 archs" in str(spaces.parse(f"stages: [{stages}]", "block"))


@pytest.mark.parametrize("key", ["epochs", "subset", "seeds", "folds", "seed", "target_classes", "channels"])
@pytest.mark.parametrize("value", [f"1{ZEROS}", "1e400", "-1e400", ".inf", ".nan", "1e300"])
def test_a_study_of_huge_numbers_is_refused(key: str, value: str, tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(f"network: mobilenet_v2\n{key}: {value}", encoding="utf-8")
    assert key in refused(lambda: read(file)) or "signs" in refused(lambda: read(file))


@pytest.mark.parametrize(
    "name", ["lr", "weight_decay", "clip", "batch_size", "min_steps", "statistics_until", "mixup", "ema"]
)
@pytest.mark.parametrize("value", [f"1{ZEROS}", "1e400", "-1", "nan", "1" * 5000, "٣" * 400])
def test_a_recipe_of_huge_numbers_is_refused(name: str, value: str) -> None:
    refused(lambda: Recipe().changed(f"{name}={value}"))


@pytest.mark.parametrize("epochs", [10**400, float("inf"), float("nan"), 1e300, -1])
def test_a_fidelity_of_huge_numbers_is_refused(epochs: float) -> None:
    refused(lambda: Fidelity(epochs))


@pytest.mark.parametrize(
    "text", [f"1{ZEROS}MFLOPs", f"1{ZEROS}ms", f"0-1{ZEROS}KB", "1" * 100_000, "x" * 100_000, f"1e{ZEROS}9ms"]
)
def test_a_budget_of_huge_numbers_is_refused(text: str) -> None:
    refused(lambda: Budget.parse(text))


DEEP = ["[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000]


@pytest.mark.parametrize("text", DEEP, ids=range(3))
def test_deep_json_is_refused_or_passed_over_wherever_it_is_read(text: str, tmp_path: Path) -> None:
    from nas.data.arrays import ENTRY, find
    from nas.networks.cost import CostTable
    from nas.runs.folders import find as find_run
    from nas.train.keeping import _agree
    from nas.train.settings import reopen

    refused(lambda: decoded(text, dict, "no"))
    refused(lambda: Settings.from_json(text))
    (tmp_path / "manifest.json").write_text(text)
    refused(lambda: find_run(tmp_path, None, lambda url, name: None))
    refused(lambda: reopen(tmp_path, None))
    (tmp_path / "table.json").write_text(text)
    refused(lambda: load(tmp_path / "table.json"))
    assert len(CostTable(tmp_path / "table.json")) == 0
    (tmp_path / ENTRY).write_text(text)
    assert find(tmp_path) is None
    assert _agree(text, text) and not _agree(text, "{}")


ARCH = "stem16-ir16-head32"
TABLE: dict[str, Any] = {
    "format": FORMAT,
    "fingerprint": {
        "device": "d",
        "backend": "onnxruntime",
        "runtime": "onnxruntime 1",
        "precision": "float32",
        "threads": 1,
        "resolution": 32,
        "batch": 1,
        "classes": 10,
    },
    "space": "mobile 1",
    "reference": "mobilenet_v1_x0.5",
    "reference_ms": 1.0,
    "clock": "cpu",
    "parts": {"ir16 16 16 0 ": 0.5},
    "networks": [{"arch": ARCH, "ratio": 1.0, "role": "calibration"}],
    "fitted": {"stem16 3 32 0 ": 0.5, "head32 16 16 10 ": 0.5},
    "fit_error": 0.1,
    "calibration": {"coefficients": [1.0, 0.0, 0.0], "deviation": 0.1},
    "errors": {"mape": 0.1, "spearman": 0.9, "largest": 0.2, "networks": 3},
}


def _table(tmp_path: Path, path: tuple[str | int, ...] = (), value: object = None) -> Path:
    content = json.loads(json.dumps(TABLE))
    place = content
    for name in path[:-1]:
        place = place[name]
    if path:
        place[path[-1]] = value
    file = tmp_path / "table.json"
    file.write_text(json.dumps(content))
    return file


def test_the_latency_table_that_is_spoilt_below_is_a_good_one(tmp_path: Path) -> None:
    table = load(_table(tmp_path))
    assert table.predict(Arch.parse(ARCH)).ms > 0


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("parts", "nonsense"), 0.5),
        (("parts", "ir16 16 16 0 "), "0.5"),
        (("parts", "ir16 16 16 0 "), True),
        (("parts", "ir16 16 16 0 "), -0.5),
        (("parts", "ir16 16 16 0 "), 10**400),
        (("parts", "ir16 16 16 0 "), float("nan")),
        (("parts",), [0.5]),
        (("fitted", "zz16 16 16 0 "), 0.5),
        (("networks", 0, "arch"), "nonsense"),
        (("networks", 0, "ratio"), 0),
        (("networks", 0, "role"), "other"),
        (("calibration", "deviation"), -0.1),
        (("calibration", "coefficients"), [-1.0, 0.0, 0.0]),
        (("calibration", "coefficients"), [1.0, 0.0]),
        (("calibration", "coefficients"), [1.0, 0.0, float("inf")]),
        (("errors", "mape"), -1),
        (("errors", "spearman"), 2),
        (("errors", "networks"), 0),
        (("fit_error",), -0.1),
        (("reference_ms",), 10**400),
        (("fingerprint", "threads"), -1),
        (("fingerprint", "threads"), 10**400),
        (("fingerprint", "resolution"), 10**9),
        (("fingerprint", "precision"), "float128"),
        (("clock",), 1),
    ],
    ids=lambda one: shown(one)[:40],
)
def test_a_latency_table_with_a_wrong_part_is_refused(
    path: tuple[str | int, ...], value: object, tmp_path: Path
) -> None:
    assert "table" in refused(lambda: load(_table(tmp_path, path, value)))


def test_strict_yaml_raises_nothing_else() -> None:
    for text in HOSTILE.values():
        try:
            strict_yaml.load(text)
        except yaml.YAMLError as error:
            assert str(error)


def test_what_is_shown_is_short_and_of_plain_values_exact() -> None:
    loop: list[Any] = []
    loop.append(loop)
    for large in (
        "x" * 10**6,
        [[[[list(range(1000))] * 100] * 100] * 100],
        10**9000,
        10**400,
        loop,
        {1: {2: {3: {4: 5}}}},
    ):
        assert len(shown(large)) <= 300
    for plain in ("a", 5, 1.5, None, True, ["a", 2], {"a": [1]}, ("x",)):
        assert shown(plain) == repr(plain)


def test_settings_with_huge_numbers_are_refused() -> None:
    content = asdict(Recipe()) | {"batch_size": 10**400}
    refused(lambda: decoded(json.dumps(content), Recipe, "no"))
    assert cost(Arch.parse(ARCH), 32, 10).macs > 0
