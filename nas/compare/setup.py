"""What defines a comparison: the networks and how each is trained. Stored in its study, like a search's settings."""

from dataclasses import dataclass

from nas.common.errors import UserError
from nas.engine.regime import Regime
from nas.networks.cost import cost
from nas.networks.counting import Cost
from nas.networks.references import parse


@dataclass(frozen=True, kw_only=True)
class Setup(Regime):
    """Everything that a training's result depends on, save its seed.

    `networks` are texts of distinct models, in the order in which they are trained; each is trained with the
    seeds `seed`, `seed` + 1, ... and every one with the same. `test`: whether the held-out test images are read
    at the end of each training.
    """

    networks: tuple[str, ...]
    test: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.networks or len(set(self.networks)) < len(self.networks):
            raise UserError(f"networks {self.networks}: expected at least one, and each once")

    def cost(self, network: str) -> Cost:
        """What a network costs at the target."""
        return cost(parse(network), self.target_resolution, self.target_classes)
