"""Torch on a CUDA device: the network as one CUDA graph, timed by the device's own events.

In the layout channels last, on the current device. Written without such a device at hand and never measured on one.
"""

import torch
from torch import Tensor, nn

from nas.latency.backends.base import Backend, Runner
from nas.latency.timing import modules

_WARM_UPS = 3  # before the capture, for what libraries allocate and choose on first use


def _missing() -> str | None:
    if torch.version.cuda is None:
        return f"torch {torch.__version__} was built without CUDA; install one from pytorch.org"
    return None if torch.cuda.is_available() else "torch finds no CUDA device"


def deployed(module: nn.Module, x: Tensor, precision: str, device: str = "cuda") -> tuple[nn.Module, Tensor]:
    """Module and input on a device, channels last, in float32 or float16."""
    kind = torch.float16 if precision == "float16" else torch.float32
    module = module.to(device, kind).to(memory_format=torch.channels_last)
    return module, x.to(device, kind, memory_format=torch.channels_last)


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


CUDA = Backend(
    name="torch-cuda",
    part=lambda key, of: _captured(*deployed(*modules.part(key, of), of.precision)),
    network=lambda model, of: _captured(*deployed(*modules.network(model, of), of.precision)),
    missing=_missing,
    version=lambda: f"torch {torch.__version__}, CUDA {torch.version.cuda}",
    precisions=("float32", "float16"),
    device=torch.cuda.get_device_name,
    counts_itself=True,
)
