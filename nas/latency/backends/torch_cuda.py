"""Torch on a CUDA device: the network as one CUDA graph, timed by the device's own events.

Written without such a device at hand and never measured on one.
"""

import time

import torch
from torch import Tensor, nn

from nas.latency.backends.base import Runner
from nas.latency.conditions import Conditions
from nas.latency.timing import modules
from nas.networks.cost import Key
from nas.networks.references import Model

_WARM_UPS = 3  # before the capture, for what libraries allocate and choose on first use


class TorchCuda:
    """Computes on the current CUDA device, in the layout channels last."""

    name = "torch-cuda"
    precisions: tuple[str, ...] = ("float32", "float16")
    counts_itself = True

    def missing(self) -> str | None:
        """There must be a device, and a torch built for it."""
        if torch.version.cuda is None:
            return f"torch {torch.__version__} was built without CUDA; install one from pytorch.org"
        return None if torch.cuda.is_available() else "torch finds no CUDA device"

    def version(self) -> str:
        """Torch's and CUDA's."""
        return f"torch {torch.__version__}, CUDA {torch.version.cuda}"

    def device(self) -> str:
        """The device's name."""
        return torch.cuda.get_device_name()

    def cpu_seconds(self) -> float:
        """Of the thread that waits; not reported, because the device counts itself."""
        return time.thread_time()

    def part(self, key: Key, conditions: Conditions) -> Runner:
        """The part's module."""
        return _captured(*deployed(*modules.part(key, conditions), conditions.precision, "cuda"))

    def network(self, model: Model, conditions: Conditions) -> Runner:
        """The network's module."""
        return _captured(*deployed(*modules.network(model, conditions), conditions.precision, "cuda"))


def deployed(module: nn.Module, x: Tensor, precision: str, place: str) -> tuple[nn.Module, Tensor]:
    """Module and input on a device, channels last, in float32 or float16."""
    kind = torch.float16 if precision == "float16" else torch.float32
    module = module.to(place, kind).to(memory_format=torch.channels_last)
    return module, x.to(place, kind, memory_format=torch.channels_last)


def _captured(module: nn.Module, x: Tensor) -> Runner:
    """One replay of the module's CUDA graph, in seconds between two events around it."""
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
