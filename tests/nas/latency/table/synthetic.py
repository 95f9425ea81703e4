"""A device that is computed: what each part and each network takes is a formula, so that tests know the truth."""

import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from nas.latency import Conditions, Fingerprint, Measurement
from nas.latency.table.building import build, plan
from nas.latency.table.entries import keys_of
from nas.latency.table.table import Table
from nas.networks.cost import Key, default_table, key_name
from nas.networks.references import Model
from search_spaces import Arch, spaces
from tests.nas.search.small import TINY

REFERENCE_MS = 2.0
BESIDE = ("mobilenet_v3_small",)
"""A baseline whose parts are timed: counting those of all would take long."""
CONDITIONS = Conditions(resolution=32, classes=10)


def fingerprint(**changes: object) -> Fingerprint:
    """Of the computed device, at the resolution and classes of tests.nas.search.small."""
    values: dict[str, object] = {
        "device": "Computed",
        "backend": "onnxruntime",
        "runtime": "onnxruntime 1.0",
        "precision": "float32",
        "threads": 1,
        "resolution": 32,
        "batch": 1,
        "classes": 10,
    }
    return Fingerprint(**{**values, **changes})  # type: ignore[arg-type]


def part_ratio(key: Key) -> float:
    """Grows with multiply-adds and elements; a SandGlass and grouped blocks take longer than these say."""
    counted = default_table().entry(key)
    kind = 1.5 if type(key[0]).__name__ == "SandGlass" else 1.0
    grouped = 1.0 + 0.3 * (getattr(key[0], "groups", 1) > 1)
    return kind * grouped * (0.01 + counted.macs / 1e6 + counted.activations / 1e6)


def network_ratio(arch: Arch, conditions: Conditions = CONDITIONS) -> float:
    """Less than the sum of the parts, by a share and by so much a part."""
    keys = keys_of(arch, conditions)
    return 0.8 * sum(map(part_ratio, keys)) - 0.002 * len(keys)


class Synthetic:
    """A measurer. `noise`: relative standard deviation; `dies_after`: parts and networks, then it raises."""

    def __init__(
        self, of: Fingerprint | None = None, noise: float = 0.0, dies_after: int | None = None
    ) -> None:
        self.of = of or fingerprint()
        self._rng = np.random.default_rng(0)
        self._noise, self._left = noise, dies_after
        self.asked: list[str] = []

    def parts(self, keys: Sequence[Key]) -> Iterator[tuple[Key, Measurement]]:
        for key in reversed(keys):
            yield key, self._measured(key_name(key), part_ratio(key))

    def networks(self, models: Sequence[Model]) -> list[Measurement]:
        archs = [model for model in models if isinstance(model, Arch)]
        return [self._measured(str(a), network_ratio(a, self.of.conditions)) for a in archs]

    def _measured(self, text: str, ratio: float) -> Measurement:
        if self._left is not None:
            if self._left == 0:
                raise KeyboardInterrupt
            self._left -= 1
        self.asked.append(text)
        ratio *= float(np.exp(self._noise * self._rng.normal()))
        ms = ratio * REFERENCE_MS
        return Measurement(text, ms, 0.98 * ms, 1.02 * ms, ratio, 1.0, 20, "cpu", False, self.of)


@cache
def table(space: str = TINY, noise: float = 0.01, **changes: object) -> Table:
    """A whole table of a space on the computed device."""
    of = fingerprint(**changes)
    made = spaces.parse(space)
    with tempfile.TemporaryDirectory() as folder:
        measurer = Synthetic(of, noise)
        return build(
            of, made, plan(made, of.conditions, beside=BESIDE), measurer, Path(folder) / "table.json"
        )
