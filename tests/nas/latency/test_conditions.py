"""What a latency holds for, and its name."""

import re
from dataclasses import fields, replace

import pytest

from nas.common.errors import UserError
from nas.common.machine import exact_processor
from nas.latency import Conditions, Fingerprint, fingerprint


def test_it_names_the_machine_the_runtime_and_the_conditions() -> None:
    conditions = Conditions(resolution=32, batch=4, classes=10)
    found = fingerprint(conditions)
    assert found.device == exact_processor()
    assert re.fullmatch(r"onnxruntime \d+\.\d+.*", found.runtime)
    assert found.conditions == conditions


def test_every_difference_is_seen_in_the_key() -> None:
    found = fingerprint(Conditions())
    keys = {found.key}
    for field in fields(Fingerprint):
        value = getattr(found, field.name)
        keys.add(replace(found, **{field.name: value + 1 if isinstance(value, int) else f"{value}.9"}).key)
    assert len(keys) == len(fields(Fingerprint)) + 1


def test_a_key_can_be_a_files_name() -> None:
    odd = replace(fingerprint(Conditions()), device="Intel(R) Core(TM) i7 @ 3.0GHz / ü..")
    assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*[a-z0-9]", odd.key)


@pytest.mark.parametrize("name", ["threads", "resolution", "batch", "classes"])
def test_numbers_below_one_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"{name} is 0"):
        Conditions(**{name: 0})  # type: ignore[arg-type]


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(UserError, match=r"int4.*int8"):
        Conditions(precision="int4")


@pytest.mark.parametrize("value", [0, "two", 1.5, True, None])
def test_numbers_are_whole_and_from_one(value: object) -> None:
    with pytest.raises(UserError, match="threads"):
        Conditions(threads=value)  # type: ignore[arg-type]
