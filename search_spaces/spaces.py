"""The spaces by name, and spaces read from YAML."""

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from blocks import UserError
from blocks.ends import Stem
from blocks.errors import briefly, shown
from blocks.inverted_residual import InvertedResidual
from blocks.options import MOST, decode
from search_spaces import strict_yaml
from search_spaces.space import Space
from search_spaces.stages import Choices, Stage

MOBILE = """
name: mobile
stem: stem16_HS
first: ir16
choices:
  block: [ir, sg]
  kernel: [3, 5]
  expansion: [2, 3, 4, 6]
  squeeze_excite: [off, on]
  activation: [RE, HS]
  groups: [1, 2, 4]
stages:
  - {width: [16, 24], depth: [2, 3], stride: 2}
  - {width: [24, 40], depth: [2, 3, 4], stride: 2}
  - {width: [40, 80], depth: [2, 3, 4], stride: 2}
  - {width: [48, 112], depth: [2, 3, 4], stride: 1}
  - {width: [96, 160], depth: [2, 3, 4], stride: 2}
head: {ratio: 6, features: 1280}
"""
"""The default space, between MobileNetV3-Small and above MobileNetV2 in cost; widths are those of V2 and V3.

A stage may override any of the choices under its own `choices`.
"""
MCU = """
name: mcu
stem: stem8
first: ir8
choices:
  block: [ir, sg]
  kernel: [3, 5]
  expansion: [2, 4, 6]
  squeeze_excite: [off, on]
  activation: [RE, HS]
  groups: [1, 2, 4]
stages:
  - {width: [8, 16], depth: [2, 3], stride: 2}
  - {width: [8, 16, 24], depth: [2, 3], stride: 2}
  - {width: [16, 24, 40], depth: [2, 3, 4], stride: 2}
  - {width: [24, 40, 64], depth: [2, 3, 4], stride: 1}
  - {width: [32, 64, 96, 160], depth: [2, 3], stride: 2}
head: {ratio: 2, features: 0}
"""
"""For microcontrollers: from 8 channels on, and without the wide layer before the classifier.

With 3 classes from 0.02 to 2.3 million parameters, at 96x96 from 54 to 270 KB of activations at int8.
"""
DOCUMENTED = """
name: documented
stem: stem16_HS
first: none
choices:
  block: [ir, sg, gs, ss, ds, bz]
  kernel: [3, 5]
  expansion: [2, 3, 4, 6]
  squeeze_excite: [off, on]
  activation: [RE, HS]
  groups: [1, 2, 3, 4, 8]
stages:
  - {width: [24], depth: [1, 2], stride: 2, choices: {expansion: [1, 2, 3, 4]}}
  - {width: [24, 48], depth: [2, 3, 4], stride: 2}
  - {width: [48, 72], depth: [2, 3, 4], stride: 2}
  - {width: [48, 72, 120], depth: [2, 3, 4], stride: 1}
  - {width: [96, 168], depth: [2, 3, 4], stride: 2}
head: {ratio: [0, 6], features: [0, 1280]}
"""
"""Every primitive of the written sources that can stand in a stage: inverted residual, SandGlass, the units of
ShuffleNetV1 (its groups 1, 2, 3, 4, 8) and V2, depthwise-separable, BlazeBlock.

Widths are multiples of 24, which all groups divide. Cheap at its entrance: nothing stands at half the image's size, and
a quarter of it may have one block; the head's convolution and its features, costly below 50 million multiply-adds, are
a choice, since ShuffleNetV1 has neither.
"""
TEXTS = {"mobile": MOBILE, "mcu": MCU, "documented": DOCUMENTED}
NAMES = tuple(TEXTS)


def get(name: str = "mobile", granularity: str = "stage") -> Space:
    """The space of a name, or of a YAML file; choices made per "stage" or per "block".

    Raises UserError where there is none, and names what is wrong in a file.
    """
    if name in TEXTS:
        return _named(name, granularity)
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        raise UserError(
            f"no space is called {shown(name)}; expected one of {', '.join(NAMES)} or a .yaml file"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"space file {name} cannot be read: {error}") from None
    try:
        return parse(text, granularity)
    except UserError as error:
        raise UserError(f"{name}: {error}") from None


@cache
def _named(name: str, granularity: str) -> Space:
    return parse(TEXTS[name], granularity)


def text_of(name: str) -> str:
    """The YAML of a space that `get` knows by this name."""
    return TEXTS[name] if name in TEXTS else Path(name).read_text(encoding="utf-8")


def parse(text: str, granularity: str = "stage") -> Space:
    """The space that a YAML text describes. Raises UserError, naming the entry that is wrong."""
    try:
        data = strict_yaml.load(text)
    except yaml.YAMLError as error:
        raise UserError(f"not YAML: {briefly(error)}") from None
    data = _mapping(data, "a space", {"name", "stem", "first", "choices", "stages", "head"})
    common = _mapping(data.get("choices", {}), "choices", _CHOICES)
    stages = data.get("stages")
    if not isinstance(stages, list):
        raise UserError("stages is missing: expected a list of {width: [...], depth: [...], stride: 2}")
    head = _mapping(data.get("head", {}), "head", {"ratio", "features"})
    first = str(data.get("first", "ir16"))
    return Space(
        name=_name(data.get("name", "unnamed")),
        stages=tuple(_stage(stage, common) for stage in stages),
        stem=decode(Stem, str(data.get("stem", "stem16_HS"))),
        first=None if first == "none" else decode(InvertedResidual, first),
        head_ratio=_wholes(head.get("ratio", 6), "head ratio"),
        features=_wholes(head.get("features", 1280), "head features"),
        granularity=granularity,
    )


_CHOICES = {spec.name for spec in fields(Choices)}


def _stage(data: Any, common: Mapping[str, Any]) -> Stage:
    stage = _mapping(data, "a stage", {"width", "depth", "stride", "choices"})
    choices = {**common, **_mapping(stage.get("choices", {}), "choices of a stage", _CHOICES)}
    lists = {name: _list(value, name) for name, value in choices.items()}
    return Stage(
        width=_list(stage.get("width"), "width"),
        depth=_list(stage.get("depth"), "depth"),
        stride=stage.get("stride", 1),
        choices=Choices(**lists),
    )


def _name(value: Any) -> str:
    name = str(value) if isinstance(value, str | int | float) else ""
    if not (0 < len(name) <= 100 and name.isprintable()):
        raise UserError(f"name is {shown(value)}, expected a word or a few, 100 characters at most")
    return name


def _mapping(data: Any, what: str, known: set[str]) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise UserError(f"{what} is {shown(data)}, expected entries {', '.join(sorted(known))}")
    unknown = [str(name) for name in data if name not in known]
    if unknown:
        raise UserError(f"{what}: unknown entry {shown(unknown[0])}, expected {', '.join(sorted(known))}")
    return data


def _list(data: Any, name: str) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise UserError(f"{name} is {shown(data)}, expected a list of choices")
    return tuple(data)


def _wholes(value: Any, name: str) -> int | tuple[int, ...]:
    return tuple(_whole(one, name) for one in value) if isinstance(value, list) else _whole(value, name)


def _whole(value: Any, name: str) -> int:
    if type(value) is not int or not 0 <= value <= MOST:
        raise UserError(
            f"{name} is {shown(value)}, expected a whole number from 0, which leaves the layer out, to {MOST}"
        )
    return value
