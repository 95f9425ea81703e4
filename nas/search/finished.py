"""What a search comes to, for Python: its tables, and its diagrams as plotly figures."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from nas.common.quantities import COLUMNS, QUANTITIES
from nas.console.options import AnyPath
from nas.engine.jobs import Ending
from nas.figures.layout import LEFT, Sheet
from nas.search.record import open_run
from nas.search.results import Results, results

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True, repr=False)
class Run:
    """A search: its folder, all its tables (`results`), and why it ended, where that is known.

    run = Run.open("results/my-run"); run.front; run.plot_front("params")
    """

    folder: Path
    results: Results
    ending: Ending | None = None

    @classmethod
    def open(cls, folder: AnyPath, storage: str | None = None) -> "Run":
        """A run as its storage has it now. Raises UserError where the folder is none."""
        return cls(Path(folder), results(open_run(Path(folder), storage)))

    @property
    def trials(self) -> pd.DataFrame:
        """Every trial, in the columns of trials.csv."""
        return self.results.trials

    @property
    def front(self) -> pd.DataFrame:
        """The front, the cheapest first, in the columns of front.csv."""
        return self.results.front

    @property
    def baselines(self) -> pd.DataFrame:
        """The hand-designed networks, in the columns of baselines.csv."""
        return self.results.baselines

    def __repr__(self) -> str:
        front = self.front
        said = f"{len(self.trials)} trials, {len(front)} on the front"
        if len(front):
            best = front.sort_values("accuracy").iloc[-1]
            cost = COLUMNS[self.results.settings.objective]
            said += f", trial {best['trial']}: {best['accuracy']:.1%} at {cost.show(best[cost.column])}"
        return f"<Run {self.folder}: {said}>"

    def _repr_html_(self) -> str:
        """For notebooks: the answer and the front."""
        from nas.search.page.lists import front_table
        from nas.search.page.words import answer
        from nas.search.verdict import verdict

        said = Markup("<p><b>{}</b></p>").format(answer(self.results, verdict(self.results)))
        return said + front_table(self.front, self.results.settings) if len(self.front) else said

    def plot_front(self, cost: str | None = None) -> "go.Figure":
        """Accuracy against a cost: macs, params, latency, ..., by default what was minimised.

        Raises UserError for a cost that is none.
        """
        from nas.common.errors import require
        from nas.figures.page import interactive
        from nas.search.picture import run_panel

        require(cost is None or cost in QUANTITIES, "cost", cost, " or ".join(QUANTITIES))
        panel = run_panel(self.results, QUANTITIES[cost] if cost else None)
        return interactive(Sheet("", (), ((panel, LEFT),)))

    def plot_area(self) -> "go.Figure":
        """The share of the area that the front dominates, by trials and by time."""
        from nas.figures.layout import RIGHT
        from nas.figures.page import interactive
        from nas.search.page.growth import area_panels

        by_trials, by_time = area_panels(self.results)
        return interactive(Sheet("", (), ((by_trials, LEFT), (by_time, RIGHT))))

    def plot_curves(self) -> "go.Figure":
        """Validation accuracy as the networks were trained."""
        from nas.figures.page import interactive
        from nas.search.page.growth import curves_panel

        return interactive(Sheet("", (), ((curves_panel(self.results), LEFT),)))
