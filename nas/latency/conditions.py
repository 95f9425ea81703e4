"""Under which conditions something is timed, what a latency therefore holds for, and a predicted one."""

import re
from dataclasses import dataclass

from nas.common.errors import UserError, require, shown
from nas.common.sizes import Rectangle, Size, told
from nas.networks.cost import TARGET_CLASSES, TARGET_RESOLUTION

MOST = 1_000_000
PRECISIONS = ("float32", "float16", "int8")


@dataclass(frozen=True)
class Conditions:
    """What a latency in milliseconds is of: one inference of `batch` images by this backend.

    Raises UserError for a number below 1 or above `MOST` and for a precision that no backend has.
    """

    backend: str = "onnxruntime"
    precision: str = "float32"
    threads: int = 1
    resolution: Size = TARGET_RESOLUTION
    batch: int = 1
    classes: int = TARGET_CLASSES
    channels: int = 3

    def __post_init__(self) -> None:
        for name in ("threads", "resolution", "batch", "classes", "channels"):
            value = getattr(self, name)
            if name == "resolution" and isinstance(value, Rectangle):
                continue
            if type(value) is not int or not 1 <= value <= MOST:
                raise UserError(f"{name} is {shown(value)}, expected a whole number from 1 to {MOST}")
        require(self.precision in PRECISIONS, "precision", self.precision, f"one of {', '.join(PRECISIONS)}")


@dataclass(frozen=True)
class Fingerprint:
    """Two latencies are comparable where these are equal. `runtime` is its name and version."""

    device: str
    backend: str
    runtime: str
    precision: str
    threads: int
    resolution: Size
    batch: int
    classes: int
    channels: int = 3

    @property
    def key(self) -> str:
        """One word of letters, digits, dots and hyphens, which can be a file's name."""
        words = [self.device, self.backend, self.runtime.removeprefix(self.backend), self.precision]
        words += [f"{self.threads}t", f"{self.resolution}px", f"b{self.batch}", f"{self.classes}c"]
        words += [f"{self.channels}ch"] * (self.channels != 3)
        return re.sub(r"[^a-z0-9.]+", "-", " ".join(words).lower()).strip("-.")

    @property
    def conditions(self) -> Conditions:
        """Without the device and its versions."""
        return Conditions(
            self.backend,
            self.precision,
            self.threads,
            self.resolution,
            self.batch,
            self.classes,
            self.channels,
        )

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        others = f", {self.channels} channel{'s' * (self.channels > 1)}" if self.channels != 3 else ""
        return (
            f"{self.device}, {self.runtime}, {self.precision}, {threads}, "
            f"{told(self.resolution)}, batch {self.batch}, {self.classes} classes{others}"
        )


@dataclass(frozen=True)
class Prediction:
    """Milliseconds of one inference, and the interval that holds nine networks in ten of its like."""

    ms: float
    low: float
    high: float
