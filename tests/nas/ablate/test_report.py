"""nas.ablate.report: the lines and files of an ablation."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from nas.ablate.report import FILES, ablation_info, explanations, print_summary, verdicts, write_results
from nas.ablate.study import Plan
from nas.console.text_table import in_points
from tests.nas.ablate.test_summary import arch_of, plan, trained

__all__ = ["plan"]


def test_every_variant_has_a_line_with_both_comparisons(plan: Plan) -> None:
    gains = {arch_of(plan, "se off"): -0.05}
    info = ablation_info(trained(plan, gains), plan, "mine")
    header, rows = verdicts(info)
    assert header[0] == "variant" and all(len(row) == len(header) for row in rows)
    lines = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert lines["se off"]["as is: verdict"] == "hurts" and lines["se off"]["as is: points"].startswith("-")
    assert lines["relu_after_depthwise on"]["as is: verdict"] == "identical to the base"
    assert "equal macs: verdict" in header and any("interaction" in name for name in lines)


def test_what_was_not_reached_is_explained(plan: Plan) -> None:
    info = ablation_info(trained(plan, {}, seeds=2), plan, "mine")
    told = " ".join(explanations(info))
    assert "2 of 4 seeds" in told and "80 %" in told
    assert any("unfinished" in cell for row in verdicts(info)[1] for cell in row)


@pytest.mark.parametrize("seeds", [0, 1, 4])
def test_all_files_are_written_however_much_is_there(plan: Plan, seeds: int, tmp_path: Path) -> None:
    trainings = trained(plan, {}, seeds=seeds)
    info = ablation_info(trainings, plan, "mine & <yours>")
    write_results(trainings, plan, info, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(FILES.split(", "))
    page = (tmp_path / "ablation.html").read_text()
    assert "mine &amp; &lt;yours&gt;" in page and "<yours>" not in page.split("<section>")[1]
    text = StringIO()
    print_summary(info, Console(file=text, width=80))
    assert "digits" in text.getvalue() and "se off" in text.getvalue()


def test_a_difference_is_told_in_points() -> None:
    assert in_points(0.00412, -0.002, 0.0102) == "+0.41 [-0.20, +1.02]"
    assert in_points(-0.00001, float("nan"), float("nan")) == "+0.00"
    assert in_points(float("nan"), 0.0, 0.0) == ""
