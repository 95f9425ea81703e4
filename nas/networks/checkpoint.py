"""A trained network as a file: its weights as safetensors and, in the same file, all that it takes to use them.

Nothing in such a file can run code. What is beside the weights is one JSON text under `KEY` in the file's metadata,
so that any library that reads safetensors can read the weights, and ours knows what they are of.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialised
from torch import Tensor, nn

from nas.common.decode import decoded, parsed
from nas.common.errors import UserError, briefly, require
from nas.common.files import write_whole
from nas.common.sizes import CROP, Size, check_fit, read_size
from nas.networks.building import build
from nas.networks.references import parse

KEY = "nas"
"""Under which the card stands in a file's metadata."""
VERSION = 1
"""Of the card. A file of a newer one is refused."""


def colours_of(channels: int) -> str:
    """What so many channels are."""
    return {1: "grey", 3: "RGB"}.get(channels, "bands")


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a checkpoint says of itself; enough to build the network, and to give it images as it was given them.

    network: the text of an arch, `torchvision:NAME` or `timm:NAME`. classes: names in the order of the logits.
    resolution: of the images in pixels: upright, RGB, grey or bands as they are (`colours`), brought to it by `fit`
    (`nas.data.fitting`; of crop, `crop` is the part that stays; `nas.data.pictures.decode` does all of it), in [0, 1],
    then less `mean` and divided by `std` (a value a channel). levels: what is black and what is white in pictures of
    more than 8 bits, of all bands or of each, where the training images had such; None for 0 and 65535. accuracy,
    test_accuracy: in [0, 1], on the validation split of `data` and on its held-out test images, None where they were
    not read. made: how it was trained, whatever the maker noted.
    """

    network: str
    classes: tuple[str, ...]
    resolution: Size
    mean: tuple[float, ...]
    std: tuple[float, ...]
    colours: str = "RGB"
    fit: str = CROP
    crop: str = "centre"
    levels: tuple[int, ...] | None = None
    data: str = ""
    fingerprint: str = ""
    accuracy: float | None = None
    test_accuracy: float | None = None
    made: dict[str, Any] = field(default_factory=dict)
    version: int = VERSION

    def __post_init__(self) -> None:
        require(len(self.classes) >= 1, "classes", self.classes, "at least one")
        read_size(self.resolution, "resolution")
        check_fit(self.fit)
        channels = len(self.mean)
        require(
            channels >= 1 and channels == len(self.std), "std", self.std, f"{channels} values, as of mean"
        )
        colours = colours_of(channels)
        require(self.colours == colours, "colours", self.colours, f"{colours}, of {channels} channels")
        require(self.crop == "centre", "crop", self.crop, "centre")
        require(all(deviation > 0 for deviation in self.std), "std", self.std, "numbers above 0")

    @property
    def channels(self) -> int:
        """Of the images."""
        return len(self.mean)

    def build(self) -> nn.Module:
        """The network with weights drawn anew: float [N, C, H, W] to logits [N, classes]."""
        return build(parse(self.network), len(self.classes), self.resolution, self.channels)


@dataclass(frozen=True)
class Checkpoint:
    """A card and the weights that it is of: a state dict on the CPU."""

    card: Card
    state: Mapping[str, Tensor]

    def network(self) -> nn.Module:
        """The trained network, in evaluation mode.

        Raises UserError where the weights are not those of the card's network, or not finite.
        """
        model = self.card.build()
        expected = model.state_dict()
        for name in sorted({*expected, *self.state}):
            mine, given = expected.get(name), self.state.get(name)
            if mine is None or given is None or mine.shape != given.shape:
                raise UserError(
                    f"the weights are not those of {self.card.network}: {name} is {_shape(given)}, expected "
                    f"{_shape(mine)}"
                )
            if given.is_floating_point() and not torch.isfinite(given).all():
                raise UserError(f"the weights are broken: {name} holds numbers that are not finite")
        model.load_state_dict(dict(self.state))
        return model.eval()


def _shape(tensor: Tensor | None) -> str:
    return "missing" if tensor is None else "x".join(map(str, tensor.shape)) or "a number"


def save(path: Path, card: Card, model: nn.Module) -> None:
    """Write a checkpoint whole or not at all. Raises UserError where it cannot be written."""
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    told = {KEY: json.dumps(asdict(card))}
    # safetensors' own file would be for its owner's eyes alone, whatever the umask.
    write_whole(path, lambda temporary: temporary.write_bytes(serialised(state, metadata=told)))


def load(path: str | Path) -> Checkpoint:
    """The checkpoint in a file. Raises UserError, in one line, where it is none or cannot be read."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected a checkpoint, as python -m nas.train writes it")
    try:
        with safe_open(path, framework="pt") as file:
            told = (file.metadata() or {}).get(KEY)
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path} is no checkpoint, or not a whole one: {briefly(error)}") from None
    if told is None:
        raise UserError(f"{path} holds weights but does not say of what; expected one of python -m nas.train")
    refusal = f"{path} cannot be read by this version"
    try:
        version = parsed(told).get("version")
    except (ValueError, AttributeError):
        version = None
    if isinstance(version, int) and version > VERSION:
        raise UserError(
            f"{path} is of a newer version ({version}, this one reads up to {VERSION}): update nas-search"
        )
    return Checkpoint(decoded(told, Card, refusal, ("network", "classes", "mean", "std", "version")), state)
