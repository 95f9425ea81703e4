"""YAML with every key once."""

import pytest
import yaml

from search_spaces import strict_yaml


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb: {a: 2}",
        "common: &c {x: 1}\nfirst: {inner: &a {<<: *c, x: 2}}\nsecond: {<<: *a}",
        "base: &b {x: 1}\nover: {<<: *b, x: 2}\nagain: *b",
        "1: a\n'1': b",
        "[1, [2]]",
        "",
    ],
)
def test_what_has_every_key_once_is_read_as_ever(text: str) -> None:
    assert strict_yaml.load(text) == yaml.safe_load(text)


@pytest.mark.parametrize(
    "text", ["a: 1\na: 1", "b: {a: 1, c: [{a: 1, a: 2}]}", "1: a\n1: b", "!!map abc", "[}"]
)
def test_a_key_twice_and_what_is_no_yaml_is_an_error(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        strict_yaml.load(text)
