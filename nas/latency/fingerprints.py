"""What a measured latency holds for: the device, the runtime and its version, and the conditions."""

import re
from dataclasses import dataclass

from nas.latency import backends
from nas.latency.conditions import Conditions


@dataclass(frozen=True)
class Fingerprint:
    """Two latencies are comparable where these are equal. `runtime` is its name and version."""

    device: str
    backend: str
    runtime: str
    precision: str
    threads: int
    resolution: int
    batch: int
    classes: int

    @property
    def key(self) -> str:
        """One word of letters, digits, dots and hyphens, which can be a file's name."""
        words = [self.device, self.backend, self.runtime.removeprefix(self.backend), self.precision]
        words += [f"{self.threads}t", f"{self.resolution}px", f"b{self.batch}", f"{self.classes}c"]
        return re.sub(r"[^a-z0-9.]+", "-", " ".join(words).lower()).strip("-.")

    @property
    def conditions(self) -> Conditions:
        """Without the device and its versions."""
        return Conditions(
            self.backend, self.precision, self.threads, self.resolution, self.batch, self.classes
        )

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return (
            f"{self.device}, {self.runtime}, {self.precision}, {threads}, "
            f"{self.resolution}x{self.resolution}, batch {self.batch}, {self.classes} classes"
        )


def fingerprint(conditions: Conditions) -> Fingerprint:
    """Of this machine under these conditions. Raises UserError where the backend cannot be used here."""
    backend = backends.find(conditions)
    return Fingerprint(device=backend.device(), runtime=backend.version(), **vars(conditions))
