"""nas.report of several runs: one point that areas are counted from, and no comparison of what is unlike."""

from pathlib import Path

import pytest

from nas.common.errors import UserError
from nas.common.fronts import hypervolume
from nas.report import overlay
from nas.report.several import corner
from nas.search.results import Results
from tests.nas.search.made_up import rows, run


def found(*accuracies: float, **changes: object) -> Results:
    macs = [(50 + 60 * i) * 1e6 for i in range(len(accuracies))]
    trials = rows(accuracy=list(accuracies), macs=macs)
    return run(trials=trials, front=trials, **changes)


def test_areas_are_counted_from_one_point(tmp_path: Path) -> None:
    one, other = found(0.5, 0.6), found(0.55, 0.56)
    said = overlay([("a/run", one), ("b/run", other)], tmp_path / "both")
    assert {path.name for path in tmp_path.iterdir()} == {"both.html", "both.png"}
    assert "a/run" in said and "from 0% and 300 M multiply-adds" in said
    for results in (one, other):
        area = hypervolume(results.front["accuracy"], results.front["macs"], (0.0, 3e8)) / 3e8
        assert f"{100 * area:.2f}" in said
    page = (tmp_path / "both.html").read_text()
    assert "a/run" in page and "mobilenet_v3_large" in page


def test_what_differs_is_said(tmp_path: Path) -> None:
    said = overlay([("a", found(0.5)), ("b", found(0.5))], tmp_path / "x")
    assert "These runs differ" not in said and "too high by the luck" in said


def test_unlike_runs_are_refused(tmp_path: Path) -> None:
    other = found(0.5, objective="params", budgets=())
    with pytest.raises(UserError, match="minimise different things"):
        overlay([("a", found(0.5)), ("b", other)], tmp_path / "x")
    with pytest.raises(UserError, match="named twice"):
        overlay([("a", found(0.5)), ("./a", found(0.5))], tmp_path / "x")
    with pytest.raises(UserError, match="at most 7"):
        corner({str(i): found(0.5) for i in range(8)})
