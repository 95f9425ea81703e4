"""List the hand-designed networks with counted and published figures, or check the ones against the others.

python -m nas.zoo
python -m nas.zoo --check
"""

import json
from dataclasses import asdict
from itertools import chain
from typing import Annotated, Any

import typer

from nas.common.quantities import COLUMNS
from nas.console.terminal import say
from nas.console.text_table import aligned
from nas.figures.axes import tick
from nas.networks.cost import TARGET_RESOLUTION, cost
from nas.runs.naming import resolve
from nas.zoo.catalogue import (
    FIGURES,
    TOLERANCE,
    PublishedFigure,
    deviations,
    listed,
    published_figures,
    unbuildable,
)


def main(
    check: Annotated[
        bool, typer.Option(help="Only the published figures that a count contradicts, and why.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """List the networks of the zoo and reference classifiers, counted and as published, at 224x224."""
    if check:
        rows = deviations()
        say(json.dumps([row.plain() for row in rows], indent=2) if as_json else _checked(rows))
        if any(not row.reason for row in rows):
            raise typer.Exit(1)
    elif as_json:
        say(json.dumps([_entry(name) for name in listed()], indent=2))
    else:
        say(_listed())


def _listed() -> str:
    rows = []
    for name in listed():
        counted, printed = cost(resolve(name)), _printed(name)
        figures = [(COLUMNS[figure].cell(getattr(counted, figure)), printed[figure]) for figure in FIGURES]
        rows.append([name, *chain.from_iterable(figures)])
    header = ["name", *chain.from_iterable((COLUMNS[figure].heading, "published") for figure in FIGURES)]
    return (
        aligned(header, rows, left=("name",))
        + "\n\nMultiply-adds of convolutions, fully connected layers and attention, at 224x224 with 1000 classes. "
        "Other widths follow\neach family's rule: mobilenet_v2_x0.6. python -m nas.describe NAME shows the layers, "
        "and --check here\nwhere published figures deviate by more than 2 %."
    )


def _entry(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "arch": str(resolve(name)),
        **asdict(cost(resolve(name))),
        "published": [row.plain() for row in published_figures(name)],
    }


def _printed(name: str) -> dict[str, str]:
    """What was published at 224x224, the distinct figures of each kind, or a hyphen."""
    printed: dict[str, dict[str, None]] = {figure: {} for figure in FIGURES}
    for row in published_figures(name):
        if row.resolution == TARGET_RESOLUTION:
            printed[row.figure][tick(row.published / COLUMNS[row.figure].scale)] = None
    return {figure: " / ".join(figures) or "-" for figure, figures in printed.items()}


def _checked(deviating: list[PublishedFigure]) -> str:
    header = ["network", "resolution", "figure", "published", "counted", "difference", "reason"]
    rows = []
    for row in deviating:
        source = f" [{row.source}]" if row.contradicted else ""
        cells = {**row.cells(), "reason": f"{row.reason or 'UNEXPLAINED'}{source}"}
        rows.append([cells[heading] for heading in header])
    total = sum(len(published_figures(name)) for name in listed())
    inside = total - sum(not row.contradicted for row in deviating)
    parts = [
        aligned(header, rows, left=("network", "figure", "reason")),
        f"\n{inside} of {total} published figures are within {TOLERANCE:.0%} of the count. Rows with their "
        "source in brackets are\nnot in the table of published figures: the count contradicts them.",
        "\nPublished, but not built:",
        *(f"  {name}: {reason}" for name, reason in unbuildable().items()),
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    from nas.console.commands import run

    run(main)
