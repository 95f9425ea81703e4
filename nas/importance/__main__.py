"""How much each choice of a finished search mattered for accuracy, against accuracy at equal cost.

python -m nas.importance results/my-run
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

    from nas.importance.found import Importances
    from nas.importance.picture import ImportanceInfo
    from nas.search.settings import Settings

_COSTS = {
    "macs": "Multiply-adds",
    "params": "Parameters",
    "activations": "Activations",
    "latency_ms": "Milliseconds",
}
_SHOWN = 15


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a run.", metavar="RUN")],
    shuffles: Annotated[
        int, typer.Option(min=0, max=1000, help="Shuffled accuracies, to say what chance alone reaches.")
    ] = 20,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of the forests and the shuffles.")] = 0,
    storage: Annotated[str | None, typer.Option(help="Storage URL, where it is not in the folder.")] = None,
) -> None:
    """Write importance.csv, importance.html and importance.png into a run's folder, and print the table."""
    import optuna

    from nas.common.files import write_text, write_whole
    from nas.figures.page import document
    from nas.figures.picture import save_png
    from nas.importance.found import importances
    from nas.importance.picture import importance_sheet
    from nas.search.record import open_run

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    record = open_run(run, storage)
    found = importances(record, shuffles, seed)
    sheet = importance_sheet(_info(record.settings, found))
    write_text(run / "importance.csv", found.choices.to_csv(index=False))
    write_text(run / "importance.html", document([sheet], "All choices", _html(found)))
    write_whole(run / "importance.png", lambda temporary: save_png(sheet, temporary))
    print(_said(record.settings, found))


def _info(settings: "Settings", found: "Importances") -> "ImportanceInfo":
    from nas.importance.picture import ImportanceInfo

    fidelity = settings.fidelity
    return ImportanceInfo(
        data=settings.data_name,
        fidelity=f"{fidelity.epochs:g} epochs at {fidelity.resolution}x{fidelity.resolution}",
        trials=found.trials,
        cost=_COSTS[found.cost],
        explained=found.explained,
        choices=found.choices,
        options=found.options,
    )


def _said(settings: "Settings", found: "Importances") -> str:
    """What is printed: the most important choices, the options, and how to read them."""
    from nas.console.text_table import aligned

    rows = []
    for _, row in found.choices.head(_SHOWN).iterrows():
        means = f"{row['best']} {100 * row['gain']:+.2f} points over {row['worst']}"
        rows.append([str(row["choice"]), *_shares(row), means])
    for _, row in found.options.iterrows():
        rows.append([f"all {row['option']}", *_shares(row), ""])
    heading = ["choice", "share", "chance", "", "PED", "plain", "means at equal cost"]
    return (
        f"{settings.data_name}: {found.trials} trials of {settings.fidelity.epochs:g} epochs; "
        f"{_COSTS[found.cost].lower()} alone explain\n{max(0.0, found.explained):.0%} of the validation accuracy's "
        f"variance and are taken out.\n\n{aligned(heading, rows, left=('choice', '', 'means at equal cost'))}\n\n"
        "share: of the importance at equal cost (fANOVA), * where it exceeds what shuffled accuracies reach\n"
        "in 95 % of cases (chance); PED: by PED-ANOVA; plain: fANOVA, the cost not taken out."
    )


def _shares(row: "pd.Series") -> list[str]:
    """In per cent; no chance where nothing was shuffled."""
    share, chance, ped, plain = (
        "" if row[c] != row[c] else f"{row[c]:.1%}"
        for c in ("at_equal_cost", "chance", "ped_anova", "accuracy")
    )
    return [share, chance, "*" if row["at_equal_cost"] > row["chance"] else "", ped, plain]


def _html(found: "Importances") -> str:
    shown = found.choices.copy()
    for column in ("at_equal_cost", "chance", "ped_anova", "accuracy"):
        shown[column] = (100 * shown[column]).round(2)
    shown["gain"] = (100 * shown["gain"]).round(2)
    shown.columns = [
        "choice",
        "share at equal cost (%)",
        "chance (%)",
        "PED-ANOVA (%)",
        "share of plain accuracy (%)",
        "best value",
        "worst value",
        "difference of their means at equal cost (points)",
    ]
    return str(shown.to_html(index=False, border=0, escape=True))


if __name__ == "__main__":
    from nas.console.commands import run as run_command

    run_command(main)
