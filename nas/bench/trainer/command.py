"""`python -m nas.bench train | accuracy`: our training loop against a plain one, and each improvement's worth.

Everything is timed in turn, in shuffled order, several times over, so that a machine that slows down slows all
of it; ratios are taken within a round, and their spread over the rounds is printed. The machine should do
nothing else: what a single-threaded training did not get of its core is printed too. Speed must not be paid
for in accuracy: what both loops reach on the same images is told on a busy machine as well.
"""

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
from typer import Option

from nas.bench.output import write_table
from nas.bench.trainer import loops
from nas.bench.trainer.crew import Crew
from nas.bench.trainer.loops import CPU, PLAIN, Ground, Images, Pace, Reached, Way
from nas.common import machine
from nas.common.errors import UserError
from nas.common.files import write_text
from nas.common.sizes import told
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
IN_DETAIL = ("typical candidate", "mobilenet_v3_small")  # the others by the two loops only
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
    compute = ours.compute
    bare = replace(compute, bf16=False, own_gradients=False)
    changed = {
        "without our depthwise gradients": replace(ours, compute=replace(compute, own_gradients=False)),
        "in fp32": replace(ours, compute=replace(compute, bf16=False)),
        "in fp32 without our gradients": replace(ours, compute=bare),
        "in torch's memory format": replace(ours, compute=replace(compute, channels_last=False)),
        "pointwise convolutions as such": replace(ours, compute=replace(compute, products=False)),
        "images by a DataLoader": replace(ours, gather=False),
        "one process of two threads": replace(ours, processes=1, threads=2),
        "allocator as it is": replace(ours, keep=False),
    }
    plain = Way("plain loop", PLAIN, processes=1, threads=2, gather=False, keep=False)
    return [ours, *(replace(way, name=name) for name, way in changed.items()), plain]


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


def measure(crew: Crew, ground: Ground, rounds: int, seconds: float, *, brief: bool) -> Iterator[Throughput]:
    """Every visit once a round, each round in an order of its own."""
    chance = np.random.default_rng(0)
    todo = visits(brief)
    for number in range(rounds):
        for index in chance.permutation(len(todo)):
            network, work, way = todo[index]
            timed = loops.pace if work == "training" else loops.evaluation_pace
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
    table = pd.DataFrame(timings)
    lines = []
    for (network, work), group in table.groupby(["network", "work"], sort=False):
        rates = group.pivot(index="round", columns="way", values="images_per_second")
        known = ways() if work == "training" else evaluation_ways()
        for name in [way.name for way in known if way.name in rates]:
            ratio = rates["ours"] / rates[name]
            spread = ratio.median(), ratio.min(), ratio.max()
            lines.append((network, work, name, rates[name].median(), *spread))
    figures = ["images_per_second", "ours_is_times", "lowest", "highest"]
    return pd.DataFrame(lines, columns=["network", "work", "way", *figures])


def equal_seconds(crew: Crew, ground: Ground, found: pd.DataFrame, seconds: float) -> pd.DataFrame:
    """What the two loops reach in equal time, each with a whole schedule of what it can do in that time."""
    of_typical = found[(found.network == "typical candidate") & (found.work == "training")].set_index("way")
    lines = []
    for way in (ways()[0], ways()[-1]):
        images = round(of_typical.images_per_second[way.name] * seconds / way.processes)
        one = partial(loops.reach, way, TYPICAL, ground, images)
        done: list[Reached] = crew.together([one] * way.processes, keep=way.keep)
        lines.append({"way": way.name, "networks": len(done), **asdict(done[0])})
    return pd.DataFrame(lines)


def peaks(crew: Crew) -> dict[str, float]:
    """Multiply-adds a second of two threads, each in a process of its own, in large matrix products."""
    rates = {}
    for name, bf16 in (("fp32", False), ("bf16", True)):
        done = crew.together([partial(loops.product_rate, bf16, _SECONDS_OF_PEAK)] * 2)
        rates[name] = sum(done) / 2
    return rates


def share_of_peak(network: str, rate: float, ground: Ground, peak: float) -> float:
    """Of what matrix products reach: a step is three times the forward's multiply-adds."""
    data = ground.data
    return 3 * cost(Arch.parse(NETWORKS[network]), data.resolution, len(data.classes)).macs * rate / peak


def main(
    data: Images = "cifar10",
    out: Annotated[Path | None, Option(help="Folder for the tables and the machine's facts.")] = None,
    rounds: Annotated[int, Option(min=1, help="How often everything is timed.")] = 3,
    seconds: Annotated[float, Option(min=0.1, help="Of one timing, after its warm-up.")] = 4.0,
    equal: Annotated[float, Option(min=0, help="Seconds of training to an accuracy; 0: none.")] = 45.0,
    brief: Annotated[bool, Option("--brief", help="The two loops only: two minutes, not ten.")] = False,
) -> None:
    """Time our training loop against a plain one, with each improvement switched off in turn."""
    ground = Ground.of(data)
    timings: list[Throughput] = []
    with Crew() as crew:
        peak = peaks(crew)
        for timing in measure(crew, ground, rounds, seconds, brief=brief):
            timings.append(timing)
            busy = "" if timing.undisturbed > 0.95 else f"  (got {timing.undisturbed:.0%} of its cores)"
            what = f"{timing.network}, {timing.work}, {timing.way}"
            rate = f"{timing.images_per_second:,.0f} images a second"
            typer.echo(f"round {timing.round + 1}  {what}: {rate}{busy}", err=True)
        found = summarise(timings)
        reached = equal_seconds(crew, ground, found, equal) if equal and not brief else None
    precision = "bf16" if best(CPU).bf16 else "fp32"
    _print(found, reached, ground, precision, peak[precision])
    least = min(timing.undisturbed for timing in timings)
    typer.echo(f"every core was ours to {least:.0%} at the least")
    if out is not None:
        tables = {"timings": pd.DataFrame(timings), "summary": found}
        tables |= {} if reached is None else {"equal_seconds": reached}
        for name, table in tables.items():
            write_table(table, out, f"{name}.csv")
        facts = {
            "processor": machine.processor(),
            "torch": torch.__version__,
            "python": platform.python_version(),
            "data": ground.data.name,
            "images": f"{len(ground.data.train())} of {told(ground.data.resolution)}",
            **{"rounds": rounds, "seconds": seconds, "undisturbed": least},
            **{"peak_multiply_adds": peak, "precision": precision},
        }
        write_text(out / "machine.json", json.dumps(facts, indent=2) + "\n")
        typer.echo(f"written to {out}: {', '.join(f'{name}.csv' for name in tables)}, machine.json")


def equal_image_ways() -> list[Way]:
    """Ours; ours with torch's own arithmetic, which tells recipe and arithmetic apart; and the plain loop."""
    ours, *_, plain = ways()
    bare = replace(ours, name="ours, torch's arithmetic in fp32", compute=PLAIN)
    return [ours, bare, replace(plain, threads=1)]  # more threads wait for each other on a busy machine


def accuracy(
    data: Images = "cifar10",
    out: Annotated[Path | None, Option(help="Folder for equal_images.csv.")] = None,
    images: Annotated[int, Option(min=128, help="Images to train on, repeats counted.")] = 60_000,
    networks: Annotated[str, Option(help="Comma-separated. [all four]")] = ",".join(NETWORKS),
) -> None:
    """Train by both loops on the same number of images and print the accuracies."""
    names = [name.strip() for name in networks.split(",")]
    for name in names:
        if name not in NETWORKS:
            raise UserError(f"network {name!r}: expected some of {', '.join(NETWORKS)}")
    ground, lines = Ground.of(data), []
    with Crew() as crew:
        for network, way in ((network, way) for network in names for way in equal_image_ways()):
            work = partial(loops.reach, way, NETWORKS[network], ground, images)
            done: Reached = crew.together([work], keep=way.keep)[0]
            lines.append({"network": network, "way": way.name, **asdict(done)})
            typer.echo(
                f"{network}, {way.name}: training accuracy {done.training_accuracy:.4f}, validation "
                f"{done.validation_accuracy:.4f}, loss {done.loss:.3f}",
                err=True,
            )
    found = pd.DataFrame(lines)
    mean = found.groupby("way", sort=False)[["training_accuracy", "validation_accuracy"]].mean()
    head = ["way", "training accuracy", "validation accuracy"]
    rows = [[str(way), *(f"{value:.4f}" for value in line)] for way, line in mean.iterrows()]
    typer.echo(f"mean of {len(names)} networks after {images:,} images")
    typer.echo(aligned(head, rows, left=head[:1]))
    write_table(found, out, "equal_images.csv")


def _print(
    found: pd.DataFrame, reached: pd.DataFrame | None, ground: Ground, precision: str, peak: float
) -> None:
    head = ["network", "work", "way", "images/s", "ours is times", "over the rounds"]
    rows = [
        [network, work, way, f"{rate:,.0f}", f"{times:.2f}", f"{lowest:.2f} to {highest:.2f}"]
        for network, work, way, rate, times, lowest, highest in found.itertuples(index=False)
    ]
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
