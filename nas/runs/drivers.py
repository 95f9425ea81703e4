"""Who drives a run: one process at a time, known by a name, its process, its host, and a heartbeat in the storage.

A run's trials belong to its driver. A second one is refused while the first lives; a dead one's run is taken over. On
one machine the system knows whether a process lives; of another machine the heartbeat tells.
"""

import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import msgspec
import optuna

from nas.common.errors import UserError

BEAT = 10.0
"""Seconds from one sign of life to the next."""
SILENCE = 60.0
"""Seconds without one after which a driver of another machine may be dead."""
_KEY = "driver "


def _here() -> str:
    """What process numbers are of: this start of this machine, or of this container."""
    parts = []
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _began(pid: int) -> str:
    """When a process began, in the system's ticks; so that a number given anew is told from the old one."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if told[0] == "Z" else told[19]  # a zombie is dead
    except (OSError, IndexError):
        return ""


@dataclass(frozen=True)
class Claim:
    """A process that drives a run, or is about to (`state`); `beat` is its last sign of life, of time.time."""

    name: str
    pid: int
    host: str
    machine: str
    began: str
    state: Literal["claims", "drives"] = "claims"
    beat: float = field(default_factory=time.time)

    @classmethod
    def mine(cls) -> "Claim":
        """One of this process."""
        pid = os.getpid()
        return cls(uuid.uuid4().hex, pid, socket.gethostname(), _here(), _began(pid))

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    def write(self, study: optuna.Study) -> None:
        """Say it in the storage."""
        study.set_user_attr(f"{_KEY}{self.name}", asdict(self))

    def withdraw(self, study: optuna.Study) -> None:
        """Unsay it."""
        study.set_user_attr(f"{_KEY}{self.name}", None)

    def lives(self) -> bool | None:
        """Whether its process does; None where that cannot be known from here, but by its heartbeat."""
        if not self.began or self.machine != _here():
            return None
        return _began(self.pid) == self.began


class Driver:
    """This process, while it drives a run: `check` raises UserError where another one has taken over meanwhile."""

    def __init__(self, study: optuna.Study) -> None:
        self._study = study
        self._claim = Claim.mine()
        self._over = threading.Event()
        self._lost = False
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def begin(self) -> None:
        """Take the run. Raises UserError where another process that lives has it, or was first.

        Claims are written before the others are read, twice: of two that come at once at most one goes on.
        """
        check_free(self._study)
        self._claim.write(self._study)
        for state in ("claims", "drives"):
            for other in claims(self._study):
                first = other.name < self._claim.name
                if other.name != self._claim.name and is_alive(self._study, other):
                    if first or (state == "claims" and other.state == "drives"):
                        self.end()
                        raise _refusal(self._study, other)
                elif other.name != self._claim.name:
                    other.withdraw(self._study)
            if state == "claims":
                self._claim = replace(self._claim, state="drives")
                self._claim.write(self._study)
        self._thread.start()

    def end(self) -> None:
        """Leave the run to others."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(BEAT)
        with suppress(Exception):  # what cannot be said now is known by the silence
            self._claim.withdraw(self._study)

    def check(self) -> None:
        """Raises UserError where this process has been taken for dead, and another drives the run."""
        if self._lost:
            raise UserError(
                f"the run {_name(self._study)} was taken over by another process, because this one was silent for "
                f"{SILENCE:.0f} s; what it had finished is kept"
            )

    def _beat(self) -> None:
        while not self._over.wait(BEAT):
            with suppress(Exception):  # a storage that is gone is the driver's to say
                if self._claim.name not in [claim.name for claim in claims(self._study)]:
                    self._lost = True
                    return
                replace(self._claim, beat=time.time()).write(self._study)


@contextmanager
def driving(study: optuna.Study) -> Iterator[Driver]:
    """Drive a run, known by one of its studies, within the block. Raises UserError where another process does."""
    driver = Driver(study)
    driver.begin()
    try:
        yield driver
    finally:
        driver.end()


def check_free(study: optuna.Study) -> None:
    """Raises UserError, naming process and host, where a process that lives drives the run; forgets the dead."""
    for claim in claims(study):
        if not is_alive(study, claim):
            claim.withdraw(study)
        elif claim.state == "drives":
            raise _refusal(study, claim)


def claims(study: optuna.Study) -> list[Claim]:
    """Who drives a run or means to, dead or alive."""
    found = []
    notes: Mapping[str, Any] = study.user_attrs
    for key, value in notes.items():
        if key.startswith(_KEY) and value is not None:
            with suppress(ValueError, TypeError):  # what was edited claims nothing
                found.append(msgspec.convert(value, Claim))
    return found


def is_alive(study: optuna.Study, claim: Claim) -> bool:
    """Whether the claim's process lives; of another machine one that was silent for long is watched for a while."""
    known = claim.lives()
    if known is not None:
        return known
    if abs(time.time() - claim.beat) < SILENCE:
        return True
    until = time.monotonic() + 2 * BEAT  # clocks may differ: what still beats is alive, whatever the time
    while time.monotonic() < until:
        time.sleep(min(1.0, BEAT / 4))
        if any(now.name == claim.name and now.beat != claim.beat for now in claims(study)):
            return True
    return False


def _name(study: optuna.Study) -> str:
    return study.study_name.rpartition("/")[0]


def _refusal(study: optuna.Study, claim: Claim) -> UserError:
    return UserError(
        f"the run {_name(study)} is driven by {claim}; wait for its end, or end it first: one process at a time drives "
        "a run"
    )
