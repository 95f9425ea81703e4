"""What is known of a part before it is timed, as numbers: its counted costs, its maps, its options.

Nothing here knows a primitive: options are read from its dataclass, so that a new one needs no line.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import log

import numpy as np
from numpy.typing import NDArray

from blocks import Head
from nas.networks.cost import Key, default_table

Floats = NDArray[np.float64]
_WIDTHS = ("out", "inner", "expansion", "conv", "features", "squeeze")  # told by the costs and the maps


def described(key: Key) -> dict[str, float]:
    """The features of a part by name: logarithms of sizes, 1 for the kind and for each option that is set."""
    part, channels, size, classes = key
    cost = default_table().entry(key)
    stride = getattr(part, "reduction", getattr(part, "stride", 1))
    out, out_size = (classes, 1) if isinstance(part, Head) else (part.out, -(-size // stride))
    inner = part.inner_width(channels) if hasattr(part, "inner_width") else None
    features = {
        "multiply-adds": log(cost.macs + 1),
        "parameters": log(cost.params + 1),
        "activations": log(cost.activations + 1),
        "input": log(channels * size**2),
        "output": log(out * out_size**2),
        "channels": log(channels),
        "size": log(size),
        "inner": log(inner or out),
        f"kind {part.token}": 1.0,
    }
    for spec in fields(part):
        value = getattr(part, spec.name)
        if spec.name in _WIDTHS:
            continue
        if isinstance(value, (bool, str)):
            features[f"{part.token if isinstance(value, bool) else ''} {spec.name} {value}"] = 1.0
        else:
            features[spec.name] = log(value)
    return features


@dataclass(frozen=True)
class Scale:
    """Which features vary among some parts, and how far: what turns any parts into standardised rows."""

    names: tuple[str, ...]
    mean: Floats
    deviation: Floats

    @classmethod
    def of(cls, keys: Sequence[Key]) -> "Scale":
        """The scale of these parts; features that are the same in all of them are left out."""
        rows = [described(key) for key in keys]
        names = sorted({name for row in rows for name in row})
        x = np.array([[row.get(name, 0.0) for name in names] for row in rows])
        kept = x.std(axis=0) > 1e-9
        return cls(tuple(np.array(names)[kept].tolist()), x.mean(axis=0)[kept], x.std(axis=0)[kept])

    def __call__(self, keys: Sequence[Key]) -> Floats:
        """The features [len(keys), len(names)] of parts, about 0 in unit scale."""
        rows = [described(key) for key in keys]
        x = np.array([[row.get(name, 0.0) for name in self.names] for row in rows])
        return np.asarray((x.reshape(len(keys), len(self.names)) - self.mean) / self.deviation)
