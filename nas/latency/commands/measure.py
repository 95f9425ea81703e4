"""Measure networks here: `python -m nas.latency measure mobilenet_v2 torchvision:resnet18`."""

import json
from collections.abc import Sequence
from dataclasses import KW_ONLY, asdict, dataclass
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option, echo

from nas.console.options import takes
from nas.console.text_table import aligned
from nas.latency.commands.options import TimingOptions

if TYPE_CHECKING:
    from nas.latency.timing.measurement import Measurement
    from nas.networks.references import Model

    Networks = str | Model | Sequence[str | Model]
else:
    Networks = Sequence[str]  # what a command line has; the others take long to import

CLOCKS = {
    "wall": "wall time",
    "cpu": "processor time of the inference (the machine was busy: wall time would be of its other work)",
    "device": "time counted by the device",
}


@dataclass(frozen=True)
class MeasureRequest(TimingOptions):
    """Networks to measure, as asked for."""

    networks: Annotated[
        Networks, Argument(help="Zoo names, texts of archs, RUN@TRIAL, torchvision:NAME, timm:NAME.")
    ]
    _: KW_ONLY
    seed: Annotated[int, Option(help="Fixes the order of the visits.")] = 0


@dataclass(frozen=True, kw_only=True)
class PrintRequest(MeasureRequest):
    """And how to print what they took."""

    as_json: Annotated[bool, Option("--json", help="Print JSON, for machines.")] = False


@takes(MeasureRequest)
def measure(request: MeasureRequest) -> "list[Measurement]":
    """Milliseconds of networks, in their order: texts as every command takes them, archs, references.

    The rest is as for `nas.latency.measure_networks`. UserError as well for what is no network.
    """
    from nas.latency.timing.measuring import measure_networks
    from nas.runs.naming import resolve

    models = [
        resolve(network) if isinstance(network, str) else network for network in _several(request.networks)
    ]
    return measure_networks(
        models, request.conditions, clock=request.clock, force=request.force, seed=request.seed
    )


def _several(networks: Networks) -> "Sequence[str | Model]":
    return [networks] if isinstance(networks, str) or not isinstance(networks, Sequence) else networks


def main(request: PrintRequest) -> None:
    """Measure networks on this machine, each between runs of a reference network."""
    names = list(map(str, _several(request.networks)))
    given = {name: value for name, value in vars(request).items() if name != "as_json"}
    measured = measure(**given)
    if request.as_json:
        rows = [{"name": name, **asdict(row)} for name, row in zip(names, measured, strict=True)]
        echo(json.dumps(rows, indent=2))
    else:
        echo(listed(names, measured))


def listed(names: Sequence[str], measured: "Sequence[Measurement]") -> str:
    """A row a network, and below it what the numbers are of."""
    from nas.latency.timing.measurement import REFERENCE

    header = ["network", "ms", "10 %", "90 %", "ratio", "clean runs", "clock"]
    rows = [
        [
            name,
            *(f"{number:.3f}" for number in (row.ms, row.low, row.high, row.ratio)),
            f"{row.clean:.0%} of {row.runs}",
            row.clock,
        ]
        for name, row in zip(names, measured, strict=True)
    ]
    taken = {row.clock for row in measured}
    notes = [
        str(measured[0].fingerprint),
        f"ms is the median; 10 % and 90 % are quantiles of single runs. The ratio is to {REFERENCE}, run",
        "before and after each: on a machine whose speed drifts, sessions agree on ratios, less on ms.",
        *(f"{clock}: {meaning}" for clock, meaning in CLOCKS.items() if clock in taken),
    ]
    if any(row.forced for row in measured):
        notes.append("FORCED: the machine was busy with other things, so these are not its latencies.")
    return "\n".join([aligned(header, rows, left=("network", "clock")), "", *notes])
