"""The runtimes that take torch modules: torch itself on the CPU and on CUDA, and ExecuTorch."""

from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor, nn

from nas.latency.backends.base import Backend, needs
from nas.latency.timing.modules import deployed
from nas.latency.timing.sandwich import Run

_WARM_UPS = 3  # before the capture, for what libraries allocate and choose on first use


def _eager(module: nn.Module, x: Tensor, threads: int) -> Run:
    """Operator by operator, channels last."""
    module = module.to(memory_format=torch.channels_last)
    x = x.to(memory_format=torch.channels_last)

    def run() -> None:
        before = torch.get_num_threads()
        if before != threads:
            torch.set_num_threads(threads)
        try:
            with torch.inference_mode():
                module(x)
        finally:
            if before != threads:
                torch.set_num_threads(before)

    return run


def on_device(module: nn.Module, x: Tensor, precision: str, device: str = "cuda") -> tuple[nn.Module, Tensor]:
    """Module and input on a device, channels last, in float32 or float16."""
    kind = torch.float16 if precision == "float16" else torch.float32
    module = module.to(device, kind).to(memory_format=torch.channels_last)
    return module, x.to(device, kind, memory_format=torch.channels_last)


def _captured(module: nn.Module, x: Tensor) -> Run:
    """One replay of the module's CUDA graph on the current device, in seconds between two events around it."""
    with torch.inference_mode():
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # as torch.cuda.graph asks for
            for _ in range(_WARM_UPS):
                module(x)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            module(x)
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]

    def run() -> float:
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) / 1e3

    return run


def executorch_program(module: nn.Module, x: Tensor, constants: dict[str, str] | None = None) -> bytes:
    """A module for inputs such as `x`, lowered to XNNPACK; `constants` become methods that return these texts."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    with torch.no_grad():
        exported = torch.export.export(module, (x,))
    edge = to_edge_transform_and_lower(
        exported, partitioner=[XnnpackPartitioner()], constant_methods=constants
    )
    buffer: bytes = edge.to_executorch().buffer
    return buffer


def _executorch(module: nn.Module, x: Tensor, threads: int) -> Run:
    """By XNNPACK, as on phones; the set-up takes seconds an entry."""
    from executorch.extension.pybindings.portable_lib import _unsafe_reset_threadpool
    from executorch.runtime import Runtime

    buffer = executorch_program(module, x)
    _unsafe_reset_threadpool(threads)  # unsafe while something runs in it: nothing does
    program = Runtime.get().load_program(buffer)
    kept: Any = (program.load_method("forward"), program, buffer)  # the method reads the buffer as it runs

    def run() -> None:
        kept[0].execute((x,))

    return run


def _missing() -> str | None:
    if torch.version.cuda is None:
        return f"torch {torch.__version__} was built without CUDA; install one from pytorch.org"
    return None if torch.cuda.is_available() else "torch finds no CUDA device"


EAGER = Backend(
    name="torch",
    load=lambda subject, of: _eager(*deployed(subject, of), of.threads),
    missing=lambda: None,  # the project is built on it
    version=lambda: f"torch {torch.__version__}",
)
CUDA = Backend(
    name="torch-cuda",
    load=lambda subject, of: _captured(*on_device(*deployed(subject, of), of.precision)),
    missing=_missing,
    version=lambda: f"torch {torch.__version__}, CUDA {torch.version.cuda}",
    precisions=("float32", "float16"),
    device=torch.cuda.get_device_name,
    counts_itself=True,
)
EXECUTORCH = Backend(
    name="executorch",
    load=lambda subject, of: _executorch(*deployed(subject, of), of.threads),
    missing=needs("executorch", "pip install 'nas-search[executorch]'"),
    version=lambda: f"executorch {version('executorch')} XNNPACK",
)
