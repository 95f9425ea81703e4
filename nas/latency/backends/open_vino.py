"""OpenVINO on the CPU; it reads the same ONNX graphs."""

import time
from importlib.metadata import version
from importlib.util import find_spec

from nas.common.machine import exact_processor
from nas.latency import graphs
from nas.latency.backends.base import Runner
from nas.latency.conditions import Conditions
from nas.latency.timing.runtimes import openvino
from nas.networks.cost import Key
from nas.networks.references import Model


class OpenVino:
    """An optional extra. With one thread it computes in the thread that calls it."""

    name = "openvino"
    precisions: tuple[str, ...] = ("float32", "int8")
    counts_itself = False

    def missing(self) -> str | None:
        """An optional extra."""
        return None if find_spec("openvino") else "pip install 'nas-search[openvino]'"

    def version(self) -> str:
        """As installed."""
        return f"openvino {version('openvino')}"

    def device(self) -> str:
        """The processor's model."""
        return exact_processor()

    def cpu_seconds(self) -> float:
        """Of the calling thread."""
        return time.thread_time()

    def part(self, key: Key, conditions: Conditions) -> Runner:
        """The part's graph."""
        return openvino(graphs.part(key, conditions).SerializeToString(), conditions.threads)

    def network(self, model: Model, conditions: Conditions) -> Runner:
        """The network's graph."""
        return openvino(graphs.network(model, conditions).SerializeToString(), conditions.threads)
