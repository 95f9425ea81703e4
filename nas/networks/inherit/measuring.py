"""What is measured on images: the mean gates of the parent's squeeze-excites, the statistics of the child's norms."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from nas.common.errors import UserError
from nas.networks.building import Network


@contextmanager
def _evaluating(network: Network) -> Iterator[list[Any]]:
    """In evaluation mode, and without the hooks whose handles are put into the list when it is over."""
    modes = {module: module.training for module in network.modules()}
    handles: list[Any] = []
    network.eval()
    try:
        with torch.no_grad():
            yield handles
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes.items():
            module.training = training


def mean_gates(parent: Network, images: Tensor, names: Collection[str]) -> dict[str, Tensor]:
    """The mean of the gates [C] of each squeeze-excite of these names, over the images."""
    found: dict[str, Tensor] = {}
    with _evaluating(parent) as handles:
        for name in names:

            def note(_: nn.Module, __: object, gates: Tensor, name: str = name) -> None:
                found[name] = gates.mean(0).flatten().cpu()

            handles.append(parent.get_submodule(f"{name}.gate").register_forward_hook(note))
        parent(images)
    return found


def measure_norms(child: Network, images: Tensor, channels: Mapping[str, Tensor]) -> None:
    """Set the statistics of norms, by name, at these of their channels (booleans [C]) to those of the images.

    In the order of execution: each norm is measured behind what the ones before it have become. All images are one
    batch. Raises UserError where values are not finite.
    """
    with _evaluating(child) as handles:
        for name, chosen in channels.items():

            def measure(
                norm: nn.Module, inputs: tuple[Tensor], name: str = name, chosen: Tensor = chosen
            ) -> None:
                variance, mean = torch.var_mean(inputs[0], (0, 2, 3))
                if not (mean.isfinite().all() and variance.isfinite().all()):
                    raise UserError(f"{name}: what it normalises is not finite on these images")
                chosen = chosen.to(mean.device)
                norm.get_buffer("running_mean")[chosen] = mean[chosen]
                norm.get_buffer("running_var")[chosen] = variance[chosen]

            handles.append(child.get_submodule(name).register_forward_pre_hook(measure))
        child(images)
