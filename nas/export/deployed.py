"""A trained network as it is deployed: normalisation inside, batch norm folded; and what its file says of itself."""

import copy
import json
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

import nas
from nas.common.quantities import MACS, PARAMS
from nas.common.sizes import sides
from nas.kernels.compute import folded
from nas.networks.checkpoint import KEY, Card, Checkpoint
from nas.networks.cost import cost
from nas.networks.references import parse

INPUT, OUTPUT = "images", "logits"
"""Of every file that has names for them."""


class Deployed(nn.Module):
    """Images float [N, C, H, W] in [0, 1] to logits [N, classes]: the network behind its normalisation.

    The normalisation is two operators of its own and not in the first convolution's weights: that pads with
    zeros, which stand for the mean, so that folded weights would be wrong along the border.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, card: Card) -> None:
        super().__init__()
        self.network = network
        for name, values in (("mean", card.mean), ("std", card.std)):
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Logits of images."""
        logits: Tensor = self.network((images - self.mean) / self.std)
        return logits


def deployed(checkpoint: Checkpoint) -> Deployed:
    """The checkpoint's network, in evaluation mode, with each batch norm in the convolution before it.

    Raises UserError where the weights are not those of its network.
    """
    network = checkpoint.network()
    with folded(network):
        return Deployed(copy.deepcopy(network), checkpoint.card).eval()


def example(card: Card, batch: int) -> Tensor:
    """Images of no content, of the shape that the network takes."""
    return torch.zeros(batch, card.channels, *sides(card.resolution))


def notes(card: Card, **more: Any) -> dict[str, str]:
    """What a file says of itself, by name; lists and numbers as JSON. Under `KEY` stands the checkpoint's card."""
    counted = cost(parse(card.network), card.resolution, len(card.classes), card.channels)
    high, wide = sides(card.resolution)
    told: dict[str, Any] = {
        "network": card.network,
        "classes": card.classes,
        "input": f"{INPUT}: float32 [N, {card.channels}, {high}, {wide}], {card.colours} in [0, 1]; normalised inside",
        "output": f"{OUTPUT}: float32 [N, {len(card.classes)}], before softmax",
        "resolution": str(card.resolution),
        "fit": card.fit,
        "mean": card.mean,
        "std": card.std,
        "multiply_adds": counted.macs,
        "parameters": counted.params,
        "cost": f"{MACS.show(counted.macs)} {MACS.phrase} of convolutions, fully connected layers and attention, "
        f"{counted.params:,} {PARAMS.phrase}, one image of {high}x{wide}",
        "data": card.data,
        "fingerprint": card.fingerprint,
        "accuracy": card.accuracy,
        "test_accuracy": card.test_accuracy,
        "producer": f"nas-search {nas.__version__}",
        **more,
        KEY: asdict(card),
    }
    known = {name: value for name, value in told.items() if value not in (None, "")}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in known.items()}
