"""What a user asks of a search. Needs nothing heavy: `--help` reads it; `nas.search.run` makes a run of it."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated

from typer import Option

from nas.console.options import Texts
from nas.engine.terms import Execution, Terms


@dataclass(frozen=True)
class Request(Terms, Execution):
    """A search as asked for; None is the default. What `Terms` and these say defines a run."""

    budget: Annotated[
        Texts | None,
        Option(
            help="Upper bound, or a window: 300MFLOPs (multiply-adds), 60-80MFLOPs, 4MParams, 4ms, 512KB (weights "
            "at int8), 320KBRAM (peak memory of activations at int8); KB are 1024 bytes; repeatable.",
            metavar="BOUND",
        ),
    ] = None
    _: KW_ONLY
    board: Annotated[
        str | None,
        Option(
            help="A microcontroller's flash and RAM as budgets, at the data's target: stm32f746, nano33ble, ..."
        ),
    ] = None
    trials: Annotated[int | None, Option(help="Networks to train. [50, or as --minutes allow]")] = None
    space: Annotated[
        str | None,
        Option(help="mobile, documented (every primitive), mcu (microcontrollers), or a YAML file. [mobile]"),
    ] = None
    granularity: Annotated[str | None, Option(help="Choices per stage or per block. [stage]")] = None
    objectives: Annotated[
        str | None,
        Option(
            help="accuracy and one of macs, params, activations, weights, memory, latency. [accuracy,macs; "
            "accuracy,latency with a budget in ms or a latency table]"
        ),
    ] = None
    sampler: Annotated[str | None, Option(help="front, tpe, nsga2, random or gp. [front]")] = None
    scheduler: Annotated[
        str | None, Option(help="none, or asha: Ray's, which stops trials that look bad. [none]")
    ] = None
    control: Annotated[
        str | None, Option(help="random: train as many networks drawn at random, to compare. [none]")
    ] = None
    warm_start: Annotated[
        str | Path | Sequence[str | Path] | None,
        Option(help="A run whose results guide the sampler; repeatable.", metavar="RUN"),
    ] = None
    baselines: Annotated[
        str | None,
        Option(
            help="Hand-designed networks trained beside: auto (those that matter under the budget), small, all, "
            "none, or names. [auto]"
        ),
    ] = None
    confirm: Annotated[
        float | None,
        Option(
            help="Share of the minutes, or of the trainings, in which the front is trained again with other seeds; 0: "
            "never. [0.3]"
        ),
    ] = None
    seed_baselines: Annotated[
        bool, Option("--seed-baselines", help="Try the points nearest to MobileNetV2 and V3 first.")
    ] = False
    latency_table: Annotated[
        str | None,
        Option(
            help="Of which device milliseconds are: a table's file or imported name. [this machine, whose table "
            "is made where there is none]",
            metavar="TABLE",
        ),
    ] = None
