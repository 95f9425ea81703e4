"""nas.search.Run: a run from Python, short in a terminal, a table in a notebook, its diagrams as plotly figures."""

from pathlib import Path

import plotly.graph_objects as go
import pytest

from nas.common.errors import UserError
from nas.search import Run
from nas.search.record import create_run
from tests.nas.search import small
from tests.nas.search.made_up import EMPTY, run


def test_it_is_short_in_a_terminal_and_a_table_in_a_notebook() -> None:
    found = Run(Path("results/x"), run())
    assert repr(found) == "<Run results/x: 6 trials, 2 on the front, trial 1: 60.0% at 100 M>"
    html = found._repr_html_()
    assert "take trial 1: 60.0 %" in html and html.count("<tr>") == 3
    assert len(found.front) == 2 and len(found.baselines) == 1 and len(found.trials) == 6
    empty = Run(Path("x"), run(trials=EMPTY, front=EMPTY, baselines=EMPTY))
    assert repr(empty) == "<Run x: 0 trials, 0 on the front>" and "nothing has run" in empty._repr_html_()


def test_its_diagrams_are_figures() -> None:
    found = Run(Path("x"), run())
    for figure in (found.plot_front(), found.plot_front("params"), found.plot_area(), found.plot_curves()):
        assert isinstance(figure, go.Figure)
    assert "Parameters" in found.plot_front("params").layout.xaxis.title.text
    with pytest.raises(UserError, match="cost 'beauty'"):
        found.plot_front("beauty")


def test_a_folder_is_opened(tmp_path: Path) -> None:
    create_run(tmp_path / "run", None, small.settings(), {})
    assert len(Run.open(str(tmp_path / "run")).trials) == 0
    with pytest.raises(UserError, match="is no run"):
        Run.open(tmp_path)
