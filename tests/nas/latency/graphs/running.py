"""Running what was written, and comparing it."""

from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from torch import Tensor

from nas.latency.graphs import Fragment, fragment

onnxruntime.set_default_logger_severity(3)


def run(written: Fragment, x: Tensor) -> NDArray[np.float32]:
    """What ONNX Runtime makes of a graph."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = fragment.model([written]).SerializeToString()
    session = onnxruntime.InferenceSession(model, options)
    made: NDArray[np.float32] = session.run(None, {"x": x.numpy()})[0]
    return made


def difference(made: NDArray[Any], expected: Tensor) -> float:
    """The largest one, relative to the largest value expected."""
    assert made.shape == tuple(expected.shape)
    return float(np.abs(made - expected.numpy()).max() / np.abs(expected.numpy()).max())
