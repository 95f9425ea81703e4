"""`python -m nas.bench train`: our training loop against a plain one, and what each improvement is worth.

Everything is timed in turn, in shuffled order, several times over, so that a machine that slows down slows all
of it; ratios are taken within a round, and their spread over the rounds is printed. The machine should do
nothing else: what a single-threaded training did not get of its core is printed too.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
import typer

from nas.bench.output import write_table
from nas.bench.trainer.crew import Crew
from nas.bench.trainer.loops import (
    CPU,
    PLAIN,
    Ground,
    Images,
    Pace,
    Reached,
    Way,
    evaluation_pace,
    pace,
    reach,
)
from nas.bench.trainer.peaks import product_rate
from nas.common import machine
from nas.common.files import write_text
from nas.console.text_table import aligned
from nas.kernels.compute import best
from nas.networks.cost import cost
from search_spaces import Arch, zoo

TYPICAL = (
    "stem16_HS-ir16-ir24_t3_s2-2xir24_t3_g2-sg72_t3_s2_nodw1-3xsg72_k5_t3_g2-ir80_e48_s2-3xir80_t2_se-"
    "ir48_t3_HS-ir48_k5_t3_HS-sg384_t4_s2_HS_nodw1-2xsg384_k5_t4_se_HS_g2-head576_f1280_HS"
)
"""A candidate of the default space, of middling cost (116 MFLOPs): the eighth of the rank study's fourteen."""
NETWORKS = {"typical candidate": TYPICAL} | {
    name: str(zoo.get(name)) for name in ("mobilenet_v3_small", "mobilenet_v2", "shufflenet_v2_x0.5")
}
IN_DETAIL = ("typical candidate", "mobilenet_v3_small")
"""With each improvement switched off in turn; the other networks only by the two loops."""
_SECONDS_OF_PEAK = 2.0


@dataclass(frozen=True)
class Throughput:
    """Images a second of all processes together; `undisturbed` is the share of its core that a thread got."""

    round: int
    network: str
    work: str
    way: str
    images_per_second: float
    undisturbed: float


def ways() -> list[Way]:
    """Ours first, ours without each improvement, and last the plain loop."""
    ours = Way("ours", best(CPU))
    compute = {
        "without our depthwise gradients": replace(ours.compute, own_gradients=False),
        "in fp32": replace(ours.compute, bf16=False),
        "in fp32 without our gradients": replace(ours.compute, bf16=False, own_gradients=False),
        "in torch's memory format": replace(ours.compute, channels_last=False),
        "pointwise convolutions as such": replace(ours.compute, products=False),
    }
    return [
        ours,
        *(replace(ours, name=name, compute=changed) for name, changed in compute.items()),
        replace(ours, name="images by a DataLoader", gather=False),
        replace(ours, name="one process of two threads", processes=1, threads=2),
        replace(ours, name="allocator as it is", keep=False),
        Way("plain loop", PLAIN, processes=1, threads=2, gather=False, keep=False),
    ]


def evaluation_ways() -> list[Way]:
    """The same for judging a network."""
    ours = Way("ours", best(CPU))
    unfolded = replace(ours, name="batch norm not folded", compute=replace(ours.compute, folded=False))
    return [ours, unfolded, Way("plain loop", PLAIN, processes=1, threads=2, keep=False)]


def visits(brief: bool) -> list[tuple[str, str, Way]]:
    """What a round consists of: network, work and way."""
    found = []
    for network in NETWORKS:
        known = ways()
        detailed = network in IN_DETAIL and not brief
        found += [(network, "training", way) for way in (known if detailed else [known[0], known[-1]])]
        if detailed:
            found += [(network, "evaluation", way) for way in evaluation_ways()]
    return found


def measure(
    crew: Crew, ground: Ground, rounds: int, seconds: float, *, brief: bool, seed: int = 0
) -> Iterator[Throughput]:
    """Every visit once a round, each round in an order of its own."""
    chance = np.random.default_rng(seed)
    todo = visits(brief)
    for number in range(rounds):
        for index in chance.permutation(len(todo)):
            network, work, way = todo[index]
            timed = pace if work == "training" else evaluation_pace
            one = partial(timed, way, NETWORKS[network], ground, seconds)
            done = crew.together([one] * way.processes, keep=way.keep)
            rate = sum(each.images / each.seconds for each in done)
            yield Throughput(number, network, work, way.name, rate, _undisturbed(way, done))


def _undisturbed(way: Way, done: Sequence[Pace]) -> float:
    """Known for single threads that wait for nothing: elsewhere taken as all."""
    if way.threads > 1 or not way.gather:
        return 1.0
    return min(1.0, *(each.core_seconds / each.seconds for each in done))


def summarise(timings: Sequence[Throughput]) -> pd.DataFrame:
    """For each network, work and way the median rate, and how many times as fast ours was in the same round."""
    table = pd.DataFrame([asdict(timing) for timing in timings])
    lines = []
    for (network, work), group in table.groupby(["network", "work"], sort=False):
        rates = group.pivot(index="round", columns="way", values="images_per_second")
        known = ways() if work == "training" else evaluation_ways()
        for name in [way.name for way in known if way.name in rates]:
            ratio = rates["ours"] / rates[name]
            line = {"network": network, "work": work, "way": name, "images_per_second": rates[name].median()}
            spread = {"ours_is_times": ratio.median(), "lowest": ratio.min(), "highest": ratio.max()}
            lines.append(line | spread)
    return pd.DataFrame(lines)


def equal_seconds(crew: Crew, ground: Ground, found: pd.DataFrame, seconds: float) -> pd.DataFrame:
    """What the two loops reach in equal time, each with a whole schedule of what it can do in that time."""
    of_typical = found[(found.network == "typical candidate") & (found.work == "training")].set_index("way")
    lines = []
    for way in (ways()[0], ways()[-1]):
        images = round(of_typical.images_per_second[way.name] * seconds / way.processes)
        one = partial(reach, way, TYPICAL, ground, images)
        done: list[Reached] = crew.together([one] * way.processes, keep=way.keep)
        lines.append({"way": way.name, "networks": len(done), **asdict(done[0])})
    return pd.DataFrame(lines)


def peaks(crew: Crew) -> dict[str, float]:
    """Multiply-adds a second of two threads, each in a process of its own, in large matrix products."""
    rates = {}
    for name, bf16 in (("fp32", False), ("bf16", True)):
        done = crew.together([partial(product_rate, bf16, _SECONDS_OF_PEAK)] * 2)
        rates[name] = sum(done) / 2
    return rates


def share_of_peak(network: str, rate: float, ground: Ground, peak: float) -> float:
    """Of what matrix products reach: a step is three times the forward's multiply-adds."""
    data = ground.data
    return 3 * cost(Arch.parse(NETWORKS[network]), data.resolution, len(data.classes)).macs * rate / peak


def main(
    data: Images = "cifar10",
    out: Annotated[Path | None, typer.Option(help="Folder for the tables and the machine's facts.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often everything is timed.")] = 3,
    seconds: Annotated[float, typer.Option(min=0.1, help="Of one timing, after its warm-up.")] = 4.0,
    equal: Annotated[float, typer.Option(min=0, help="Seconds of training to an accuracy; 0: none.")] = 45.0,
    brief: Annotated[bool, typer.Option("--brief", help="The two loops only: two minutes, not ten.")] = False,
) -> None:
    """Time our training loop against a plain one, with each improvement switched off in turn."""
    ground = Ground.of(data)
    timings: list[Throughput] = []
    with Crew() as crew:
        peak = peaks(crew)
        for timing in measure(crew, ground, rounds, seconds, brief=brief):
            timings.append(timing)
            _say(timing)
        found = summarise(timings)
        reached = equal_seconds(crew, ground, found, equal) if equal and not brief else None
    used = "bf16" if best(CPU).bf16 else "fp32"
    _print(found, reached, ground, used, peak[used])
    least = min(timing.undisturbed for timing in timings)
    typer.echo(f"every core was ours to {least:.0%} at the least")
    if out is not None:
        tables = {"timings": pd.DataFrame([asdict(timing) for timing in timings]), "summary": found}
        tables |= {} if reached is None else {"equal_seconds": reached}
        for name, table in tables.items():
            write_table(table, out, f"{name}.csv")
        facts = _facts(ground) | {"rounds": rounds, "seconds": seconds, "undisturbed": least}
        facts |= {"peak_multiply_adds": peak, "precision": used}
        write_text(out / "machine.json", json.dumps(facts, indent=2) + "\n")
        typer.echo(f"written to {out}: {', '.join(f'{name}.csv' for name in tables)}, machine.json")


def _say(timing: Throughput) -> None:
    busy = "" if timing.undisturbed > 0.95 else f"  (got {timing.undisturbed:.0%} of its cores)"
    typer.echo(
        f"round {timing.round + 1}  {timing.network}, {timing.work}, {timing.way}: "
        f"{timing.images_per_second:,.0f} images a second{busy}",
        err=True,
    )


def _facts(ground: Ground) -> dict[str, object]:
    """What the figures depend on: the machine and the images."""
    side = ground.data.resolution
    return {
        "processor": machine.processor(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "data": ground.data.name,
        "images": f"{len(ground.data.train())} of {side}x{side}",
    }


def _print(
    found: pd.DataFrame, reached: pd.DataFrame | None, ground: Ground, precision: str, peak: float
) -> None:
    rows = []
    for line in found.itertuples():
        figures = [f"{line.images_per_second:,.0f}", f"{line.ours_is_times:.2f}"]
        rows.append(
            [
                *map(str, (line.network, line.work, line.way)),
                *figures,
                f"{line.lowest:.2f} to {line.highest:.2f}",
            ]
        )
    head = ["network", "work", "way", "images/s", "ours is times", "over the rounds"]
    typer.echo(aligned(head, rows, left=head[:3]))
    ours = found[(found.way == "ours") & (found.work == "training")]
    for network, rate in zip(ours.network, ours.images_per_second, strict=True):
        share = share_of_peak(network, rate, ground, peak)
        typer.echo(f"{network}: {share:.1%} of the {precision} peak, {peak / 1e9:,.0f} G multiply-adds/s")
    for line in [] if reached is None else reached.itertuples():
        typer.echo(
            f"in {line.seconds:.0f} s {line.way}: {line.networks} x {line.images:,} images, accuracy "
            f"{line.validation_accuracy:.1%} (training {line.training_accuracy:.1%}), loss {line.loss:.3f}"
        )
