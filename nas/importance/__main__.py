"""How much each choice of a finished search mattered for accuracy, against accuracy at equal cost.

python -m nas.importance results/my-run
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.common.csv_text import table_csv
from nas.console.terminal import say
from nas.console.text_table import aligned

if TYPE_CHECKING:
    import pandas as pd

    from nas.importance.found import Importances

_SHOWN = 15
_SHARES = ("at_equal_cost", "chance", "ped_anova", "accuracy")


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

    from nas.common.files import write_text
    from nas.figures.page import document
    from nas.figures.picture import save_png
    from nas.importance.found import importances
    from nas.importance.picture import importance_sheet
    from nas.search.page import write_html
    from nas.search.record import open_run
    from nas.search.results import results

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    record = open_run(run, storage)
    result = importances(record, shuffles, seed)
    settings = record.settings
    sheet = importance_sheet(result, settings.data_name, settings.trained)
    write_text(run / "importance.csv", table_csv(result.choices))
    page = run / "importance.html"
    write_text(page, document([sheet], "All choices", _html(result), at=page))
    write_html(results(record), run / "front.html")  # which links to it and shows what matters most
    save_png(sheet, run / "importance.png")
    say(_text(result, settings.data_name, settings.fidelity.epochs))


def _text(result: "Importances", data: str, epochs: float) -> str:
    """What is printed: the most important choices, the options, and how to read them."""
    rows = []
    for _, row in result.choices.head(_SHOWN).iterrows():
        means = f"{row['best']} {100 * row['gain']:+.2f} points over {row['worst']}"
        rows.append([str(row["choice"]), *_shares(row), means])
    for _, row in result.options.iterrows():
        rows.append([f"all {row['option']}", *_shares(row), ""])
    heading = ["choice", "share", "chance", "", "PED", "plain", "means at equal cost"]
    return (
        f"{data}: {result.trials} trials of {epochs:g} epochs; {result.cost_words.lower()} alone explain\n"
        f"{max(0.0, result.explained):.0%} of the validation accuracy's variance and are taken out.\n\n"
        f"{aligned(heading, rows, left=('choice', '', 'means at equal cost'))}\n\n"
        "share: of the importance at equal cost (fANOVA); chance: what it reaches with shuffled accuracies in 95 %\n"
        "of cases; * where it exceeds what the luckiest of all choices reaches so; PED: by PED-ANOVA; plain: fANOVA,\n"
        "the cost not taken out."
    )


def _shares(row: "pd.Series") -> list[str]:
    """In per cent; no chance where nothing was shuffled."""
    share, chance, ped, plain = (
        "" if row[column] != row[column] else f"{row[column]:.1%}" for column in _SHARES
    )
    return [share, chance, "*" if row["at_equal_cost"] > row["corrected"] else "", ped, plain]


def _html(result: "Importances") -> str:
    """Every choice as a table."""
    from nas.figures.markup import table

    header = [
        "choice",
        "share at equal cost (%)",
        "chance (%)",
        "PED-ANOVA (%)",
        "share of plain accuracy (%)",
    ]
    header += ["best value", "worst value", "difference of their means at equal cost (points)"]
    rows = []
    for _, row in result.choices.iterrows():
        shares = ["" if row[column] != row[column] else f"{100 * row[column]:.2f}" for column in _SHARES]
        rows.append([row["choice"], *shares, row["best"], row["worst"], f"{100 * row['gain']:.2f}"])
    return table(header, rows, left=("choice",), name="all choices")


if __name__ == "__main__":
    from nas.console.commands import run as run_command

    run_command(main)
