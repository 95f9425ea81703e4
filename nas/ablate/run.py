"""An ablation from its request to its tables.

Accuracies are those of the validation split; the held-out test images are not read.
"""

import json
import time
from dataclasses import asdict, fields
from pathlib import Path

import optuna
import pandas as pd
from rich.console import Console

from nas.ablate import summary
from nas.ablate.asked import Asked, pair, plan_of
from nas.ablate.request import AblationRequest
from nas.ablate.study import Plan
from nas.ablate.study_file import read
from nas.common.decode import decoded
from nas.common.errors import UserError
from nas.common.quantities import LATENCY
from nas.compare import running
from nas.compare.run import Comparison
from nas.compare.trainings import Trainings
from nas.console.options import separated, takes
from nas.console.screen import SafeConsole
from nas.data.dataset import Dataset
from nas.engine.regime import aimed, bringing, default_to, target
from nas.engine.terms import Terms
from nas.networks.references import parse
from nas.runs.folders import new_folder
from nas.runs.studies import measuring_said

_ASKED = ("network", "components", "equal", "per_stage", "pairs", "leave_one_in")
"""What says what is ablated, on the command line instead of in a file."""


class Ablation(Comparison):
    """An ablation that ended; its summary has a line a row."""


@takes(AblationRequest)
def ablate(request: AblationRequest) -> Ablation:
    """Ablate a network, or go on with an ablation, and write its results into its folder.

    network: a zoo name, an arch's text or RUN@TRIAL. components: names of `nas.ablate.COMPONENTS`, or
    module:function for one of your own. equal: the costs (macs, params, activations, weights, memory, latency) at
    which each variant is trained besides as it is; none if empty. latency_table: predicts latencies; a file or the
    name of an import, this machine's where latency is to be equal. per_stage: switch in single stages too. pairs:
    components whose interaction is read. leave_one_in: add each component to the plain form as well. config: a
    YAML study instead (`nas.ablate.study_file`); how to train may then still be given here. Every network is
    trained with the same `seeds` seeds (3), in rounds, or, where `minutes` are too few for two of them, row by row
    with all seeds; how long it all takes and the difference that it could show are said first. With `resume` and more
    seeds only those missing are trained. The rest is as for `nas.search.search`.

    Raises UserError for what cannot be used, before anything is made.
    """
    began = time.monotonic()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    console = request.console or SafeConsole()
    request.check()
    if request.resume is not None:
        folder = Path(request.resume)
        trainings, data = running.resume(request, request.seeds, "ablate")
    else:
        folder, trainings, data = _begin(request)
    plan = _plan(trainings)
    ending = running.carry_on(trainings, data, summary.names(plan), request, began, console, whole=True)
    rows = tell(trainings, folder, console)
    return Ablation(folder, summary.trainings_table(trainings, plan), rows, ending)


def tell(trainings: Trainings, folder: Path, console: Console) -> pd.DataFrame:
    """Write the results of an ablation into its folder and print them; a line a row of its plan."""
    plan = _plan(trainings)
    info = summary.ablation_info(trainings, plan, trainings.noted("title"))
    summary.write_results(trainings, plan, info, folder)
    summary.print_summary(info, console)
    for line in measuring_said(trainings.trials()):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(f"written to {folder}: {summary.FILES}", markup=False, soft_wrap=True)
    return info.rows


def _plan(trainings: Trainings) -> Plan:
    return decoded(trainings.noted("plan"), Plan, "the plan of the ablation cannot be read")


def _begin(request: AblationRequest) -> tuple[Path, Trainings, Dataset]:
    """A new ablation: what is asked for here or in a file, planned, with its data, its folder and its study."""
    if request.config is not None:
        asked, terms, seeds = _configured(request, Path(request.config))
    else:
        asked, terms, seeds = _asked(request), request, request.seeds
    running.check_terms(terms, seeds)
    terms = aimed(bringing(terms, [asked.network]), request.data_root)
    folder = new_folder(request.out)
    table = None
    if request.latency_table is not None or LATENCY.name in asked.equal:
        from nas.latency.table.file import find_for  # takes its time, of which others have no need

        table = find_for(request.latency_table, *target(terms))
    plan, title = plan_of(asked, terms, table)
    networks = list(map(parse, plan.archs()))
    notes = {"plan": json.dumps(asdict(plan)), "title": title, **running.predicted(table, networks)}
    setup, data = running.prepare(networks, terms, request.data_root, test=False)
    notes |= {"skipped_images": data.skipped, "dropped_images": data.dropped}
    return folder, running.begin(folder, request, setup, seeds, notes, "ablate"), data


def _asked(request: AblationRequest) -> Asked:
    pairs = request.pairs or ()
    return Asked(
        network=request.network or "",
        components=None if request.components is None else separated(request.components),
        equal=separated(default_to(request.equal, Asked.equal)),
        per_stage=request.per_stage,
        pairs=tuple(pair(one) for one in ([pairs] if isinstance(pairs, str) else pairs)),
        leave_one_in=request.leave_one_in,
    )


def _configured(request: AblationRequest, config: Path) -> tuple[Asked, Terms, int | None]:
    """What the file asks for; how to train is the command line's where it says so."""
    others = [field.name for field in fields(AblationRequest) if field.name not in _ASKED]
    if given := request.given(*others):
        raise UserError(f"--config says what is ablated; leave out {', '.join(given)}, or the file")
    asked, terms, seeds = read(config)
    mine = {f.name: getattr(request, f.name) for f in fields(Terms) if getattr(request, f.name) != f.default}
    theirs = {f.name: getattr(terms, f.name) for f in fields(Terms)}
    if "epochs" in mine or "fidelity" in mine:  # either replaces both
        theirs |= {"epochs": None, "fidelity": None}
    return asked, Terms(**theirs | mine), default_to(request.seeds, seeds)
