"""ExecuTorch with XNNPACK, the runtime nearest to phones; its set-up takes seconds an entry."""

import time
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from nas.common.machine import exact_processor
from nas.latency.backends.base import Runner
from nas.latency.conditions import Conditions
from nas.latency.timing import modules
from nas.networks.cost import Key
from nas.networks.references import Model


class ExecuTorch:
    """An optional extra. With one thread it computes in the thread that calls it."""

    name = "executorch"
    precisions: tuple[str, ...] = ("float32",)
    counts_itself = False

    def missing(self) -> str | None:
        """An optional extra."""
        return None if find_spec("executorch") else "pip install 'nas-search[executorch]'"

    def version(self) -> str:
        """As installed, with the delegate that computes."""
        return f"executorch {version('executorch')} XNNPACK"

    def device(self) -> str:
        """The processor's model."""
        return exact_processor()

    def cpu_seconds(self) -> float:
        """Of the calling thread."""
        return time.thread_time()

    def part(self, key: Key, conditions: Conditions) -> Runner:
        """The part's module, exported and lowered."""
        return _runner(*modules.part(key, conditions), conditions.threads)

    def network(self, model: Model, conditions: Conditions) -> Runner:
        """The network's module, likewise."""
        return _runner(*modules.network(model, conditions), conditions.threads)


def _runner(module: nn.Module, x: Tensor, threads: int) -> Runner:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower
    from executorch.extension.pybindings.portable_lib import _unsafe_reset_threadpool
    from executorch.runtime import Runtime

    with torch.no_grad():
        exported = torch.export.export(module, (x,))
    edge = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    _unsafe_reset_threadpool(threads)  # unsafe while something runs in it: nothing does
    buffer = edge.to_executorch().buffer
    program = Runtime.get().load_program(buffer)
    kept: Any = (program.load_method("forward"), program, buffer)  # the method reads the buffer as it runs

    def run() -> None:
        kept[0].execute((x,))

    return run
