"""Latency: measured here by the runtime of one's choice, and predicted for every candidate."""

from nas.latency.conditions import Conditions
from nas.latency.fingerprint import Fingerprint, fingerprint
from nas.latency.measurement import Measurement
from nas.latency.measuring import measure, measure_networks, measure_parts

__all__ = [
    "Conditions",
    "Fingerprint",
    "Measurement",
    "fingerprint",
    "measure",
    "measure_networks",
    "measure_parts",
]
