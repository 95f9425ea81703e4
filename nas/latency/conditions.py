"""Under which conditions something is timed: the backend, how it computes, and the shape of its input."""

from dataclasses import dataclass

from nas.common.errors import UserError
from nas.networks.cost import TARGET_CLASSES, TARGET_RESOLUTION

DEFAULT_BACKEND = "onnxruntime"
PRECISIONS = ("float32", "float16", "int8")


@dataclass(frozen=True)
class Conditions:
    """What a latency in milliseconds is of: one inference of `batch` images by this backend.

    Raises UserError for a number below 1 and for a precision that no backend has.
    """

    backend: str = DEFAULT_BACKEND
    precision: str = "float32"
    threads: int = 1
    resolution: int = TARGET_RESOLUTION
    batch: int = 1
    classes: int = TARGET_CLASSES

    def __post_init__(self) -> None:
        for name in ("threads", "resolution", "batch", "classes"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise UserError(f"{name} is {value!r}, expected a whole number from 1")
        if self.precision not in PRECISIONS:
            raise UserError(f"precision {self.precision!r}: expected one of {', '.join(PRECISIONS)}")
