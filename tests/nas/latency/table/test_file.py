"""Tables as files: whole or not at all, and refused where they are damaged or another's."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nas.common.errors import UserError
from nas.latency import Conditions
from nas.latency import fingerprint as fingerprint_here
from nas.latency.table.file import (
    digest,
    dumps,
    find,
    find_for,
    folder,
    load,
    named_path,
    own_path,
    save,
    space_id,
)
from nas.latency.table.table import Table
from search_spaces import spaces
from tests.nas.latency.table.synthetic import table
from tests.nas.search.small import KINDS, TINY


@pytest.fixture(scope="module")
def made() -> Table:
    return table(KINDS)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path / "cache"))


def test_a_table_comes_back_as_it_was(made: Table, tmp_path: Path) -> None:
    save(made, tmp_path / "deep" / "table.json")
    again = load(tmp_path / "deep" / "table.json")
    assert again == made and digest(again) == digest(made)
    assert digest(replace(made, fit_error=0.5)) != digest(made)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["table.json"]


def test_what_a_device_has_only_timed_is_completed(made: Table, tmp_path: Path) -> None:
    raw = json.loads(dumps(made))
    for name in ("fitted", "fit_error", "calibration", "errors"):
        del raw[name]
    (tmp_path / "raw.json").write_text(json.dumps(raw))
    assert load(tmp_path / "raw.json").calibration == made.calibration


def damages(text: str) -> dict[str, str]:
    data = json.loads(text)
    first = next(iter(data["parts"]))
    return {
        "cut off": text[: len(text) // 2],
        "empty": "",
        "no table": "{}",
        "a list": "[]",
        "another format": text.replace("latency table 1", "latency table 9"),
        "a negative time": json.dumps(data | {"parts": data["parts"] | {first: -1.0}}),
        "no number": json.dumps(data | {"parts": data["parts"] | {first: "fast"}}),
        "not finite": json.dumps(data | {"reference_ms": float("nan")}),
        "a coefficient short": json.dumps(data | {"calibration": {"coefficients": [1.0], "deviation": 0.1}}),
        "no fingerprint": json.dumps({k: v for k, v in data.items() if k != "fingerprint"}),
        "a fingerprint with more": json.dumps(data | {"fingerprint": data["fingerprint"] | {"gpu": 1}}),
        "another reference": json.dumps(data | {"reference": "resnet50"}),
        "infinite": json.dumps(data | {"reference_ms": float("inf")}),
        "a calibration alone": json.dumps({k: v for k, v in data.items() if k != "fitted"}),
        "a text for a number": json.dumps(data | {"fingerprint": data["fingerprint"] | {"threads": "1"}}),
        "another role": json.dumps(data | {"networks": [data["networks"][0] | {"role": "judge"}]}),
    }


DAMAGES = list(damages('{"parts": {"a": 1}, "networks": [{}], "fingerprint": {}}'))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused_and_named(made: Table, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "damaged.json"
    path.write_text(damages(dumps(made))[damage])
    with pytest.raises(UserError, match=r"damaged\.json"):
        load(path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "image.json").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(UserError, match=r"image\.json"):
        load(tmp_path / "image.json")
    with pytest.raises(UserError, match=r"absent\.json"):
        load(tmp_path / "absent.json")


def test_a_write_that_fails_leaves_the_old_table(
    made: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.json"
    save(made, path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="space"):
        save(replace(made, fit_error=0.5), path)
    monkeypatch.undo()
    assert load(path) == made and len(list(tmp_path.glob("*.tmp"))) == 0


def test_an_imported_table_is_found_by_its_name_and_by_its_file(made: Table, tmp_path: Path) -> None:
    save(made, named_path("board"))
    assert find("board") == made == find(str(named_path("board")))
    with pytest.raises(UserError, match="board"):
        find("bord")
    with pytest.raises(UserError, match="name"):
        named_path("../elsewhere")


def test_without_a_table_the_command_that_makes_one_is_named() -> None:
    with pytest.raises(UserError, match=r"nas\.latency table --resolution 32"):
        find(Conditions(resolution=32), spaces.parse(TINY))


def test_a_table_for_other_costs_is_refused_with_the_options_that_fit(made: Table) -> None:
    save(made, named_path("board"))
    assert find_for("board", 32, 10) == made
    with pytest.raises(UserError, match="--target-resolution 32 --target-classes 10"):
        find_for("board", 224, 10)
    with pytest.raises(UserError, match="nowhere"):
        find_for("nowhere", 32, 10)
    with pytest.raises(UserError, match=r"nas\.latency table --resolution 208 --classes 777"):
        find_for(None, 208, 777)


def test_a_table_of_another_device_in_this_machines_place_is_refused(made: Table) -> None:
    conditions = Conditions(resolution=32, classes=10)
    save(made, own_path(fingerprint_here(conditions), spaces.parse(KINDS)))
    with pytest.raises(UserError, match="device is 'Computed'"):
        find(conditions, spaces.parse(KINDS))


def test_each_space_and_each_device_has_a_place_of_its_own() -> None:
    here = fingerprint_here(Conditions())
    places = {
        own_path(here, spaces.get()),
        own_path(here, spaces.get("mobile", "block")),
        own_path(here, spaces.parse(TINY)),
        own_path(fingerprint_here(Conditions(threads=2)), spaces.get()),
        own_path(fingerprint_here(Conditions(resolution=32)), spaces.get()),
    }
    assert len(places) == 5 and {place.parent for place in places} == {folder()}
    assert space_id(spaces.get()).startswith("mobile ")
