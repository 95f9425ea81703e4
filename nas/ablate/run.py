"""What does each component of a network earn? Switch one at a time, as is and at equal cost, and train both.

    python -m nas.ablate mobilenet_v3_small --components se,activation,kernel --data cifar10 --minutes 30
    python -m nas.ablate --config experiments/v3_ablation.yaml
    found = ablate("mobilenet_v3_small", components=["se", "kernel"], data="digits"); found.summary

Accuracies are those of the validation split; the held-out test images are not read.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pandas as pd
import typer
from typer import Argument, Option

from nas.common.errors import UserError
from nas.console import commands as console_module
from nas.console import options

if TYPE_CHECKING:
    from rich.console import Console

    from nas.ablate import Plan
    from nas.ablate.asked import Asked
    from nas.compare.running import Terms
    from nas.engine.tune import Ending


@dataclass(frozen=True)
class Ablation:
    """An ablation that ended: every training and a summary a row (columns as in the files), and its folder.

    `ending` says why it ended: "done", "late" (--minutes) or "interrupted" (Ctrl-C).
    """

    folder: Path
    trainings: pd.DataFrame
    summary: pd.DataFrame
    ending: "Ending"


def ablate(
    network: str | None = None,
    *,
    components: Sequence[str] | None = None,
    equal: Sequence[str] | None = None,
    per_stage: bool = False,
    pairs: Sequence[tuple[str, str]] | None = None,
    leave_one_in: bool = False,
    config: Path | None = None,
    data: str | None = None,
    data_root: Path | None = None,
    skip_corrupt: bool = False,
    fidelity: str | None = None,
    epochs: float | None = None,
    subset: float | None = None,
    train_resolution: int | None = None,
    seeds: int | None = None,
    seed: int | None = None,
    target_resolution: int | None = None,
    target_classes: int | None = None,
    minutes: float | None = None,
    concurrency: int | None = None,
    device: str = "auto",
    out: Path | None = None,
    storage: str | None = None,
    resume: Path | None = None,
    latency_table: str | None = None,
    console: "Console | None" = None,
) -> Ablation:
    """Ablate a network, or go on with an ablation, and write its results into its folder.

    network: a zoo name, an arch's text or RUN@TRIAL. components: names of `nas.ablate.COMPONENTS`, or
    module:function for one of your own. equal: the costs (macs, params, activations, latency) at which each variant
    is trained besides as it is; none if empty. latency_table: predicts latencies; a file or the name of an import,
    this machine's where latency is to be equal. per_stage: switch in single stages too. pairs: components whose
    interaction is read. leave_one_in: add each component to the plain form as well. config: a YAML study instead
    (`nas.ablate.study_file`); how to train may then still be given here. Every network is trained with the same
    `seeds` seeds (3), in rounds; with `resume` and more seeds only those missing are trained. The rest is as for
    `nas.search.search`.

    Raises UserError for what cannot be used, before anything is made.
    """
    import optuna
    from rich.console import Console

    from nas.ablate import report, summary
    from nas.compare import running
    from nas.networks.references import parse
    from nas.runs.folders import new_folder
    from nas.search.request import check_bounds

    began = time.monotonic()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    console = console or Console()
    check_bounds(minutes, concurrency, device)
    terms = running.Terms(
        data=data,
        skip_corrupt=skip_corrupt or None,
        fidelity=fidelity,
        epochs=epochs,
        subset=subset,
        train_resolution=train_resolution,
        seed=seed,
        target_resolution=target_resolution,
        target_classes=target_classes,
    )
    asked = _asked(network, components, equal, per_stage, pairs, leave_one_in)
    whats: dict[str, object] = {"NETWORK": network, "--components": components, "--equal": equal}
    whats |= {
        "--pairs": pairs or None,
        "--per-stage": per_stage or None,
        "--leave-one-in": leave_one_in or None,
    }
    told = [name for name, value in whats.items() if value is not None]
    if resume is not None:
        others = {"--config": config, "--out": out, "--latency-table": latency_table}
        running.check_resumption([*terms.given(), *told, *(n for n, v in others.items() if v is not None)])
        running.check_seeds(seeds)
        folder = resume
        trainings, loaded = running.resume(folder, storage, "ablate", seeds, data_root, _notify)
    else:
        if config is not None:
            if told:
                raise UserError(f"--config says what is ablated; leave out {', '.join(told)}, or the file")
            asked, terms, seeds = _configured(config, terms, seeds)
        running.check_terms(terms, seeds)
        folder = new_folder(out)
        made, notes = _planned(asked, terms, latency_table)
        models = [parse(text) for text in made.archs()]
        setup, loaded = running.prepare(models, terms, test=False, data_root=data_root, notify=_notify)
        asked_seeds = running.DEFAULT_SEEDS if seeds is None else seeds
        notes |= {"minutes": minutes, "skipped_images": loaded.skipped}
        trainings = running.begin(folder, storage, setup, asked_seeds, notes, "ablate")
    plan = summary.plan_from_json(trainings.noted("plan"))
    ending = running.carry_on(
        trainings,
        loaded,
        summary.names(plan),
        deadline=None if minutes is None else began + 60 * minutes,
        concurrency=concurrency,
        device=device,
        console=console,
    )
    info = report.ablation_info(trainings, plan, trainings.noted("title"))
    report.write_results(trainings, plan, info, folder)
    report.print_summary(info, console)
    console.print(f"written to {folder}: {report.FILES}", markup=False, soft_wrap=True)
    return Ablation(folder, summary.trainings_table(trainings, plan), info.rows, ending)


def _asked(
    network: str | None,
    components: Sequence[str] | None,
    equal: Sequence[str] | None,
    per_stage: bool,
    pairs: Sequence[tuple[str, str]] | None,
    leave_one_in: bool,
) -> "Asked":
    from nas.ablate.asked import Asked

    return Asked(
        network=network or "",
        components=None if components is None else tuple(components),
        equal=Asked.equal if equal is None else tuple(equal),
        per_stage=per_stage,
        pairs=tuple(pairs or ()),
        leave_one_in=leave_one_in,
    )


def _planned(asked: "Asked", terms: "Terms", latency_table: str | None) -> "tuple[Plan, dict[str, Any]]":
    """The plan of a new ablation, and what is noted of it."""
    from nas.ablate.asked import plan_of
    from nas.ablate.prices import LATENCY, check
    from nas.ablate.summary import plan_to_json
    from nas.compare import latencies
    from nas.networks.references import parse

    check(asked.equal)
    table = None
    if latency_table is not None or LATENCY in asked.equal:
        table = latencies.find_table(latency_table, *terms.target)
    plan, title = plan_of(asked, terms, table)
    notes = {"plan": plan_to_json(plan), "title": title}
    return plan, notes | latencies.predicted(table, map(parse, plan.archs()))


def _configured(config: Path, terms: "Terms", seeds: int | None) -> "tuple[Asked, Terms, int | None]":
    """What the file asks for; how to train is the command line's where it says so."""
    from nas.ablate.study_file import read
    from nas.compare.running import Terms

    told, told_terms, told_seeds = read(config)
    mine = {f.name: getattr(terms, f.name) for f in fields(Terms)}
    if terms.epochs is not None or terms.fidelity is not None:  # either replaces both
        told_terms = Terms(**{**vars(told_terms), "epochs": None, "fidelity": None})
    merged = {name: vars(told_terms)[name] if value is None else value for name, value in mine.items()}
    return told, Terms(**merged), told_seeds if seeds is None else seeds


def _notify(message: str) -> None:
    typer.echo(message, err=True)


def main(
    network: Annotated[
        str | None, Argument(help="A zoo name, an arch's text or RUN@TRIAL.", metavar="NETWORK")
    ] = None,
    components: Annotated[
        str | None,
        Option(
            help="What is switched, comma-separated; module:function for one of your own. "
            "[se,activation,kernel,expansion,groups,block]"
        ),
    ] = None,
    equal: Annotated[
        str | None,
        Option(
            help="Train each variant at the base's macs, params, activations or latency too; or none. [macs]"
        ),
    ] = None,
    per_stage: Annotated[
        bool, Option("--per-stage", help="Switch each component in single stages too.")
    ] = False,
    pairs: Annotated[
        list[str] | None,
        Option(help="Two components whose interaction is read, as se,activation; repeatable."),
    ] = None,
    leave_one_in: Annotated[
        bool, Option("--leave-one-in", help="Add each component to the plain network, like MobileNetV2, too.")
    ] = False,
    config: Annotated[Path | None, Option(help="A study as a YAML file, instead of all these.")] = None,
    data: options.Data = None,
    data_root: options.DataRoot = None,
    skip_corrupt: options.SkipCorrupt = False,
    fidelity: Annotated[
        str | None,
        Option(
            help="How long each is trained: quick (20,000 images), standard (60,000), thorough (200,000)."
        ),
    ] = None,
    epochs: options.Epochs = None,
    subset: options.Subset = None,
    train_resolution: options.TrainResolution = None,
    seeds: options.Seeds = None,
    seed: options.FirstSeed = None,
    target_resolution: options.TargetResolution = None,
    target_classes: options.TargetClasses = None,
    minutes: options.Minutes = None,
    concurrency: options.Concurrency = None,
    device: options.Device = "auto",
    out: options.Out = None,
    storage: options.Storage = None,
    resume: Annotated[
        Path | None, Option(help="Go on with this ablation, with --seeds for more of them.", metavar="RUN")
    ] = None,
    latency_table: Annotated[
        str | None,
        Option(help="Predict latencies by this file or import. [this machine's, with --equal latency]"),
    ] = None,
) -> int:
    """Switch one component of a network at a time and say what it earns, as is and at equal cost.

    Every network is trained by one recipe with the same seeds; differences are paired, with intervals and a
    verdict that is corrected for the number of components.
    """
    from nas.ablate.asked import names, pair

    found = ablate(
        network,
        components=None if components is None else names(components),
        equal=None if equal is None else names(equal),
        per_stage=per_stage,
        pairs=[pair(text) for text in pairs or ()],
        leave_one_in=leave_one_in,
        config=config,
        data=data,
        data_root=data_root,
        skip_corrupt=skip_corrupt,
        fidelity=fidelity,
        epochs=epochs,
        subset=subset,
        train_resolution=train_resolution,
        seeds=seeds,
        seed=seed,
        target_resolution=target_resolution,
        target_classes=target_classes,
        minutes=minutes,
        concurrency=concurrency,
        device=device,
        out=out,
        storage=storage,
        resume=resume,
        latency_table=latency_table,
    )
    if found.ending == "interrupted":
        _notify(f"interrupted; go on with: python -m nas.ablate --resume {found.folder}")
        return console_module.INTERRUPTED
    return 0
