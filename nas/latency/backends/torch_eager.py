"""Torch as it is written: operator by operator, channels last, batch norm folded."""

import time

import torch
from torch import Tensor, nn

from nas.common.machine import exact_processor
from nas.latency.backends.base import Runner
from nas.latency.conditions import Conditions
from nas.latency.timing import modules
from nas.networks.cost import Key
from nas.networks.references import Model


class TorchEager:
    """With one thread it computes in the thread that calls it."""

    name = "torch"
    precisions: tuple[str, ...] = ("float32",)
    counts_itself = False

    def missing(self) -> str | None:
        """Never: the project is built on it."""
        return None

    def version(self) -> str:
        """As installed."""
        return f"torch {torch.__version__}"

    def device(self) -> str:
        """The processor's model."""
        return exact_processor()

    def cpu_seconds(self) -> float:
        """Of the calling thread."""
        return time.thread_time()

    def part(self, key: Key, conditions: Conditions) -> Runner:
        """The part's module."""
        return _runner(*modules.part(key, conditions), conditions.threads)

    def network(self, model: Model, conditions: Conditions) -> Runner:
        """The network's module."""
        return _runner(*modules.network(model, conditions), conditions.threads)


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
