"""Made-up runs: tables and settings of one's own, for what is drawn and written of a search."""

from typing import Any

import numpy as np
import pandas as pd

from nas.latency.table.identity import TableId
from nas.search.record import COLUMNS
from nas.search.results import Results, as_selected
from nas.train.recipe import Fidelity
from tests.nas.search import small

ARCH = "stem16_HS-ir16-ir24_t4_s2-2xgs48_e24_g2-sg96_t4_s2_se"


def rows(**columns: Any) -> pd.DataFrame:
    """A run's table; by default of finished trials."""
    count = len(columns["accuracy"])
    blank = {"trial": range(count), "state": "COMPLETE", "arch": ARCH, "epochs": 3.0}
    costs = {"macs": 10**8, "params": 3 * 10**6, "seconds": 9.0, "activations": 10**6}
    table = pd.DataFrame({**blank, **costs, **columns}, columns=[*COLUMNS, "name", "reason"])
    table = table.fillna({"name": "", "reason": ""})
    floats = [
        name for name in COLUMNS if name.endswith(("_ms", "_low", "_high")) or name in ("accuracy", "epochs")
    ]
    return table.astype(dict.fromkeys(floats, "float64"))


EMPTY = rows(accuracy=[])


def run(trials: pd.DataFrame | None = None, **changes: Any) -> Results:
    """Results with some tables or settings of one's own."""
    if trials is None:
        trials = rows(
            accuracy=[0.50, 0.60, 0.55, np.nan, 0.70, 0.40],
            macs=[50e6, 100e6, 120e6, 90e6, 400e6, 60e6],
            state=["COMPLETE", "COMPLETE", "COMPLETE", "FAIL", "COMPLETE", "RUNNING"],
        )
    settings = small.settings(
        data_name=changes.pop("data", "some photographs"),
        fidelity=Fidelity(3.0),
        target_resolution=224,
        target_classes=1000,
        budgets=changes.pop("budgets", ("300MFLOPs",)),
        objectives=("accuracy", changes.pop("objective", "macs")),
        latency=TableId("a Pixel 1", "", "", here=True),
    )
    tables = {"front": trials.iloc[[1, 0]] if len(trials) > 1 else trials, "control": EMPTY}
    tables["baselines"] = rows(accuracy=[0.58], macs=[217e6], name=["mobilenet_v3_large"])
    tables |= changes
    tables["front"] = as_selected(tables["front"])
    return Results(settings, trials, **tables)
