"""OpenVINO on the CPU; it reads the same ONNX graphs."""

import time
from importlib.metadata import version
from importlib.util import find_spec

import onnx

from nas.costs import Key
from nas.latency import graphs
from nas.latency.backends.base import Runner
from nas.latency.conditions import Conditions
from nas.latency.device import processor
from nas.models import Model


class OpenVino:
    """An optional extra. With one thread it computes in the thread that calls it."""

    name = "openvino"
    precisions = ("float32", "int8")
    counts_itself = False

    def missing(self) -> str | None:
        """An optional extra."""
        return None if find_spec("openvino") else "pip install 'nas-search[openvino]'"

    def version(self) -> str:
        """As installed."""
        return f"openvino {version('openvino')}"

    def device(self) -> str:
        """The processor's model."""
        return processor()

    def cpu_seconds(self) -> float:
        """Of the calling thread."""
        return time.thread_time()

    def part(self, key: Key, conditions: Conditions) -> Runner:
        """The part's graph."""
        return _runner(graphs.part(key, conditions), conditions)

    def network(self, model: Model, conditions: Conditions) -> Runner:
        """The network's graph."""
        return _runner(graphs.network(model, conditions), conditions)


def _runner(model: onnx.ModelProto, conditions: Conditions) -> Runner:
    import openvino

    core = openvino.Core()
    options = {
        "INFERENCE_NUM_THREADS": conditions.threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # not bfloat16, which it takes by itself where it is fast
    }
    compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU", options)
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(graphs.picture(model)))

    def run() -> None:
        request.infer()

    return run
