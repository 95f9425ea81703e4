"""ONNX Runtime on the CPU."""

import time
from importlib.metadata import version
from importlib.util import find_spec

from nas.common.machine import exact_processor
from nas.latency import graphs
from nas.latency.backends.base import Runner
from nas.latency.conditions import Conditions
from nas.latency.timing.runtimes import onnxruntime
from nas.networks.cost import Key
from nas.networks.references import Model


class OnnxRuntime:
    """The default backend. With one thread it computes in the thread that calls it."""

    name = "onnxruntime"
    precisions: tuple[str, ...] = ("float32", "int8")
    counts_itself = False

    def missing(self) -> str | None:
        """Part of every installation."""
        return None if find_spec("onnxruntime") else "pip install onnxruntime"

    def version(self) -> str:
        """As installed."""
        return f"onnxruntime {version('onnxruntime')}"

    def device(self) -> str:
        """The processor's model."""
        return exact_processor()

    def cpu_seconds(self) -> float:
        """Of the calling thread."""
        return time.thread_time()

    def part(self, key: Key, conditions: Conditions) -> Runner:
        """The part's graph in a session of its own."""
        return onnxruntime(graphs.part(key, conditions).SerializeToString(), conditions.threads)

    def network(self, model: Model, conditions: Conditions) -> Runner:
        """The network's graph."""
        return onnxruntime(graphs.network(model, conditions).SerializeToString(), conditions.threads)
