"""From what a user asks for to the settings, the data and the table of a new run."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.common.quantities import LATENCY, MACS
from nas.console.options import several
from nas.data.dataset import Dataset, Notify
from nas.engine.regime import default_to, opening, settled
from nas.latency.table.identity import TableId
from nas.search.budget import parse_budgets
from nas.search.finalists import identified, with_table
from nas.search.proposer import check_satisfiable
from nas.search.record import open_run
from nas.search.request import Request
from nas.search.settings import SAMPLERS, Settings, space_of
from search_spaces import Arch, Space, spaces, zoo

if TYPE_CHECKING:
    from nas.latency.table.table import Table


def new_run(request: Request, notify: Notify) -> tuple[Settings, Dataset, "Table | None"]:
    """Settings, data and, where it has latencies, the table of a new run.

    Raises UserError for what cannot be used, before anything is made.
    """
    budgets = parse_budgets(several(request.budget))  # before the data, which may take a while
    timed = request.latency_table is not None or any(b.quantity == LATENCY.column for b in budgets)
    objectives = default_to(request.objectives, f"accuracy,{LATENCY.name if timed else MACS.name}")
    timed = timed or LATENCY.name in objectives
    settings = Settings(
        **opening(request),
        budgets=several(request.budget),
        space=_space_text(default_to(request.space, "mobile")),
        granularity=default_to(request.granularity, "stage"),
        objectives=tuple(part.strip() for part in objectives.split(",")),
        sampler=default_to(request.sampler, SAMPLERS[0]),
        scheduler=default_to(request.scheduler, "none"),
        control=default_to(request.control, "none"),
        baselines=_baselines(default_to(request.baselines, "small")),
        seed_baselines=request.seed_baselines,
        latency=TableId("", "", "", here=False) if timed else None,  # until it is found
    )
    table = None
    if timed:
        table = with_table(settings, request.latency_table, notify)
        settings = identified(settings, table)
    check_satisfiable(space_of(settings), settings, table)
    data = settings.load(request.data_root, notify)
    settings, rungs = settled(settings, request, data)
    return replace(settings, rungs=rungs), data, table


def earlier_results(folders: Sequence[str], space: Space) -> list[dict[str, Any]]:
    """What earlier runs know of archs of this space: params, accuracy, share of its run's training, run.

    As JSON takes it, to be stored in the study. Raises UserError for a folder that is no run.
    """
    known = []
    for folder in folders:
        record = open_run(Path(folder))
        for trial in record.trials():
            arch = Arch.parse(trial.user_attrs["arch"])
            if trial.state.name == "COMPLETE" and space.contains(arch):
                known.append(
                    {
                        "params": space.params(arch),
                        "accuracy": trial.values[0],
                        "share": trial.user_attrs["epochs"] / record.settings.fidelity.epochs,
                        "run": f"{folder} ({record.settings.data_name})",
                    }
                )
    return known


def _space_text(name: str) -> str:
    """The YAML of a space; read once, so that a run does not change with the file."""
    spaces.get(name)  # refuses, with the reason, what is none
    return spaces.MOBILE if name == "mobile" else Path(name).read_text(encoding="utf-8")


def _baselines(text: str) -> tuple[str, ...]:
    if text in ("small", "all", "none"):
        return {"small": zoo.SMALL, "all": zoo.WIDE, "none": ()}[text]
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        zoo.get(name)  # refuses, with the nearest names, what is none
    return names
