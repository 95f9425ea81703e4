"""How much each choice of a finished search mattered for accuracy, against accuracy at equal cost.

python -m nas.importance results/my-run
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from nas.figures.importance import ImportanceInfo
    from nas.importances import Importances
    from nas.settings import Settings

_COSTS = {
    "macs": "Multiply-adds",
    "params": "Parameters",
    "activations": "Activations",
    "latency": "Milliseconds",
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
    from rich.console import Console

    from nas.figures.importance import importance_sheet
    from nas.figures.page import document
    from nas.figures.picture import save_png
    from nas.files import write_text, write_whole
    from nas.importances import importances
    from nas.runs import open_run

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    record = open_run(run, storage)
    found = importances(record, shuffles, seed)
    sheet = importance_sheet(_info(record.settings, found))
    write_text(run / "importance.csv", found.choices.to_csv(index=False))
    write_text(run / "importance.html", document([sheet], "All choices", _html(found)))
    write_whole(run / "importance.png", lambda temporary: save_png(sheet, temporary))
    Console().print(_table(record.settings, found))


def _info(settings: "Settings", found: "Importances") -> "ImportanceInfo":
    from nas.figures.importance import ImportanceInfo

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


def _table(settings: "Settings", found: "Importances") -> "Table":
    from rich.table import Table
    from rich.text import Text

    title = Text(
        f"{settings.data_name}: {found.trials} trials of {settings.fidelity.epochs:g} epochs. "
        f"{_COSTS[found.cost]} alone explain {max(0.0, found.explained):.0%} of the accuracy's variance; shares are of "
        "what is left.\nA share that is not above chance (95 % of shuffles) is not to be believed."
    )
    table = Table(title=title, title_justify="left")
    table.add_column("choice", no_wrap=True)
    for heading in ("at equal cost", "chance", "PED-ANOVA", "plain accuracy"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("means at equal cost", overflow="fold")
    for _, row in found.choices.head(_SHOWN).iterrows():
        shares = [f"{row[c]:.1%}" for c in ("at_equal_cost", "chance", "ped_anova", "accuracy")]
        said = f"{row['best']} {100 * row['gain']:.2f} points above {row['worst']}"
        table.add_row(
            str(row["choice"]), *shares, said, style="dim" if row["at_equal_cost"] <= row["chance"] else ""
        )
    table.add_section()
    for _, row in found.options.iterrows():
        sums = [f"{row['at_equal_cost']:.1%}", "", f"{row['ped_anova']:.1%}", f"{row['accuracy']:.1%}"]
        table.add_row(f"{row['option']}, all stages", *sums, "")
    return table


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
    from nas.console import run as run_command

    run_command(main)
