"""The results of a comparison, made from its study alone: tables, a picture, and the summary in the terminal."""

import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from markupsafe import Markup
from rich.console import Console
from rich.text import Text

from nas.common import stats
from nas.common.csv_text import table_csv
from nas.common.files import write_text
from nas.common.quantities import COUNTED_COLUMNS, LATENCY, MACS, PARAMS
from nas.compare.picture import comparison_sheet
from nas.compare.trainings import Trainings
from nas.console.text_table import aligned, in_points
from nas.engine.costs import elsewhere
from nas.figures.markup import table
from nas.figures.page import document
from nas.figures.picture import save_png
from nas.networks.cost import TARGET_RESOLUTION
from nas.networks.references import Model, parse
from nas.runs.studies import measuring_said
from nas.zoo import published
from nas.zoo.catalogue import name_of, rows_of

FILES = "comparison.html, comparison.png, summary.csv, comparison.csv, published.csv"
COLUMNS = (
    *("label", "network", "seeds", "accuracy", "accuracy_low", "accuracy_high"),
    *("test_accuracy", "test_low", "test_high", "difference", "difference_low", "difference_high"),
    *("p_holm", "verdict", "smallest", *COUNTED_COLUMNS, "latency_ms", "note"),
)


def summarise(trainings: Trainings, networks: Mapping[str, str]) -> pd.DataFrame:
    """A row a network, in COLUMNS; accuracies and differences in [0, 1], costs at the setup's target.

    `networks` are texts by what they are called. A difference is to the first one, on the test images, paired by
    seed; spread and noise are pooled over all networks (`nas.common.stats`).
    """
    validated, tested = (
        {network: trainings.accuracies(network, test=of) for network in networks.values()}
        for of in (False, True)
    )
    means, test_means = stats.pooled_intervals(validated), stats.pooled_intervals(tested)
    first = next(iter(tested))
    contrasts = {name: [(1.0, name), (-1.0, first)] for name in tested if name != first}
    effects = stats.contrast_effects(tested, contrasts)
    lines = []
    for label, network in networks.items():
        count = sum(not math.isnan(value) for value in validated[network])
        told: tuple[object, ...] = (*[math.nan] * 4, "", math.nan)
        if effect := effects.get(network):
            verdict = stats.BESIDE.get(effect.verdict, effect.verdict)
            told = (effect.mean, effect.low, effect.high, effect.p_holm, verdict, effect.smallest)
        cost = trainings.setup.cost(network)
        latency = (trainings.noted("latency_ms") or {}).get(network, math.nan)
        costs = (*(getattr(cost, name) for name in COUNTED_COLUMNS), latency)
        spread, note = (*means[network], *test_means[network]), trainings.shortfall(network)
        lines.append((label, network, count, *spread, *told, *costs, note))
    return pd.DataFrame(lines, columns=list(COLUMNS))


def printed(networks: Mapping[str, str]) -> pd.DataFrame:
    """What others have published of these networks: label, data set, and the columns of both tables."""
    found = []
    for label, network in networks.items():
        name = name_of(parse(network))
        for data, every in (("ImageNet", published.imagenet()), ("CIFAR-10", published.cifar10())):
            for told in rows_of(name, every) if name else []:
                found.append({"label": label, "data": data, **told.to_dict()})
    if not found:
        return pd.DataFrame(columns=["label", "data", *published.imagenet().columns])
    return pd.DataFrame(found).convert_dtypes()


def write_results(trainings: Trainings, networks: Mapping[str, str], folder: Path) -> pd.DataFrame:
    """Write all FILES, each whole or not at all; the summary."""
    summary, others = summarise(trainings, networks), printed(networks)
    write_text(folder / "comparison.csv", table_csv(trainings.frame()))
    write_text(folder / "summary.csv", table_csv(summary))
    write_text(folder / "published.csv", table_csv(others))
    sheet = comparison_sheet(trainings.setup, len(trainings.seeds), summary)
    notes = [f"{row['label']}: {row['note']}" for _, row in summary[summary["note"] != ""].iterrows()]
    body = table(*_listed(summary, others), left=("network", "verdict"), name="the networks")
    body += Markup("").join(Markup("<p>{}</p>").format(line) for line in notes)
    write_text(
        folder / "comparison.html", document([sheet], "The networks", body, at=folder / "comparison.html")
    )
    save_png(sheet, folder / "comparison.png")
    return summary


def print_summary(
    trainings: Trainings, networks: Mapping[str, str], summary: pd.DataFrame, console: Console
) -> None:
    """The networks as a table, and what its columns mean."""
    setup = trainings.setup
    said = [
        f"{setup.data_name}: every network re-trained for {setup.trained}, {len(trainings.seeds)} seeds",
        f"{setup.judged_by}: mean [95 % interval]; differences to the first network, on the test images, paired by "
        "seed",
        f"costs at {setup.target}; multiply-adds of convolutions, fully connected layers and attention",
        "published: as printed by others, obtained by other recipes",
        *([f"latency: predicted, of {trainings.noted('latency_of')}"] if _timed(summary) else []),
        "",
        aligned(*_listed(summary, printed(networks)), ("network", "verdict")),
        "",
        *elsewhere(setup, networks),
    ]
    said += [f"{line['label']}: {line['note']}" for _, line in summary[summary["note"] != ""].iterrows()]
    said += measuring_said(trainings.trials())
    smallest = summary["smallest"].max()
    if not math.isnan(smallest):
        said.append(
            f"With a probability of 80 % these seeds would have shown a difference of {100 * smallest:.2f} points."
        )
    console.print(Text("\n".join(said)), soft_wrap=True)


def _timed(summary: pd.DataFrame) -> bool:
    return bool(summary[LATENCY.column].notna().any())


def _listed(summary: pd.DataFrame, others: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the table of networks, as printed and on the page."""
    costs = {MACS.heading: MACS, PARAMS.heading: PARAMS}
    if _timed(summary):
        costs[LATENCY.unit] = LATENCY
    header = ["network", "seeds", "validation %", "test %", "difference in points", "verdict", *costs]
    header += ["published: ImageNet %", "published: CIFAR-10 %"]
    lines = []
    for _, row in summary.iterrows():
        mine = others[others["label"] == row["label"]]
        lines.append(
            [
                str(row["label"]),
                str(row["seeds"]),
                _percent(row["accuracy"], row["accuracy_low"], row["accuracy_high"]),
                _percent(row["test_accuracy"], row["test_low"], row["test_high"]),
                in_points(row["difference"], row["difference_low"], row["difference_high"]),
                str(row["verdict"]),
                *(
                    "" if pd.isna(row[cost.column]) else cost.cell(row[cost.column])
                    for cost in costs.values()
                ),
                _range(mine[(mine["data"] == "ImageNet") & (mine["resolution"] == TARGET_RESOLUTION)]),
                _range(mine[mine["data"] == "CIFAR-10"]),
            ]
        )
    return header, lines


def _percent(mean: float, low: float, high: float) -> str:
    """A share with its interval: `56.31 [55.80, 56.82]`."""
    if math.isnan(mean):
        return ""
    return f"{100 * mean:.2f}" + ("" if math.isnan(low) else f" [{100 * low:.2f}, {100 * high:.2f}]")


def _range(rows: pd.DataFrame) -> str:
    figures = rows["top1_percent"].dropna()
    ends = dict.fromkeys([figures.min(), figures.max()]) if len(figures) else ()
    return " to ".join(f"{end:g}" for end in ends)


def label_of(text: str, model: Model) -> str:
    """What a network is called that a user wrote as `text`: short, and telling which it is."""
    run, at, trial = text.rpartition("@")
    if at:
        return f"{Path(run).resolve().name}@{trial}"
    return text if len(text) <= 40 else name_of(model) or f"{text[:37]}..."
