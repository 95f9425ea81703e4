"""experiments.at_length: a row a training, from what it left."""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from experiments.at_length import trainings
from nas.common.errors import UserError
from nas.train.recipe import Recipe
from search_spaces import zoo


def left(folder: Path, **changes: Any) -> Path:
    """A folder as a training leaves it."""
    curve = [
        {"share": n / 4, "accuracy": a, "seconds": 60.0 * n} for n, a in enumerate((0.7, 0.86, 0.84, 0.9), 1)
    ]
    told = {
        "arch": str(zoo.get("mobilenet_v3_small")),
        "data": {"name": "flowers"},
        "fidelity": {"epochs": 4.0, "subset": 1.0, "resolution": 32},
        "recipe": asdict(replace(Recipe(), mixup=0.2)),
        "seed": 0,
        "init": None,
        "threads": 1,
        "validation_accuracy": 0.9,
        "test_accuracy": 0.89,
        "images": 1000,
        "seconds": 240.04,
        "curve": curve,
        **changes,
    }
    folder.mkdir()
    (folder / "result.json").write_text(json.dumps(told))
    return folder


def test_a_row_says_what_was_done_and_when_it_stood_where(tmp_path: Path) -> None:
    table = trainings([left(tmp_path / "a"), left(tmp_path / "b", curve=[])])
    row = table.iloc[0]
    assert row["training"] == "a" and row["macs"] == 56_510_400 and row["recipe"] == "mixup=0.2"
    assert (
        row["minutes_to_85"] == 2.0
        and row["minutes_to_90"] == 4.0
        and math.isnan(table["minutes_to_93"][0] or math.nan)
    )
    assert table["minutes_to_85"].isna().tolist() == [False, True]


def test_what_is_no_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no finished training"):
        trainings([tmp_path])
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(UserError, match="holds no finished training"):
        trainings([tmp_path])
