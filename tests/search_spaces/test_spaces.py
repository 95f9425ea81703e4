"""Spaces by name and from YAML."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings

import nas
from blocks import Head, InvertedResidual, Stem, UserError
from search_spaces import Arch, Space, spaces, zoo
from search_spaces.stages import Choices, Stage
from tests import strategies
from tests.examples import few

GOOD = """
name: small
stem: stem24_RE
first: ir24_k5_se
choices: {kernel: [3, 7], squeeze_excite: [on]}
stages:
  - {width: [24], depth: [2]}
  - {width: [40, 48], depth: [2, 3], stride: 2, choices: {kernel: [5], groups: [1, 8]}}
head: {ratio: 4, features: 512}
"""


def written(space: Space) -> str:
    """A space in YAML."""
    stages = []
    for stage in space.stages:
        choices = {spec.name: list(getattr(stage.choices, spec.name)) for spec in fields(Choices)}
        stages.append(
            {"width": [*stage.width], "depth": [*stage.depth], "stride": stage.stride, "choices": choices}
        )
    data = {
        "name": space.name,
        "stem": str(space.stem),
        "first": str(space.first) if space.first else "none",
        "stages": stages,
        "head": {
            name: list(of) if isinstance(of, tuple) else of
            for name, of in (("ratio", space.head_ratio), ("features", space.features))
        },
    }
    return yaml.safe_dump(data)


def test_the_default_space_is_the_issues() -> None:
    space = spaces.get()
    assert space is spaces.get("mobile", "stage")
    assert space.name == "mobile" and len(space.stages) == 5
    for stage in space.stages:
        assert stage.choices == Choices(
            block=("ir", "sg"),
            kernel=(3, 5),
            expansion=(2, 3, 4, 6),
            squeeze_excite=(False, True),
            activation=("RE", "HS"),
            groups=(1, 2, 4),
        )
        assert len(stage.depth) > 1 and len(stage.width) > 1
    assert [stage.stride for stage in space.stages] == [2, 2, 2, 1, 2]  # with the stem's: 32
    assert spaces.get("mobile", "block").granularity == "block"


def test_a_description_says_all() -> None:
    space = spaces.parse(GOOD, "block")
    assert space == Space(
        "small",
        (
            Stage((24,), (2,), 1, Choices(kernel=(3, 7), squeeze_excite=(True,))),
            Stage((40, 48), (2, 3), 2, Choices(kernel=(5,), squeeze_excite=(True,), groups=(1, 8))),
        ),
        stem=Stem(24),
        first=InvertedResidual(24, kernel=5, squeeze_excite=True),
        head_ratio=4,
        features=512,
        granularity="block",
    )
    assert space.head(48) == Head(192, 512, "HS")


@settings(max_examples=few(40))
@given(strategies.any_space)
def test_yaml_says_any_space(space: Space) -> None:
    assert spaces.parse(written(space), space.granularity) == space


def test_a_file_is_read_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(GOOD)
    assert spaces.get(str(file)) == spaces.parse(GOOD)
    file.write_text(GOOD.replace("small", "other"))
    assert spaces.get(str(file)).name == "other"


STAGES = "stages: [{width: [16], depth: [2]}]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "None"),
        ("[]", "[]"),
        ("mobile", "mobile"),
        ("a: [", "not YAML"),
        ("stem: stem16\nstem: stem24\n" + STAGES, "'stem' twice"),
        ("a: !!python/object:os.system {}", "not YAML"),
        ("stem: 2024-99-99\n" + STAGES, "not YAML"),
        ("\t", "not YAML"),
        ("[" * 1000, "not YAML"),
        ("name: x", "stages is missing"),
        ("stages: 3", "stages is missing"),
        ("stages: []", "at least one stage"),
        ("stages: [5]", "a stage is 5"),
        ("stages: [{width: [16]}]", "depth is None"),
        ("stages: [{depth: [2]}]", "width is None"),
        ("stages: [{width: 16, depth: [2]}]", "width is 16"),
        ("stages: [{width: [15], depth: [2]}]", "width"),
        ("stages: [{width: [[16]], depth: [2]}]", "width"),
        ("stages: [{width: [16], depth: [0]}]", "depth"),
        ("stages: [{width: [16], depth: [2], stride: 3}]", "stride"),
        ("stages: [{width: [16], depth: [2], stride: yes}]", "stride"),
        ("stages: [{width: [16], depth: [2], stride: }]", "stride"),
        ("stages: [{width: [16], depth: [2], kernel: [3]}]", "unknown entry 'kernel'"),
        ("stages: [{width: [16], depth: [2], choices: {kernal: [3]}}]", "unknown entry 'kernal'"),
        ("stages: [{width: [16], depth: [2], choices: {kernel: 3}}]", "kernel is 3"),
        ("stages: [{width: [16], depth: [2], choices: {kernel: []}}]", "kernel is []"),
        ("stages: [{width: [16], depth: [2], choices: {kernel: [[3]]}}]", "kernel [3]"),
        ("stages: [{width: [16], depth: [2], choices: {kernel: [4]}}]", "kernel 4"),
        ("stages: [{width: [16], depth: [2], choices: {groups: [5]}}]", "groups 5"),
        ("stages: [{width: [16], depth: [2], choices: {groups: [3]}}]", "3 groups"),
        ("stages: [{width: [16], depth: [2], choices: [kernel]}]", "choices of a stage"),
        ("choices:\n" + STAGES, "choices is None"),
        ("choices: {activation: [HS, HS]}\n" + STAGES, "activation"),
        ("choices: {activation: [on]}\n" + STAGES, "activation True"),
        ("choices: {expansion: [0]}\n" + STAGES, "expansion 0"),
        ("choices: {squeeze_excite: [maybe]}\n" + STAGES, "squeeze_excite 'maybe'"),
        ("colour: red\n" + STAGES, "unknown entry 'colour'"),
        ("5: red\n" + STAGES, "unknown entry '5'"),
        ("stem: 16\n" + STAGES, "stem"),
        ("stem: abcd16\n" + STAGES, "abcd16"),
        ("stem: stem16_HZ\n" + STAGES, "HZ"),
        ("stem: [stem16]\n" + STAGES, "stem"),
        ("first: sg16\n" + STAGES, "sg16"),
        ("first: ir16_t2_g3\n" + STAGES, "3 groups"),
        ("first: ir\n" + STAGES, "ir24"),
        ("head: 5\n" + STAGES, "head is 5"),
        ("head: {ratio: -1}\n" + STAGES, "head ratio is -1"),
        ("head: {ratio: 1.5}\n" + STAGES, "head ratio is 1.5"),
        ("head: {features: yes}\n" + STAGES, "head features is True"),
        ("head: {ratio: []}\n" + STAGES, "head ratio is []"),
        ("head: {ratio: [6, 6]}\n" + STAGES, "head ratio is [6, 6]"),
        ("head: {features: [0, x]}\n" + STAGES, "head features is 'x'"),
        ("first: None\n" + STAGES, "None"),
        ("head: {width: 3}\n" + STAGES, "unknown entry 'width'"),
    ],
)
def test_a_malformed_description_is_refused_by_name(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        spaces.parse(text)
    assert said in str(error.value)
    file = tmp_path / "own.yml"
    file.write_text(text)
    with pytest.raises(UserError) as error:
        spaces.get(str(file))
    assert str(error.value).startswith(f"{file}: ") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [("mobil", "mobile"), ("", "mobile"), ("mobile.txt", "mobile"), ("absent.yaml", "absent.yaml")],
)
def test_a_name_that_is_none_is_refused(name: str, said: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        spaces.get(name)
    assert repr(name) in str(error.value) or name in str(error.value)
    assert said in str(error.value)


def test_a_folder_and_bytes_are_no_space(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00\xd8")
    for name in ("folder.yaml", "bytes.yaml"):
        with pytest.raises(UserError, match="cannot be read"):
            spaces.get(str(tmp_path / name))


def test_an_unknown_granularity_is_refused() -> None:
    with pytest.raises(UserError, match="'layer'"):
        spaces.get("mobile", "layer")


def test_the_space_for_microcontrollers_goes_as_small_as_they_need() -> None:
    """At 3 classes far below 100,000 parameters, without the wide layer; the default cannot fall below 850,000."""
    space = spaces.get("mcu")
    smallest = space.arch(space.draw(lambda d: d.choices[0]))
    assert smallest.stem.out == smallest.blocks[0].out == 8 and smallest.head.features == 0
    assert nas.cost(smallest, 96, 3).params == 19_875
    usual = spaces.get("mobile")
    assert nas.cost(usual.arch(usual.draw(lambda d: d.choices[0])), 96, 3).params > 800_000


@pytest.mark.parametrize("name", spaces.NAMES)
@pytest.mark.parametrize("granularity", ["stage", "block"])
def test_every_named_space_can_be_drawn_from_read_and_walked(name: str, granularity: str) -> None:
    space, rng = spaces.get(name, granularity), np.random.default_rng(0)
    assert spaces.parse(spaces.text_of(name), granularity) == space and space.name == name
    for _ in range(5):
        arch = space.sample(rng)
        assert space.arch(space.params(arch)) == arch and Arch.parse(str(arch)) == arch
    assert all(space.contains(other) for other in space.neighbours(arch))
    assert space.contains(space.nearest(zoo.get("mobilenet_v3_small")).arch)


def test_a_head_may_lack_either_layer() -> None:
    for ratio, features, head in ((0, 0, "head"), (2, 0, "head16_HS"), (0, 32, "head_f32_HS")):
        space = spaces.parse(
            f"head: {{ratio: {ratio}, features: {features}}}\nstages:\n  - {{width: [8], depth: [2]}}\n"
        )
        arch = space.sample(np.random.default_rng(0))
        assert str(arch.head) == head and space.contains(Arch.parse(str(arch)))
