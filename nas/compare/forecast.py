"""Before a comparison starts: how long all its trainings take, and the difference that they could show."""

import math
import statistics
from dataclasses import dataclass

import numpy as np

from nas.common import stats
from nas.common.machine import cores
from nas.compare.trainings import Trainings
from nas.data.dataset import Dataset
from nas.engine.jobs import REPORTS
from nas.engine.regime import validated_on
from nas.engine.terms import Execution
from nas.networks.building import build
from nas.networks.references import parse

SEEDS = 0.008
"""What one training's accuracy varies by from seed to seed, where nothing is known: CIFAR-10, `standard`, measured."""


@dataclass(frozen=True)
class Forecast:
    """What is ahead.

    seconds: of one training, about. left: trainings. at_once: how many run beside each other. networks, seeds: of
    the whole comparison. noise: standard deviation of one training's accuracy, in [0, 1]; measured says whether it
    is this comparison's own.
    """

    seconds: float
    left: int
    at_once: int
    networks: int
    seeds: int
    noise: float
    measured: bool

    @property
    def minutes(self) -> float:
        """Of all that is left."""
        return math.ceil(self.left / self.at_once) * self.seconds / 60

    @property
    def smallest(self) -> float:
        """The true difference of a network to the first that is found with a probability of 80 %, after Holm.

        NaN where there is nothing to compare, or one seed.
        """
        df = (self.networks - 1) * (self.seeds - 1)
        if df < 1:
            return math.nan
        error = self.noise * math.sqrt(2 / self.seeds)
        return stats.detectable(df, stats.LEVEL / (self.networks - 1)) * error

    def whole(self, minutes: float | None) -> int:
        """How many networks are to get all their seeds before the others get any; 0: all take turns.

        Where so many minutes are too few for two seeds of each, without which nothing is tested.
        """
        ended = math.inf if minutes is None else int(minutes * 60 / self.seconds) * self.at_once
        return 0 if ended >= min(self.left, 2 * self.networks) else max(2, int(ended) // self.seeds)

    def told(self, minutes: float | None, *, whole: bool) -> list[str]:
        """In words, a line each. minutes: the bound, if any; whole: whether some networks get all their seeds first."""
        many = "training" if self.left == 1 else "trainings"
        lines = [
            f"{self.left} {many} of about {_lasting(self.seconds)}, {self.at_once} at a time: about "
            f"{_lasting(60 * self.minutes)}"
        ]
        if self.smallest >= 1:
            lines.append(f"{self.seeds} seeds on so few images to validate on cannot show any difference")
        elif not math.isnan(self.smallest):
            whence = (
                "as measured so far"
                if self.measured
                else "a guess, from CIFAR-10 and as many images to validate on"
            )
            lines.append(
                f"{self.seeds} seeds show differences from about {100 * self.smallest:.1f} points on, if one training "
                f"varies by {100 * self.noise:.1f} ({whence})"
            )
        if minutes is not None and self.minutes > minutes:
            first = self.whole(minutes) if whole else 0
            order = (
                f"the first {first} of {self.networks} networks get all their seeds first"
                if first
                else (
                    f"about {minutes / self.minutes:.0%} of the trainings fit, a seed of each network in turn"
                )
            )
            lines.append(f"--minutes {minutes:g} do not suffice: {order}; --resume does the rest")
        return lines


def _lasting(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def foresee(trainings: Trainings, data: Dataset, execution: Execution) -> Forecast | None:
    """What is ahead of a comparison: timed on a few steps of its first network, or from what it has trained.

    None where nothing is left to do.
    """
    setup, seeds = trainings.setup, len(trainings.seeds)
    over = trainings.over()
    left = sum((network, seed) not in over for network in setup.networks for seed in trainings.seeds)
    if not left:
        return None
    table = np.array([trainings.accuracies(network) for network in setup.networks])
    noise, df = stats.pooled_noise(table)
    known = df > 0 and noise > 0
    if not known:
        noise = math.hypot(
            SEEDS, math.sqrt(0.21 / max(1, validated_on(data, setup.folds)))
        )  # 0.3 * 0.7, for 70 %
    seconds = [t.user_attrs["outcome"]["seconds"] for t in trainings.trials() if "outcome" in t.user_attrs]
    each = statistics.median(seconds) if seconds else _timed(trainings, data, execution.device)
    at_once = min(left, execution.concurrency or cores())
    return Forecast(each, left, at_once, len(setup.networks), seeds, noise, known)


def _timed(trainings: Trainings, data: Dataset, device: str | None) -> float:
    from nas.train.pace import foreseen  # loads torch, of which others have no need

    setup = trainings.setup
    model = build(parse(setup.networks[0]), len(data.classes), setup.fidelity.resolution, data.channels)
    one = data.fold(0, setup.folds, setup.seed) if setup.folds else data
    seconds = foreseen(model, one, setup.fidelity, setup.recipe, device or "auto", REPORTS)
    return seconds * max(1, setup.folds)
