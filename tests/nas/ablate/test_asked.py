"""nas.ablate.asked: from what a user asks to the plan."""

import pytest

import nas
from nas.ablate.asked import Asked, StoryStep, pair, plan_of
from nas.common.errors import UserError
from nas.console.options import separated
from nas.engine.terms import Terms
from search_spaces import Arch

BASE = "stem8_HS-ir8-2xir16_k5_t2_s2_se_HS-head32_HS"
SMALL = Terms(target_resolution=32, target_classes=10)
STORY = (
    StoryStep("A", BASE),
    StoryStep("no SE", origin="A", switches=(("se", "off"),)),
    StoryStep("small kernels", origin="no SE", switches=(("kernel", "5 -> 3"), ("activation", "HS -> RE"))),
    StoryStep("wide", origin="A", switches=(("expansion", "t = 6"),), as_is=False),
)


def test_a_network_is_ablated_by_the_components_asked_for() -> None:
    plan, title = plan_of(Asked(BASE, ("se", "kernel"), equal=()), SMALL)
    assert plan.base == BASE == title and {row.component for row in plan.rows[1:]} == {"se", "kernel"}
    assert (
        plan_of(Asked("mobilenet_v3_small_x0.35", ("se",), equal=()), SMALL)[1] == "mobilenet_v3_small_x0.35"
    )


def test_a_step_is_compared_with_what_it_is_made_from() -> None:
    plan, title = plan_of(Asked(steps=STORY[:3], equal=(), title="story"), SMALL)
    assert title == "story"
    base, first, second = plan.rows
    assert (base.arch, base.comparison) == (BASE, "base")
    assert (first.name, first.against) == ("A -> no SE", BASE)
    assert (second.name, second.against) == ("no SE -> small kernels", first.arch)
    assert (
        "_se" not in first.arch and "k5" not in second.arch and "_HS" not in second.arch.split("head")[0][6:]
    )
    assert [c.terms for c in plan.contrasts] == [
        ((1.0, first.arch), (-1.0, BASE)),
        ((1.0, second.arch), (-1.0, first.arch)),
    ]
    assert plan.archs() == [BASE, first.arch, second.arch]


def test_a_step_is_taken_at_equal_cost_as_well() -> None:
    plan, _ = plan_of(Asked(steps=STORY), SMALL)
    rows = {(row.name, row.comparison): row for row in plan.rows}
    assert ("A -> wide", "as is") not in rows  # as it asked for
    for (_, comparison), row in rows.items():
        if comparison == "equal macs" and row.status == "train":
            mine, theirs = (nas.cost(Arch.parse(text), 32, 10).macs for text in (row.arch, row.against))
            assert mine / theirs == pytest.approx(row.ratio) == pytest.approx(1, abs=0.01)
        elif comparison == "equal macs":
            assert row.reason
    as_is = rows["A -> no SE", "as is"]
    assert (
        as_is.ratio == nas.cost(Arch.parse(as_is.arch), 32, 10).macs / nas.cost(Arch.parse(BASE), 32, 10).macs
    )


def test_a_step_that_changes_all_widths_is_not_undone() -> None:
    step = StoryStep("thin", origin="A", switches=(("width", "x 0.75"),))
    rows = plan_of(Asked(steps=(StoryStep("A", "mobilenet_v3_small"), step)), SMALL)[0].rows
    equal = next(row for row in rows if row.comparison == "equal macs")
    assert equal.status == "impossible" and "undo" in equal.reason


def test_a_pair_alone() -> None:
    plan, _ = plan_of(Asked(BASE, (), equal=(), pairs=(("se", "kernel"),)), SMALL)
    assert [row.component for row in plan.rows] == ["base", "se", "kernel", "se x kernel"]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (Asked(), "no network"),
        (Asked("torchvision:resnet18"), "resnet18"),
        (Asked(BASE, ("sex",)), "sex"),
        (Asked(BASE, equal=("flops",)), "flops"),
        (Asked(BASE, equal=("latency",)), "latency"),
        (Asked(BASE, components=()), "nothing to ablate"),
        (Asked(steps=STORY, equal=()), "wide"),
        (Asked(steps=(STORY[0], StoryStep("B", origin="A", switches=(("se", "of"),)))), "se off"),
        (Asked(steps=(STORY[0], StoryStep("B", origin="A", switches=(("sex", "off"),)))), "sex"),
    ],
)
def test_what_cannot_be_asked_is_refused(asked: Asked, told: str) -> None:
    with pytest.raises(UserError, match=told):
        plan_of(asked, SMALL)


def test_names_and_pairs_are_read() -> None:
    assert separated(" se, kernel,") == ("se", "kernel") and separated("none") == ()
    assert pair("se,kernel") == ("se", "kernel")
    for text in ("se", "se,se", "a,b,c", ""):
        with pytest.raises(UserError):
            pair(text)
