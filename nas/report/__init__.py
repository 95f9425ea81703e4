"""A run's tables and pages made anew, or several runs laid over each other: `python -m nas.report RUN ...`."""

from typing import TYPE_CHECKING

from nas.common.lazy import exports

if TYPE_CHECKING:
    from nas.report.several import overlay

__all__ = ["overlay"]
__getattr__, __dir__ = exports(__name__, dict.fromkeys(__all__, "several"))
