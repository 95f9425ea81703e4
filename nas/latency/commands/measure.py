"""Measure networks here: `python -m nas.latency measure mobilenet_v2 torchvision:resnet18`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.console.text_table import aligned
from nas.latency.commands import options

if TYPE_CHECKING:
    from nas.latency.timing.measurement import Measurement

CLOCKS = {
    "wall": "wall time",
    "cpu": "processor time of the inference (the machine was busy: wall time would be of its other work)",
    "device": "time counted by the device",
}


def main(
    networks: Annotated[
        list[str], typer.Argument(help="Zoo names, texts of archs, RUN@TRIAL, torchvision:NAME, timm:NAME.")
    ],
    backend: options.Backend = "onnxruntime",
    precision: options.Precision = "float32",
    threads: options.Threads = 1,
    resolution: options.Resolution = 224,
    batch: options.Batch = 1,
    classes: options.Classes = 1000,
    clock: options.Clock = "auto",
    force: options.Force = False,
    as_json: options.Json = False,
    seed: Annotated[int, typer.Option(help="Fixes the order of the visits.")] = 0,
) -> None:
    """Measure networks on this machine, each between runs of a reference network."""
    from nas.latency.timing.measuring import measure

    measured = measure(
        networks,
        backend,
        precision,
        threads,
        resolution,
        batch,
        classes=classes,
        clock=clock,
        force=force,
        seed=seed,
    )
    typer.echo(json.dumps(plain(networks, measured), indent=2) if as_json else listed(networks, measured))


def plain(names: Sequence[str], measured: "Sequence[Measurement]") -> list[dict[str, Any]]:
    """What `--json` prints: all of each measurement, under the name that was asked for."""
    return [{"name": name, **asdict(found)} for name, found in zip(names, measured, strict=True)]


def listed(names: Sequence[str], measured: "Sequence[Measurement]") -> str:
    """A row a network, and below it what the numbers are of."""
    from nas.latency.timing.measuring import REFERENCE

    header = ["network", "ms", "10 %", "90 %", "ratio", "clean runs", "clock"]
    rows = [
        [
            name,
            *(f"{number:.3f}" for number in (found.ms, found.low, found.high, found.ratio)),
            f"{found.clean:.0%} of {found.runs}",
            found.clock,
        ]
        for name, found in zip(names, measured, strict=True)
    ]
    clocks = [
        f"{clock}: {meaning}" for clock, meaning in CLOCKS.items() if clock in {m.clock for m in measured}
    ]
    notes = [
        str(measured[0].fingerprint),
        f"ms is the median; 10 % and 90 % are quantiles of single runs. The ratio is to {REFERENCE}, run",
        "before and after each: on a machine whose speed drifts, sessions agree on ratios, less on ms.",
        *clocks,
    ]
    if any(found.forced for found in measured):
        notes.append("FORCED: the machine was busy with other things, so these are not its latencies.")
    return "\n".join([aligned(header, rows, left=("network", "clock")), "", *notes])
