"""What is known of a part before it is timed, as numbers: its counted costs, its maps, its options.

Nothing here knows a primitive: options are read from its dataclass, so that a new one needs no line.
"""

from dataclasses import fields
from math import log
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blocks import Head
from nas.networks.cost import Key, default_table

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

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


def scale() -> "Pipeline":
    """What turns keys into standardised rows [n, features], once fitted on some.

    Features that are the same in all of those are left out.
    """
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.feature_selection import VarianceThreshold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    rows = FunctionTransformer(lambda keys: list(map(described, keys)))
    return make_pipeline(rows, DictVectorizer(sparse=False), VarianceThreshold(1e-18), StandardScaler())
