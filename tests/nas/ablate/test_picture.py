"""nas.ablate.picture: what is drawn of an ablation, and that both ways of drawing take it."""

from pathlib import Path

import pytest
from PIL import Image

from nas.ablate.asked import Asked, StoryStep, plan_of
from nas.ablate.picture import AblationInfo, forest_sheet, tradeoff_sheet
from nas.ablate.study import Plan
from nas.ablate.summary import ablation_info
from nas.figures.drawing import Panel
from nas.figures.page import interactive
from nas.figures.picture import save_png
from tests.nas.ablate.test_summary import BASE, SMALL, arch_of, plan, trained

__all__ = ["plan"]


@pytest.fixture(scope="module")
def info(plan: Plan) -> AblationInfo:
    gains = {arch_of(plan, "se off"): -0.05, arch_of(plan, "kernel 5 -> 3"): 0.04}
    return ablation_info(trained(plan, gains), plan, "a network")


def at(panel: Panel, name: str) -> float:
    """The height of a name's row."""
    return panel.y_axis.ticks[panel.y_axis.names.index(name)]


def test_the_forest_has_a_row_a_variant_and_a_panel_a_comparison(info: AblationInfo) -> None:
    sheet = forest_sheet(info)
    (as_is, _), (equal, _) = sheet.panels
    assert as_is.title == "As is" and "multiply-adds" in equal.title
    assert as_is.y_axis.names == tuple(dict.fromkeys(info.telling["name"])) and as_is.x_axis == equal.x_axis
    assert as_is.mark == (0.0, "no difference")
    points = {series.name: series for series in as_is.series if series.in_legend}
    hurts = points["hurts"]
    row = info.telling[(info.telling["name"] == "se off") & (info.telling["comparison"] == "as is")].iloc[0]
    assert (100 * row["difference"], at(as_is, "se off")) in list(zip(hurts.x, hurts.y, strict=True))
    lines = [(series.x, series.y[0]) for series in as_is.series if series.style.line]
    ends = (100 * row["difference_low"], 100 * row["difference_high"])
    assert (ends, at(as_is, "se off")) in lines
    assert points["identical to the base"].x == (0.0,) * len(points["identical to the base"].x)


def test_reading_it_needs_no_manual(info: AblationInfo) -> None:
    for sheet in (forest_sheet(info), tradeoff_sheet(info)):
        told = " ".join([sheet.title, *sheet.subtitle])
        assert "4 seeds" in told and "epochs" in told and "a network" in told
    assert "percentage points" in forest_sheet(info).panels[0][0].x_axis.title
    assert "digits" in forest_sheet(info).title and "base: 71" in forest_sheet(info).subtitle[0]


def test_an_arrow_goes_from_the_base_to_each_variant(info: AblationInfo) -> None:
    (as_is, _), (equal, _) = tradeoff_sheet(info).panels
    base = info.rows.iloc[0]
    start = (base["macs"] / 1e6, 100 * base["accuracy"])
    rows = info.telling[(info.telling["comparison"] == "as is") & (info.telling["status"] == "train")]
    assert [arrow.start for arrow in as_is.arrows] == [start] * len(rows)
    assert {arrow.end for arrow in as_is.arrows} == {
        (row["macs"] / 1e6, 100 * row["accuracy"]) for _, row in rows.iterrows()
    }
    assert "Parameters" in equal.x_axis.title  # at equal multiply-adds, these say nothing


@pytest.mark.parametrize("seeds", [0, 4])
def test_both_ways_of_drawing_take_it(plan: Plan, seeds: int, tmp_path: Path) -> None:
    info = ablation_info(trained(plan, {}, seeds=seeds), plan, "a network")
    for sheet in (forest_sheet(info), tradeoff_sheet(info)):
        save_png(sheet, tmp_path / "a.png")
        with Image.open(tmp_path / "a.png") as image:
            assert image.size == (2400, 2 * sheet.height)
        figure = interactive(sheet)
        named = [trace.name for trace in figure.data if trace.showlegend]
        assert len(named) == len(set(named))
        arrows = [note for note in figure.layout.annotations if note.arrowhead == 2]
        assert len(arrows) == sum(len(panel.arrows) for panel, _ in sheet.panels)


def test_what_a_step_was_made_from_is_drawn_though_it_is_of_another_comparison() -> None:
    steps = (
        StoryStep("A", BASE),
        StoryStep("B", origin="A", switches=(("kernel", "5 -> 3"),)),
        StoryStep("C", origin="B", switches=(("se", "off"),)),
    )
    story = plan_of(Asked(steps=steps), SMALL)[0]
    info = ablation_info(trained(story, {}), story, "a story")
    for panel, _ in tradeoff_sheet(info).panels:
        drawn = {(x, y) for series in panel.series for x, y in zip(series.x, series.y, strict=True)}
        assert panel.arrows and all({arrow.start, arrow.end} <= drawn for arrow in panel.arrows)


@pytest.mark.slow
def test_many_networks_have_panels_as_wide_as_the_figure(plan: Plan) -> None:
    study = plan_of(
        Asked(BASE, ("se", "kernel", "groups", "stem", "width", "depth"), equal=("macs",)), SMALL
    )[0]
    sheet = tradeoff_sheet(ablation_info(trained(study, {}), study, "many"))
    (_, first), (_, second) = sheet.panels
    assert first.left == second.left and first.right == second.right
    assert first.bottom < second.top and second.bottom < sheet.height
