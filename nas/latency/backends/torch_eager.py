"""Torch as it is written: operator by operator, channels last, batch norm folded."""

import torch
from torch import Tensor, nn

from nas.latency.backends.base import Backend, Runner
from nas.latency.timing import modules


def _runner(module: nn.Module, x: Tensor, threads: int) -> Runner:
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


EAGER = Backend(
    name="torch",
    part=lambda key, of: _runner(*modules.part(key, of), of.threads),
    network=lambda model, of: _runner(*modules.network(model, of), of.threads),
    missing=lambda: None,  # the project is built on it
    version=lambda: f"torch {torch.__version__}",
)
