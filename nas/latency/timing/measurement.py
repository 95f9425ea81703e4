"""The value that a timing is."""

from dataclasses import dataclass

from nas.latency.fingerprints import Fingerprint

REFERENCE = "mobilenet_v1_x0.5"
"""Busy computing rather than fetching weights: of those tried the one by which sessions agreed best."""


@dataclass(frozen=True)
class Measurement:
    """How long one inference takes.

    text: of the network or the part. ratio: the median one to the reference network (`REFERENCE`, timed before
    and after): what two sessions agree on. ms: milliseconds, the ratio times what the reference took in this
    session (so ms / ratio is the reference's time). low, high: the 10 and 90 % quantiles of the single runs,
    normalised likewise. clean: the share of runs that nothing interrupted; of several threads, the share of a
    probe's on as many, just before and after. clock: "wall", "cpu" (the processor time of the inference, where wall
    time would be of the machine's other work) or "device".
    forced: taken with several threads on a machine that was busy, because --force said so.
    """

    text: str
    ms: float
    low: float
    high: float
    ratio: float
    clean: float
    runs: int
    clock: str
    forced: bool
    fingerprint: Fingerprint
