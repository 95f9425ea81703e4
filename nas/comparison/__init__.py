"""Training a fixed list of networks with several seeds: what `nas.compare` and `nas.ablate` have in common."""

from nas.comparison.setup import Setup
from nas.comparison.trainings import Trainings

__all__ = ["Setup", "Trainings"]
