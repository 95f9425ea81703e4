"""What trainings at length came to: a table of the folders that `python -m nas.train` leaves.

python -m experiments.at_length results/v3-small-10 results/v3-small-30 --out results/at-length

Each row is a training: its network and cost, its length, what its recipe changes, accuracies, and the minutes that it
took until its validation accuracy first stood at 85, 90 and 93 % (empty where it never did).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from nas.common.csv_text import table_csv
from nas.common.errors import UserError
from nas.common.files import write_text
from nas.common.quantities import MACS, PARAMS
from nas.console.text_table import aligned
from nas.networks.cost import cost
from nas.networks.references import parse
from nas.train.recipe import Recipe

LEVELS = (0.85, 0.90, 0.93)
_SHOWN = ("training", "M", "epochs", "pixels", "recipe", "validation", "test", "minutes")


def main(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders of finished trainings.", metavar="FOLDER...")
    ],
    out: Annotated[Path, typer.Option(help="Folder for trainings.csv.")] = Path("results/at-length"),
) -> None:
    """Write a table of trainings and print it."""
    table = trainings(folders)
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "trainings.csv", table_csv(table))
    rows = [
        [
            row["training"],
            MACS.cell(row["macs"]),
            f"{row['epochs']:g}",
            str(row["resolution"]),
            row["recipe"] or "the default",
            f"{100 * row['validation']:.2f}",
            f"{100 * row['test']:.2f}",
            f"{row['seconds'] / 60:.1f}",
        ]
        for _, row in table.iterrows()
    ]
    print(aligned(list(_SHOWN), rows, left=("training", "recipe")))
    print(f"written to {out / 'trainings.csv'}")


def trainings(folders: Sequence[Path]) -> pd.DataFrame:
    """A row a folder, in its order. Raises UserError for one that holds no finished training."""
    return pd.DataFrame([_row(folder) for folder in folders])


def _row(folder: Path) -> dict[str, Any]:
    try:
        told = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        fidelity, curve = told["fidelity"], told["curve"]
        recipe = Recipe(**told["recipe"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder} holds no finished training: {error}") from None
    counted = cost(parse(told["arch"]))
    return {
        "training": folder.name,
        "network": told["arch"],
        MACS.column: counted.macs,
        PARAMS.column: counted.params,
        "data": told["data"]["name"],
        "epochs": fidelity["epochs"],
        "resolution": fidelity["resolution"],
        "recipe": recipe.told(),
        "init": told["init"] or "",
        "seed": told["seed"],
        "threads": told["threads"],
        "validation": told["validation_accuracy"],
        "test": told["test_accuracy"],
        "images": told["images"],
        "seconds": round(told["seconds"], 1),
        **{f"minutes_to_{level:.0%}".rstrip("%"): _reached(curve, level) for level in LEVELS},
    }


def _reached(curve: Sequence[dict[str, float]], level: float) -> float | None:
    """Minutes of training until the validation accuracy first stood so high at a report; None where it never did."""
    return next((round(one["seconds"] / 60, 1) for one in curve if one["accuracy"] >= level), None)


if __name__ == "__main__":
    from nas.console.commands import run

    run(main)
