"""Latency: measured here by the runtime of one's choice, and predicted for every candidate.

Imports are lazy: the command's help, and values such as `Conditions`, wait for no runtime.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas.latency.conditions import Conditions
    from nas.latency.fingerprints import Fingerprint, fingerprint
    from nas.latency.measurement import Measurement
    from nas.latency.measuring import measure, measure_networks, measure_parts
    from nas.latency.prediction import Prediction
    from nas.latency.table import Table
    from nas.latency.table_file import find

_HOMES = {
    "Conditions": "conditions",
    "Fingerprint": "fingerprints",
    "Measurement": "measurement",
    "Prediction": "prediction",
    "Table": "table",
    "find": "table_file",
    "fingerprint": "fingerprints",
    "measure": "measuring",
    "measure_networks": "measuring",
    "measure_parts": "measuring",
}
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


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"nas.latency.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'nas.latency' has no attribute {name!r}")
