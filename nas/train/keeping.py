"""A training's state as a file: written while it is under way, so that it can go on after its end by force.

Nothing in such a file can run code: it is loaded as weights alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from nas.common.decode import parsed
from nas.common.errors import UserError, briefly
from nas.common.files import write_whole
from nas.train.outcome import Course, Progress

if TYPE_CHECKING:
    from nas.train.stepping import Stepper

EVERY = 300.0
"""Seconds between two states within an epoch, at the most."""
VERSION = 1
"""Of the file. One of a newer version is refused."""


class Keeper:
    """Keeps a training: its state in `file` at every report and every 5 minutes, and its best weights if `best`.

    of: what defines the training; a state of another one is refused. `stale` says how many reports there were since
    the best. looked: called now and then with the steps
    done and all there are, for a display. A state is exact: on the CPU, with one thread, a training that goes on from
    it ends with the same weights to the bit.
    """

    def __init__(
        self,
        file: Path,
        of: str,
        *,
        best: bool = False,
        every: float = EVERY,
        looked: Callable[[int, int], None] = lambda done, steps: None,
    ) -> None:
        self._file, self._of, self._every, self._looked = file, of, every, looked
        self._keeps_best, self._best = best, dict[str, Tensor]()
        self._highest = self._top = -1.0
        self.stale = 0
        self._saved = time.monotonic()

    def restore(self, stepper: Stepper, course: Course) -> None:
        """Go on from the file, where there is one. Raises UserError for one that is damaged or of another training."""
        if not self._file.exists():
            return
        state = _read(self._file)
        if not _agree(state["of"], self._of):
            raise UserError(f"{self._file} is the state of another training")
        try:
            stepper.restore(state["stepper"])
            course.curve[:] = [Progress(*map(float, row)) for row in state["curve"]]
            for progress in course.curve:
                self._follow(progress.accuracy)
            course.seconds, course.measuring = float(state["seconds"]), float(state["measuring"])
            self._best, self._highest = dict(state["best"]), float(state["highest"])
        except Exception as error:  # whatever a file leads torch to, that is not what we wrote
            raise UserError(f"{self._file} does not fit its training: {briefly(error)}") from None

    def due(self, done: int, steps: int) -> bool:
        """Whether it is time for a state within an epoch."""
        self._looked(done, steps)
        return time.monotonic() - self._saved >= self._every

    def judged(self, model: nn.Module, accuracy: float) -> None:
        """Remember the weights as they are if none did better on the validation images."""
        self._follow(accuracy)
        if self._keeps_best and accuracy >= self._highest:
            self._best = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
            self._highest = accuracy

    def _follow(self, accuracy: float) -> None:
        better = accuracy > self._top
        self._top, self.stale = (accuracy, 0) if better else (self._top, self.stale + 1)

    def save(self, stepper: Stepper, course: Course) -> None:
        """Write the state whole or not at all. Raises UserError where it cannot be written."""
        state = {
            "version": VERSION,
            "of": self._of,
            "stepper": stepper.state(),
            "curve": [[one.share, one.accuracy, one.loss, one.seconds] for one in course.curve],
            "seconds": course.seconds,
            "measuring": course.measuring,
            "best": self._best,
            "highest": self._highest,
        }
        write_whole(self._file, lambda temporary: torch.save(state, temporary))
        self._saved = time.monotonic()

    def finish(self, model: nn.Module, accuracy: float) -> float:
        """Give the network its best weights, where they are kept; the validation accuracy of what it has now."""
        if not self._best:
            return accuracy
        model.load_state_dict(self._best)
        return self._highest


def _agree(kept: str, given: str) -> bool:
    """Whether two texts define one training: they are equal, or JSON objects of which the kept one lacks a key or two
    that came with a later version, where what has begun before has the defaults.
    """
    try:
        one, other = parsed(kept), parsed(given)
    except ValueError:
        return kept == given
    return kept == given or _within(one, other)


def _within(kept: Any, given: Any) -> bool:
    if isinstance(kept, dict) and isinstance(given, dict):
        return all(name in given and _within(value, given[name]) for name, value in kept.items())
    return bool(kept == given)


def _read(file: Path) -> dict[str, Any]:
    try:
        state: Any = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and zipfile raise whatever a damaged file leads them to
        raise UserError(f"{file} cannot be read as a training's state: {briefly(error)}") from None
    version = state.get("version") if isinstance(state, dict) else None
    if not isinstance(version, int) or "of" not in state:
        raise UserError(f"{file} is no training's state")
    if version > VERSION:
        raise UserError(f"{file} is of a newer version ({version}, this one reads up to {VERSION}): update")
    found: dict[str, Any] = state
    return found
