"""Do sessions agree? `python -m nas.latency repeat` measures the same networks in processes of their own."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, fields
from typing import Annotated, Any

from typer import Argument, Exit, Option, echo

from nas.common.errors import UserError
from nas.console.text_table import aligned
from nas.latency.commands.options import Clock, ConditionOptions

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


@dataclass(frozen=True)
class RepeatRequest(ConditionOptions):
    """A comparison of sessions as asked for."""

    networks: Annotated[Sequence[str], Argument(help="As for measure; a choice of the zoo.")] = NETWORKS
    _: KW_ONLY
    sessions: Annotated[int, Option(min=2, help="How often, each in a new process.")] = 2
    clock: Clock = "auto"


def main(request: RepeatRequest) -> None:
    """Measure the same networks in several sessions and say by how much these differ.

    Ends with exit code 1 where the ratios to the reference of any network differ by more than 5 %.
    """
    names = list(request.networks)
    command = [sys.executable, "-m", "nas.latency", "measure", *names, "--json", "--clock", request.clock]
    for field in fields(ConditionOptions):
        command += [f"--{field.name}", str(getattr(request, field.name))]
    sessions = [_session([*command, "--seed", str(number)]) for number in range(request.sessions)]
    by_ratio, by_time = _differences(sessions, "ratio"), _differences(sessions, "ms")
    echo(_listed(names, sessions, by_ratio, by_time))
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
    rows = [
        [
            name,
            *(f"{session[at]['ratio']:.3f}" for session in sessions),
            f"{by_ratio[at]:.1%}",
            f"{sessions[0][at]['ms']:.3f}",
            f"{by_time[at]:.1%}",
        ]
        for at, name in enumerate(names)
    ]
    clocks = sorted({row["clock"] for session in sessions for row in session})
    return (
        aligned(header, rows, left=("network",))
        + f"\n\n{len(sessions)} sessions, clock {', '.join(clocks)}. Relative to the reference they differ by "
        f"{max(by_ratio):.1%} at most (mean {sum(by_ratio) / len(by_ratio):.1%}), in milliseconds by "
        f"{max(by_time):.1%}. Allowed: {_LIMIT:.0%}, relative to the reference."
    )
