"""What defines a comparison: the networks and how each is trained. Stored in its study, like a search's settings."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from nas.common.errors import UserError
from nas.networks.cost import TARGET_CLASSES, TARGET_RESOLUTION, Cost, cost
from nas.networks.references import parse
from nas.train.trainer import Fidelity, Recipe


@dataclass(frozen=True)
class Setup:
    """Everything that a training's result depends on, save its seed.

    `networks` are texts of distinct models, in the order in which they are trained; each is trained with the
    seeds `seed`, `seed` + 1, ... and every one with the same. `test`: whether the held-out test images are read
    at the end of each training. Costs are those at `target_resolution` and `target_classes`.
    """

    networks: tuple[str, ...]
    fidelity: Fidelity
    data: str = "auto"
    data_name: str = ""
    fingerprint: str = ""
    skip_corrupt: bool = False
    recipe: Recipe = field(default_factory=Recipe)
    seed: int = 0
    test: bool = False
    target_resolution: int = TARGET_RESOLUTION
    target_classes: int = TARGET_CLASSES

    def __post_init__(self) -> None:
        if not self.networks or len(set(self.networks)) < len(self.networks):
            raise UserError(f"networks {self.networks}: expected at least one, and each once")
        if not 0 <= self.seed < 2**31:
            raise UserError(f"seed {self.seed}: expected a whole number from 0 to 2147483647")

    @property
    def target(self) -> str:
        """What costs are counted for, in words."""
        size = self.target_resolution
        return f"{size}x{size}, {self.target_classes} classes, batch 1"

    @property
    def trained(self) -> str:
        """How long a network is trained, in words."""
        fidelity = self.fidelity
        subset = "" if fidelity.subset == 1 else f" of {fidelity.subset:.0%} of the images"
        return f"{fidelity.epochs:g} epochs{subset} at {fidelity.resolution}x{fidelity.resolution}"

    def cost(self, network: str) -> Cost:
        """What a network costs at the target."""
        return cost(parse(network), self.target_resolution, self.target_classes)

    def to_json(self) -> str:
        """As stored in the study."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Setup":
        """The inverse of `to_json`. Raises UserError for what another version wrote and this cannot read."""
        try:
            data: dict[str, Any] = json.loads(text)
            data["fidelity"] = Fidelity(**data["fidelity"])
            data["recipe"] = Recipe(**data["recipe"])
            data["networks"] = tuple(data["networks"])
            return cls(**data)
        except (TypeError, KeyError, ValueError) as error:
            raise UserError(f"the run's settings cannot be read by this version: {error}") from None
