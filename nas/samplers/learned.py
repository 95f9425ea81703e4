"""The space of a study whose user has not given it: every parameter that its trials have asked for."""

from collections.abc import Sequence

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial


class LearnedSpace:
    """The union of the parameters of finished trials, brought up to date trial by trial.

    In a conditional space no trial asks for all of them; parameters whose distribution changes are left out.
    """

    def __init__(self) -> None:
        self._space: dict[str, BaseDistribution] = {}
        self._changing: set[str] = set()
        self._read: set[int] = set()

    def update(self, trials: Sequence[FrozenTrial]) -> dict[str, BaseDistribution]:
        """The space, by name, given all trials of the study."""
        for trial in trials:
            if trial.state.is_finished() and trial.number not in self._read:
                self._read.add(trial.number)
                for name, distribution in trial.distributions.items():
                    if self._space.setdefault(name, distribution) != distribution:
                        self._changing.add(name)
        return {name: self._space[name] for name in sorted(self._space) if name not in self._changing}

    @property
    def complete(self) -> bool:
        """Whether a trial is told apart by the parameters of the space alone."""
        return not self._changing
