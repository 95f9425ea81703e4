"""Does what a search finds beat what was designed by hand? `python -m experiments.proof --data cifar10 --out FOLDER`.

A search with its confirming phase, then the final comparison: points of its front, one a band of costs, and
hand-designed networks around them, all trained again by one recipe, longer, with several seeds, each reading the test
images once at its end. `proof.md` says in words what came of it, whatever that is. Started again with the same folder
it goes on where it stopped; both parts are runs like any other, in FOLDER/search and FOLDER/compare.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from nas.common import stats
from nas.common.csv_text import table_csv
from nas.common.errors import UserError
from nas.common.files import write_text
from nas.common.fronts import strips
from nas.compare import compare
from nas.compare.summary import summarise
from nas.compare.trainings import Trainings
from nas.console.options import Data
from nas.console.text_table import aligned
from nas.runs.folders import find
from nas.search import search
from nas.search.record import open_run
from nas.search.results import results

BANDS = (40e6, 80e6, 150e6, math.inf)
"""Multiply-adds that a point is taken near of; the last is the largest of the front."""
DESIGNED = (
    *("shufflenet_v1_g3_x0.5", "mobilenet_v3_small", "mobilenet_v3_large_x0.5", "shufflenet_v1_g3"),
    *("shufflenet_v2", "mobilenet_v3_large_x0.75", "mobilenext_x0.75", "mobilenet_v3_large"),
    "mobilenet_v2_x0.75",
    *("shufflenet_v1_g3_x1.5", "shufflenet_v2_x1.5"),
)
"""From 38 to 299 M multiply-adds at 224x224."""
NOTHING = "not distinguishable"
REFERENCE = (0.1, 300e6)
"""Test accuracy and multiply-adds that hypervolumes are measured from: chance, and the budget."""


def chosen(front: pd.DataFrame) -> list[int]:
    """The trials of a front that are compared: of each band the point that is nearest in cost, each once."""
    found: list[int] = []
    for band in BANDS:
        left = front[~front["trial"].isin(found)]
        if len(left):
            away = (np.log(left["macs"]) - math.log(min(band, 1e12))).abs()
            found.append(int(left.loc[away.idxmin(), "trial"]))
    return found


def besides(trainings: pd.DataFrame, found: Sequence[str]) -> pd.DataFrame:
    """Of each hand-designed network, what the best found one of no more cost does beside it, on the test images.

    trainings: of a comparison. Columns: designed, macs, test, found, share (of its cost), difference, low, high,
    verdict; differences are paired by seed, the noise is pooled, verdicts corrected by Holm's method. Where no found
    network costs no more there is nothing to compare, and the row says so.
    """
    accuracies, costs = _results(trainings)
    means = {name: float(np.nanmean(values)) for name, values in accuracies.items()}
    best: dict[str, str] = {}
    for name in sorted(set(accuracies) - set(found), key=lambda name: costs[name]):
        fitting = [other for other in found if costs[other] <= costs[name]]
        best[name] = max(fitting, key=lambda other: means[other]) if fitting else ""
    effects = stats.contrast_effects(
        accuracies, {name: [(1.0, other), (-1.0, name)] for name, other in best.items() if other}
    )
    rows = []
    for name, other in best.items():
        told: tuple[object, ...] = ("", math.nan, math.nan, math.nan, math.nan, "none costs no more")
        if other:
            effect = effects[name]
            verdict = stats.BESIDE.get(effect.verdict, NOTHING)
            told = (other, costs[other] / costs[name], effect.mean, effect.low, effect.high, verdict)
        rows.append((name, costs[name], means[name], *told))
    columns = ["designed", "macs", "test", "found", "share", "difference", "low", "high", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def area(trainings: pd.DataFrame, found: Sequence[str], reference: tuple[float, float]) -> dict[str, float]:
    """The hypervolume of the found front and of the hand-designed one, their difference and its 95 % interval.

    As shares of the rectangle from the reference (test accuracy, multiply-adds) to (1, 0).
    """
    accuracies, costs = _results(trainings)
    both: list[dict[str, float]] = []
    for names in ([name for name in accuracies if (name in found) is mine] for mine in (True, False)):
        means = [float(np.nanmean(accuracies[name])) for name in names]
        widths = strips(means, [costs[name] for name in names], reference)
        both.append(dict(zip(names, widths, strict=True)))
    between = {**both[0], **{name: -width for name, width in both[1].items()}}
    mine, theirs, gain = (stats.weighted_sum(accuracies, widths, reference[0]) for widths in (*both, between))
    return {
        "found": mine[0],
        "designed": theirs[0],
        **dict(zip(("difference", "low", "high"), gain, strict=True)),
    }


def _results(trainings: pd.DataFrame) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Test accuracies by network and seed, NaN where there is none, and multiply-adds; of those with any."""
    table = trainings.pivot_table(index="network", columns="seed", values="test_accuracy")
    accuracies = {str(name): row.tolist() for name, row in table.iterrows()}
    costs = trainings.drop_duplicates("network").set_index("network")["macs"]
    return accuracies, {name: float(costs[name]) for name in accuracies}


def page(
    beside: pd.DataFrame, volumes: dict[str, float], reference: tuple[float, float], told: Sequence[str]
) -> str:
    """The proof in words, as Markdown. told: what was run, a paragraph each."""
    compared = beside[beside["found"] != ""]
    shares = (
        f"Of the area from {reference[0]:.0%} and {reference[1] / 1e6:g} M multiply-adds the found front dominates "
        f"{volumes['found']:.2%}, the hand-designed one {volumes['designed']:.2%}; difference "
        f"{100 * volumes['difference']:+.2f} points, 95 % interval {100 * volumes['low']:+.2f} "
        f"to {100 * volumes['high']:+.2f}."
    )
    saved = compared[compared["verdict"] != "worse"]["share"]
    saving = f"Where it is not worse it costs {1 - saved.mean():.0%} less on average." if len(saved) else ""
    header = [
        "hand-designed",
        "M multiply-adds",
        "test %",
        "found: share of cost",
        "points",
        "95 %",
        "found is",
    ]
    table = aligned(header, [_cells(row) for _, row in beside.iterrows()], ("hand-designed", "found is"))
    parts = [f"# {_answer(compared, volumes)}", shares, saving, *told, f"```\n{table}\n```"]
    return "\n\n".join(part for part in parts if part) + "\n"


def _answer(compared: pd.DataFrame, volumes: dict[str, float]) -> str:
    worse, better = (compared[compared["verdict"] == word] for word in ("worse", "better"))
    if len(worse):
        return (
            f"It does not dominate everywhere: {', '.join(worse['designed'])} is better than what was found."
        )
    if volumes["low"] > 0:
        return (
            f"The found front dominates: better than {len(better)} of {len(compared)} hand-designed networks at no "
            "more cost, and worse than none."
        )
    return "No hand-designed network is better, and the found front is not distinguishably larger."


def _cells(row: pd.Series) -> list[str]:
    own = [str(row["designed"]), f"{row['macs'] / 1e6:.1f}", f"{100 * row['test']:.2f}"]
    if not row["found"]:
        return [*own, "", "", "", str(row["verdict"])]
    interval = f"[{100 * row['low']:+.2f}, {100 * row['high']:+.2f}]"
    return [*own, f"{row['share']:.0%}", f"{100 * row['difference']:+.2f}", interval, str(row["verdict"])]


def _compared(
    place: Path, both: Path, designed: Path | None, length: dict[str, Any], data: str | None, root: Any
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Trainings and summary of a search's points and the hand-designed networks, begun or gone on with.

    designed: a comparison that has trained the latter, by the same recipe for as long; they are not trained again.
    """
    if both.is_dir():
        made = compare(resume=both, data_root=root, minutes=length["minutes"])
    else:
        points = [f"{place}@{trial}" for trial in chosen(results(open_run(place)).front)]
        others = () if designed else DESIGNED
        made = compare([*points, *others], data=data, data_root=root, out=both, **length)
    if designed is None:
        return made.trainings, made.summary
    mine, theirs = (_opened(folder) for folder in (both, designed))
    if replace(mine.setup, networks=("",)) != replace(theirs.setup, networks=("",)):
        raise UserError(
            f"{designed}: its networks were trained otherwise or on other data than those of {both}"
        )
    networks = {row["label"]: row["network"] for row in theirs.noted("rows") if row["label"] in DESIGNED}
    table = summarise(theirs, networks)
    trained = theirs.frame()
    trained = trained[trained["network"].isin(networks.values())]
    return pd.concat([made.trainings, trained]), pd.concat([made.summary, table])


def _opened(folder: Path) -> Trainings:
    return find(folder, None, partial(Trainings.open, kind="compare"))


def main(
    out: Annotated[
        Path, typer.Option(help="Folder of both runs and the page; gone on with if there.")
    ] = Path("results/proof"),
    data: Data = None,
    data_root: Annotated[Path | None, typer.Option(help="Folder of downloaded data sets.")] = None,
    budget: Annotated[str, typer.Option(help="Of the search.")] = "300MFLOPs",
    minutes: Annotated[float, typer.Option(help="Of the search.")] = 60.0,
    confirm: Annotated[float, typer.Option(help="Share of them that confirms its front.")] = 0.42,
    compare_minutes: Annotated[
        float, typer.Option(help="Of the comparison, this time; 0 leaves it for later.")
    ] = 120.0,
    epochs: Annotated[float | None, typer.Option(help="Of the comparison's trainings. [thorough]")] = None,
    seeds: Annotated[int, typer.Option(min=2, help="Of the comparison.")] = 3,
    space: Annotated[str | None, typer.Option(help="Of the search.")] = None,
    designed: Annotated[
        Path | None,
        typer.Option(
            help="A comparison that has trained the hand-designed networks so; they are not trained again."
        ),
    ] = None,
) -> None:
    """Search, compare, and say what came of it."""
    place = out / "search"
    if not place.is_dir():
        search(
            budget, space=space, data=data, data_root=data_root, minutes=minutes, confirm=confirm, out=place
        )
    elif not results(open_run(place)).is_confirmed:
        search(resume=place, data_root=data_root, minutes=minutes)
    found = results(open_run(place))
    if not compare_minutes:
        return
    schedule = {"epochs": epochs} if epochs else {"fidelity": "thorough"}
    length = {"minutes": compare_minutes, "seeds": seeds, **schedule}
    trainings, summary = _compared(place, out / "compare", designed, length, data, data_root)
    label = dict(zip(summary["network"], summary["label"], strict=True))
    trainings = trainings.assign(network=trainings["network"].map(label))
    labels = [name for name in label.values() if name.startswith(f"{place.name}@")]
    beside, volumes = besides(trainings, labels), area(trainings, labels, REFERENCE)
    write_text(out / "besides.csv", table_csv(beside))
    counts = summary["seeds"]
    told = [
        f"A search of {minutes:g} minutes under {budget} ended with a confirmed front of {len(found.front)} points; "
        f"{', '.join(labels)} were compared. Every network was trained for {trainings['epochs'].max():g} epochs with "
        f"{counts.min()} to {counts.max()} seeds by one recipe, and read the test images once a training.",
    ]
    write_text(out / "proof.md", page(beside, volumes, REFERENCE, told))
    typer.echo((out / "proof.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    from nas.console.commands import run

    run(main)
