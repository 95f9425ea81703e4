"""Train networks of every kind by one recipe, with several seeds, and set them side by side.

    python -m nas.compare results/my-run@17 mobilenet_v3_small torchvision:resnet18 --data cifar10
    found = compare(["results/my-run@17", "mobilenet_v3_small"], data="digits"); found.summary

This is the final comparison: each training reads the held-out test images once, at its end.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import typer
from typer import Argument, Option

from nas.common.errors import UserError
from nas.console import commands as console_module
from nas.console import options

if TYPE_CHECKING:
    from rich.console import Console

    from nas.engine.tune import Ending
    from nas.networks.references import Model


@dataclass(frozen=True)
class Comparison:
    """A comparison that ended: every training, a summary a network (columns as in the files), its folder.

    `ending` says why it ended: "done", "late" (--minutes) or "interrupted" (Ctrl-C).
    """

    folder: Path
    trainings: pd.DataFrame
    summary: pd.DataFrame
    ending: "Ending"


def compare(
    networks: Sequence[str] = (),
    *,
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
) -> Comparison:
    """Compare networks, or go on with a comparison, and write its results into its folder.

    networks: zoo names, texts of archs, RUN@TRIAL, torchvision:NAME or timm:NAME; differences are read against
    the first. Each is trained with the same `seeds` seeds (3), counted from `seed` (0), in rounds: where
    `minutes` end first, networks differ by one seed at most. resume: the folder of a comparison to go on with;
    with more `seeds` only those missing are trained. latency_table: predicts the latency of archs; a file or the
    name of an import. The rest is as for `nas.search.search`.

    Raises UserError for what cannot be used, before anything is made.
    """
    import optuna
    from rich.console import Console

    from nas.compare import latencies, running
    from nas.compare.summary import FILES, Named, print_summary, write_results
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
    running.check_terms(terms, seeds)
    if resume is not None:
        others = {"--out": out, "--latency-table": latency_table}
        given = [name for name, value in others.items() if value]
        running.check_resumption([*terms.given(), *given, *networks])
        folder = resume
        trainings, loaded = running.resume(folder, storage, "compare", seeds, data_root, _notify)
    else:
        folder = new_folder(out)
        named = _named(networks)
        models = list(named.values())
        table = latencies.find_table(latency_table, *terms.target) if latency_table else None
        setup, loaded = running.prepare(models, terms, test=True, data_root=data_root, notify=_notify)
        rows = [asdict(Named(label, str(model))) for label, model in named.items()]
        notes = {"rows": rows, "minutes": minutes, "skipped_images": loaded.skipped}
        notes |= latencies.predicted(table, models)
        asked = running.DEFAULT_SEEDS if seeds is None else seeds
        trainings = running.begin(folder, storage, setup, asked, notes, "compare")
    told = [Named(**row) for row in trainings.noted("rows")]
    ending = running.carry_on(
        trainings,
        loaded,
        {row.network: row.label for row in reversed(told)},
        deadline=None if minutes is None else began + 60 * minutes,
        concurrency=concurrency,
        device=device,
        console=console,
    )
    summary = write_results(trainings, told, folder)
    print_summary(trainings, told, summary, console)
    console.print(f"written to {folder}: {FILES}", markup=False, soft_wrap=True)
    return Comparison(folder, trainings.frame(), summary, ending)


def _named(networks: Sequence[str]) -> dict[str, "Model"]:
    """The networks by what they are called; a text that is given twice stands once."""
    from nas.compare.summary import label_of
    from nas.runs.naming import resolve

    if not networks:
        raise UserError("no network is given; give at least one, such as mobilenet_v3_small, or --resume RUN")
    found: dict[str, Model] = {}
    for text in dict.fromkeys(networks):
        model = resolve(text)
        label = label_of(text.strip(), model)
        if label in found and found[label] != model:
            label = f"{label} ({len(found) + 1})"
        found[label] = model
    return found


def _notify(message: str) -> None:
    typer.echo(message, err=True)


def main(
    networks: Annotated[
        list[str] | None,
        Argument(
            help="Zoo names, archs' texts, RUN@TRIAL, torchvision:NAME or timm:NAME; the first is what the "
            "others are compared with.",
            metavar="NETWORK...",
        ),
    ] = None,
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
        Path | None, Option(help="Go on with this comparison, with --seeds for more of them.", metavar="RUN")
    ] = None,
    latency_table: Annotated[
        str | None, Option(help="Predict latencies by this table, a file or the name of an import.")
    ] = None,
) -> int:
    """Train networks by one recipe with several seeds, read their test accuracy, and set them side by side.

    Published figures stand beside, as published: they were obtained by other recipes.
    """
    found = compare(
        networks or (),
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
        _notify(f"interrupted; go on with: python -m nas.compare --resume {found.folder}")
        return console_module.INTERRUPTED
    return 0
