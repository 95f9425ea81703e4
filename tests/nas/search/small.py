"""A space, settings and results that are small enough to be enumerated and trained in a test."""

import zlib
from dataclasses import replace
from functools import cache
from typing import Any

from nas.search.settings import Settings
from nas.train.trainer import Fidelity, Outcome, Progress
from search_spaces import Arch, spaces

TINY = """
name: tiny
stem: stem8
first: ir8
choices:
  block: [ir]
  kernel: [3, 5]
  expansion: [1, 2]
  squeeze_excite: [off]
  activation: [RE]
  groups: [1]
stages:
  - {width: [8, 16], depth: [2, 3], stride: 2}
  - {width: [8, 16], depth: [2], stride: 2}
head: {ratio: 1, features: 16}
"""
KINDS = """
name: kinds
stem: stem8
first: ir8
stages:
  - width: [8, 16]
    depth: [2, 3]
    stride: 2
    choices:
      {block: [ir, sg], kernel: [3, 5], expansion: [2, 3], squeeze_excite: [off, on], activation: [RE], groups: [1, 2]}
head: {ratio: 1, features: 16}
"""


def settings(**changes: Any) -> Settings:
    """Of a search of TINY at 32x32 and 10 classes, on digits, for a moment."""
    small = Settings(
        budgets=(),
        space=TINY,
        fidelity=Fidelity(0.1, 0.2),
        data="digits",
        data_name="digits",
        fingerprint="f00d",
        baselines=(),
        sampler="random",
        target_resolution=32,
        target_classes=10,
    )
    return replace(small, **changes)


@cache
def all_archs(text: str) -> frozenset[Arch]:
    """Every arch of a space described in YAML, by trying every choice."""
    space = spaces.parse(text)
    points: list[dict[str, Any]] = [{}]
    for dimension in space.dimensions:
        points = [{**point, dimension.name: choice} for point in points for choice in dimension.choices]
    return frozenset(space.arch(point) for point in points)


def outcome(accuracy: float, seconds: float = 1.0) -> Outcome:
    """A result of two reports."""
    curve = (Progress(0.5, accuracy / 2, 2.0, seconds / 2), Progress(1.0, accuracy, 1.0, seconds))
    return Outcome(accuracy, 1.0, seconds, 100, 10, curve)


def arch_of(word: str) -> str:
    """The text of a small arch, another one for each word."""
    return f"stem8-ir{1 + zlib.crc32(word.encode()) % 9999}"
