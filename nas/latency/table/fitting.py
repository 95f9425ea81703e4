"""How long a part takes that was not timed, told by those that were.

A part is described by numbers: its counted costs, its maps, and its options, which are read from its dataclass, so
that a new primitive needs no line here. The logarithm of the time is fitted: a ridge regression on these, and on what
it leaves a Gaussian process, whose uncertainty widens where nothing like the part was timed.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields
from math import log
from typing import Any

import numpy as np

from blocks import Head
from nas.common.sizes import area, mean_side, shrunk
from nas.latency.table.calibration import Floats
from nas.networks.cost import Key, default_table

TUNED_ON = 300  # parts on which the process's scales are found; with all of them it would take minutes
HELD_OUT = 0.1  # share of the timed parts that is held out to say how good the fit is
FEWEST = 20  # timed parts below which there is nothing to fit
_WIDTHS = ("out", "inner", "expansion", "conv", "features", "squeeze")  # told by the costs and the maps


def described(key: Key) -> dict[str, float]:
    """The features of a part by name: logarithms of sizes, 1 for the kind and for each option that is set."""
    part, channels, size, classes = key
    cost = default_table().entry(key)
    stride = getattr(part, "reduction", getattr(part, "stride", 1))
    out, out_size = (classes, 1) if isinstance(part, Head) else (part.out, shrunk(size, stride))
    inner = part.inner_width(channels) if hasattr(part, "inner_width") else None
    features = {
        "multiply-adds": log(cost.macs + 1),
        "parameters": log(cost.params + 1),
        "activations": log(cost.activations + 1),
        "input": log(channels * area(size)),
        "output": log(out * area(out_size)),
        "channels": log(channels),
        "size": log(mean_side(size)),
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


def scale() -> Any:
    """A pipeline of scikit-learn that turns keys into standardised rows [n, features], once fitted on some.

    Features that are the same in all of those are left out.
    """
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.feature_selection import VarianceThreshold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    rows = FunctionTransformer(lambda keys: list(map(described, keys)))
    return make_pipeline(rows, DictVectorizer(sparse=False), VarianceThreshold(1e-18), StandardScaler())


class Fit:
    """Times of parts as a function of their features. `timed`: seconds, or any unit, of each; all above 0."""

    def __init__(self, timed: Mapping[Key, float]) -> None:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
        from sklearn.linear_model import Ridge

        keys = list(timed)
        y = np.log([timed[key] for key in keys])
        self._scale = scale()
        x = self._scale.fit_transform(keys)
        self._line = Ridge(1.0).fit(x, y)
        left = y - self._line.predict(x)
        some = np.random.default_rng(0).permutation(len(keys))[:TUNED_ON]
        shape = ConstantKernel(0.01, (1e-4, 1.0)) * Matern(3.0, (0.5, 30.0), nu=2.5)
        kernel = shape + WhiteKernel(1e-3, (1e-6, 0.1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a scale at its bound is as good as any
            tuned = GaussianProcessRegressor(kernel).fit(x[some], left[some])
        self._process = GaussianProcessRegressor(tuned.kernel_, optimizer=None).fit(x, left)

    def __call__(self, keys: Sequence[Key]) -> tuple[Floats, Floats]:
        """Times [n] in the unit of those given, and their relative standard deviations [n]."""
        x = self._scale.transform(keys)
        mean, deviation = self._process.predict(x, return_std=True)
        return np.exp(mean + self._line.predict(x)), np.asarray(deviation, dtype=float)


def fit_error(timed: Mapping[Key, float]) -> float | None:
    """Mean absolute relative error of a fit on the parts held out from it; None where they are too few."""
    keys = list(timed)
    held = max(1, round(HELD_OUT * len(keys)))
    if len(keys) - held < FEWEST:
        return None
    order = np.random.default_rng(0).permutation(len(keys))
    out, within = ([keys[index] for index in some] for some in (order[:held], order[held:]))
    predicted, _ = Fit({key: timed[key] for key in within})(out)
    return float(np.mean(np.abs(predicted / [timed[key] for key in out] - 1)))
