"""ONNX Runtime on the CPU."""

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


class OnnxRuntime:
    """The default backend. With one thread it computes in the thread that calls it."""

    name = "onnxruntime"
    precisions = ("float32", "int8")
    counts_itself = False

    def missing(self) -> str | None:
        """Part of every installation."""
        return None if find_spec("onnxruntime") else "pip install onnxruntime"

    def version(self) -> str:
        """As installed."""
        return f"onnxruntime {version('onnxruntime')}"

    def device(self) -> str:
        """The processor's model."""
        return processor()

    def cpu_seconds(self) -> float:
        """Of the calling thread."""
        return time.thread_time()

    def part(self, key: Key, conditions: Conditions) -> Runner:
        """The part's graph in a session of its own."""
        return runner(graphs.part(key, conditions), conditions.threads)

    def network(self, model: Model, conditions: Conditions) -> Runner:
        """The network's graph."""
        return runner(graphs.network(model, conditions), conditions.threads)


def runner(model: onnx.ModelProto, threads: int) -> Runner:
    """One inference of a model from `x` to `y` on a random input, without copying input or output."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # it remarks on weights that it does not need any more
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    binding = session.io_binding()
    binding.bind_cpu_input("x", graphs.picture(model))
    binding.bind_output("y")

    def run() -> None:
        session.run_with_iobinding(binding)

    return run
