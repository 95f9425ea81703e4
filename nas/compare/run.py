"""A comparison from its request to its tables.

This is the final comparison: each training reads the held-out test images once, at its end.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import optuna
import pandas as pd
from rich.console import Console

from nas.common.errors import UserError
from nas.compare import running
from nas.compare.request import ComparisonRequest
from nas.compare.summary import FILES, label_of, print_summary, write_results
from nas.compare.trainings import Trainings
from nas.console.options import several, takes
from nas.console.screen import SafeConsole
from nas.engine.jobs import Ending
from nas.engine.regime import aimed, bringing, target
from nas.networks.references import Model
from nas.runs.folders import new_folder
from nas.runs.naming import resolve


@dataclass(frozen=True)
class Comparison:
    """A comparison that ended: every training, a summary a network (columns as in the files), its folder."""

    folder: Path
    trainings: pd.DataFrame
    summary: pd.DataFrame
    ending: Ending


@takes(ComparisonRequest)
def compare(request: ComparisonRequest) -> Comparison:
    """Compare networks, or go on with a comparison, and write its results into its folder.

    networks: zoo names, texts of archs, RUN@TRIAL, torchvision:NAME or timm:NAME; differences are read against
    the first. Each is trained with the same `seeds` seeds (3), counted from `seed` (0), in rounds: where
    `minutes` end first, networks differ by one seed at most. resume: the folder of a comparison to go on with;
    with more `seeds` only those missing are trained. latency_table: predicts the latency of archs; a file or the
    name of an import. The rest is as for `nas.search.search`.

    Raises UserError for what cannot be used, before anything is made.
    """
    began = time.monotonic()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    console = request.console or SafeConsole()
    request.check()
    if request.resume is not None:
        folder = Path(request.resume)
        trainings, data = running.resume(request, request.seeds, "compare")
    else:
        running.check_terms(request, request.seeds)
        request = aimed(bringing(request, several(request.networks)), request.data_root)
        folder = new_folder(request.out)
        named = _named(several(request.networks))
        table, models = None, list(named.values())
        if request.latency_table:
            from nas.latency.table.file import find_for  # takes its time, of which others have no need

            table = find_for(request.latency_table, *target(request))
        setup, data = running.prepare(models, request, request.data_root, test=True)
        rows = [{"label": label, "network": str(model)} for label, model in named.items()]
        notes = {
            "rows": rows,
            "skipped_images": data.skipped,
            "dropped_images": data.dropped,
            **running.predicted(table, models),
        }
        trainings = running.begin(folder, request, setup, request.seeds, notes, "compare")
    names = {network: label for label, network in reversed(_networks(trainings).items())}
    ending = running.carry_on(trainings, data, names, request, began, console)
    return Comparison(folder, trainings.frame(), tell(trainings, folder, console), ending)


def tell(trainings: Trainings, folder: Path, console: Console) -> pd.DataFrame:
    """Write the results of a comparison into its folder and print them; the summary."""
    networks = _networks(trainings)
    summary = write_results(trainings, networks, folder)
    print_summary(trainings, networks, summary, console)
    console.print(f"written to {folder}: {FILES}", markup=False, soft_wrap=True)
    return summary


def _networks(trainings: Trainings) -> dict[str, str]:
    """The networks by what they are called."""
    return {row["label"]: row["network"] for row in trainings.noted("rows")}


def _named(networks: tuple[str, ...]) -> dict[str, Model]:
    """The networks by what they are called; a text that is given twice stands once."""
    if not networks:
        raise UserError("no network is given; give at least one, such as mobilenet_v3_small, or --resume RUN")
    named: dict[str, Model] = {}
    for text in dict.fromkeys(networks):
        model = resolve(text)
        label = label_of(text.strip(), model)
        if label in named and named[label] != model:
            label = f"{label} ({len(named) + 1})"
        named[label] = model
    return named
