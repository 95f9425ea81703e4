"""ExecuTorch with XNNPACK, the runtime nearest to phones; its set-up takes seconds an entry."""

from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor, nn

from nas.latency.backends.base import Backend, Runner, needs
from nas.latency.timing import modules


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


EXECUTORCH = Backend(
    name="executorch",
    part=lambda key, of: _runner(*modules.part(key, of), of.threads),
    network=lambda model, of: _runner(*modules.network(model, of), of.threads),
    missing=needs("executorch", "pip install 'nas-search[executorch]'"),
    version=lambda: f"executorch {version('executorch')} XNNPACK",
)
