"""Latency: measured here by the runtime of one's choice, and predicted for every candidate.

Imports are lazy: the command's help, and values such as `Conditions`, wait for no runtime.
"""

from typing import TYPE_CHECKING

from nas.common.lazy import exports

if TYPE_CHECKING:
    from nas.latency.backends import fingerprint
    from nas.latency.commands.measure import measure
    from nas.latency.conditions import Conditions, Fingerprint, Prediction
    from nas.latency.table.file import find
    from nas.latency.table.table import Table
    from nas.latency.timing.measuring import Measurement, measure_networks, measure_parts

__all__ = [
    "Conditions",
    "Fingerprint",
    "Measurement",
    "Prediction",
    "Table",
    "find",
    "fingerprint",
    "measure",
    "measure_networks",
    "measure_parts",
]
_HOMES = {
    "Table": "table.table",
    "find": "table.file",
    "fingerprint": "backends",
    "measure": "commands.measure",
    **dict.fromkeys(("Conditions", "Fingerprint", "Prediction"), "conditions"),
    **dict.fromkeys(("Measurement", "measure_networks", "measure_parts"), "timing.measuring"),
}
__getattr__, __dir__ = exports(__name__, _HOMES)
