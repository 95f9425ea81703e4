"""The runtimes that take an ONNX model: from its bytes to something that runs it once.

Needs numpy and the runtime alone (Python 3.10): the module goes to the devices that are measured from afar.
Another runtime is one function here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nas.latency.timing.sandwich import Run


def onnxruntime(model: bytes, threads: int) -> Run:
    """One inference on the CPU, its input and output not copied; one thread is the caller's own."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.force_spinning_stop", "1")  # idle threads would disturb others
    options.log_severity_level = 3  # it remarks on weights that it does not need any more
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0]
    binding = session.io_binding()
    binding.bind_cpu_input(source.name, picture(source.shape))
    binding.bind_output(session.get_outputs()[0].name)

    def run() -> None:
        session.run_with_iobinding(binding)

    return run


def openvino(model: bytes, threads: int) -> Run:
    """One inference on the CPU; one thread is the caller's own."""
    import openvino as ov

    options = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # not bfloat16, which it takes by itself where it is fast
    }
    core = ov.Core()
    compiled = core.compile_model(core.read_model(model), "CPU", options)
    request = compiled.create_infer_request()
    request.set_input_tensor(ov.Tensor(picture(compiled.input(0).shape)))

    def run() -> None:
        request.infer()

    return run


RUNTIMES: dict[str, Callable[[bytes, int], Run]] = {"onnxruntime": onnxruntime, "openvino": openvino}


def picture(shape: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A random input of a shape: numbers of unit scale, the same each time."""
    return np.random.default_rng(0).standard_normal(tuple(shape), dtype=np.float32)
