"""Measure networks here, once or in several sessions: `python -m nas.latency measure | repeat`."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import KW_ONLY, asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Exit, Option

from nas.common.errors import UserError
from nas.console.options import takes
from nas.console.terminal import say
from nas.console.text_table import aligned
from nas.latency.commands.options import Clock, ConditionOptions, TimingOptions

if TYPE_CHECKING:
    from nas.latency.timing.measuring import Measurement
    from nas.networks.references import Model

    Networks = str | Model | Sequence[str | Model]
else:
    Networks = Sequence[str]  # what a command line has; the others take long to import

NETWORKS = (
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "mobilenet_v3_small_x0.5",
    "mobilenext",
    "mnasnet_a1",
    "shufflenet_v1_g3",
    "shufflenet_v2",
    "efficientnet_b0",
)
_LIMIT = 0.05
CLOCKS = {
    "wall": "wall time",
    "cpu": "processor time of the inference (the machine was busy: wall time would be of its other work)",
    "device": "time counted by the device",
}


@dataclass(frozen=True)
class MeasureRequest(TimingOptions):
    """Networks to measure, as asked for."""

    networks: Annotated[
        Networks,
        Argument(help="Zoo names, texts of archs, RUN@TRIAL, torchvision:NAME, timm:NAME, FILE.onnx."),
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

    A text that ends in .onnx is a file, whose size, classes, channels and batch are then those of all that is measured.
    The rest is as for `nas.latency.measure_networks`. UserError as well for what is no network.
    """
    from nas.latency.timing.graph_file import GraphFile, fitted, read
    from nas.latency.timing.measuring import measure_networks
    from nas.runs.naming import resolve

    models: list[Model | GraphFile] = []
    for one in _several(request.networks):
        if isinstance(one, str):
            models.append(read(Path(one)) if one.endswith(".onnx") else resolve(one))
        else:
            models.append(one)
    conditions = fitted(request.conditions, [one for one in models if isinstance(one, GraphFile)])
    return measure_networks(models, conditions, clock=request.clock, force=request.force, seed=request.seed)


def _several(networks: Networks) -> "Sequence[str | Model]":
    return [networks] if isinstance(networks, str) or not isinstance(networks, Sequence) else networks


def show(request: PrintRequest) -> None:
    """Measure networks on this machine, each between runs of a reference network."""
    names = list(map(str, _several(request.networks)))
    given = {name: value for name, value in vars(request).items() if name != "as_json"}
    measured = measure(**given)
    if request.as_json:
        rows = [{"name": name, **asdict(row)} for name, row in zip(names, measured, strict=True)]
        say(json.dumps(rows, indent=2))
    else:
        say(listed(names, measured))


def listed(names: Sequence[str], measured: "Sequence[Measurement]") -> str:
    """A row a network, and below it what the numbers are of."""
    from nas.latency.timing.measuring import REFERENCE

    header = ["network", "ms", "10 %", "90 %", "ratio", "clean runs", "clock"]
    rows = []
    for name, row in zip(names, measured, strict=True):
        figures = [f"{number:.3f}" for number in (row.ms, row.low, row.high, row.ratio)]
        rows.append([name, *figures, f"{row.clean:.0%} of {row.runs}", row.clock])
    prints = dict.fromkeys(row.fingerprint for row in measured)
    if len(prints) > 1:  # files of other precisions than what stands beside them
        header.append("precision")
        rows = [[*cells, row.fingerprint.precision] for cells, row in zip(rows, measured, strict=True)]
    taken = {row.clock for row in measured}
    notes = [
        *map(str, prints),
        f"ms is the median; 10 % and 90 % are quantiles of single runs. The ratio is to {REFERENCE}, run",
        "before and after each: on a machine whose speed drifts, sessions agree on ratios, less on ms.",
        *(f"{clock}: {meaning}" for clock, meaning in CLOCKS.items() if clock in taken),
    ]
    if any(row.forced for row in measured):
        notes.append("FORCED: the machine was busy with other things, so these are not its latencies.")
    return "\n".join([aligned(header, rows, left=("network", "clock", "precision")), "", *notes])


@dataclass(frozen=True)
class RepeatRequest(ConditionOptions):
    """A comparison of sessions as asked for."""

    networks: Annotated[Sequence[str], Argument(help="As for measure; a choice of the zoo.")] = NETWORKS
    _: KW_ONLY
    sessions: Annotated[int, Option(min=2, help="How often, each in a new process.")] = 2
    clock: Clock = "auto"


def repeat(request: RepeatRequest) -> None:
    """Measure the same networks in several sessions and say by how much these differ.

    Ends with exit code 1 where the ratios to the reference of any network differ by more than 5 %.
    """
    names = list(request.networks)
    command = [sys.executable, "-m", "nas.latency", "measure", *names, "--json", "--clock", request.clock]
    for field in fields(ConditionOptions):
        command += [f"--{field.name}", str(getattr(request, field.name))]
    sessions = [_session([*command, "--seed", str(number)]) for number in range(request.sessions)]
    by_ratio, by_time = _differences(sessions, "ratio"), _differences(sessions, "ms")
    say(_listed(names, sessions, by_ratio, by_time))
    if max(by_ratio) > _LIMIT:
        raise Exit(1)


def _session(command: list[str]) -> list[dict[str, Any]]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines()
        raise UserError(reason[-1].removeprefix("error: ") if reason else "a session ended without a word")
    measured: list[dict[str, Any]] = json.loads(done.stdout)
    return measured


def _differences(sessions: list[list[dict[str, Any]]], figure: str) -> list[float]:
    """By how much the largest of the sessions' figures exceeds the smallest, a network each."""
    numbers = [[row[figure] for row in rows] for rows in zip(*sessions, strict=True)]
    return [max(row) / min(row) - 1 for row in numbers]


def _listed(
    names: list[str], sessions: list[list[dict[str, Any]]], by_ratio: list[float], by_time: list[float]
) -> str:
    header = ["network", *(f"ratio {number}" for number in range(1, len(sessions) + 1))]
    header += ["difference", "ms of the first", "difference "]
    columns = [
        names,
        *([f"{row['ratio']:.3f}" for row in session] for session in sessions),
        [f"{difference:.1%}" for difference in by_ratio],
        [f"{row['ms']:.3f}" for row in sessions[0]],
        [f"{difference:.1%}" for difference in by_time],
    ]
    clocks = sorted({row["clock"] for session in sessions for row in session})
    return (
        aligned(header, list(zip(*columns, strict=True)), left=("network",))
        + f"\n\n{len(sessions)} sessions, clock {', '.join(clocks)}. Relative to the reference they differ by "
        f"{max(by_ratio):.1%} at most (mean {sum(by_ratio) / len(by_ratio):.1%}), in milliseconds by "
        f"{max(by_time):.1%}. Allowed: {_LIMIT:.0%}, relative to the reference."
    )
