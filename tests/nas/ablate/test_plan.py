"""Plans: what is trained, in which order, and what is read from it."""

import math
from typing import Any

import pytest

from blocks import UserError
from nas.ablate.components import get
from nas.ablate.plan import Draft, plain_form
from nas.ablate.study import AS_IS, BASE, Component, Plan, Price, Row
from search_spaces import Arch, zoo
from tests.nas.ablate.test_equal import formula

BASE_ARCH = zoo.get("mobilenet_v3_small")
EQUAL = "equal macs"


def plan(base: Arch, components: list[Component], equal: dict[str, Price], **options: Any) -> Plan:
    draft = Draft(equal, formula)
    draft.ablate(base, components, **options)
    return draft.plan()


def planned(*names: str, **options: Any) -> Plan:
    return plan(BASE_ARCH, [get(name) for name in names], {"macs": formula}, **options)


def test_the_base_comes_first_then_variant_by_variant_both_comparisons() -> None:
    rows = planned("se", "kernel").rows
    assert (rows[0].name, rows[0].comparison, rows[0].arch) == (BASE, BASE, str(BASE_ARCH))
    assert [(row.name, row.comparison) for row in rows[1:]] == [
        (name, comparison)
        for name in ("se off", "se on", "kernel 5 -> 3", "kernel 3 -> 5")
        for comparison in (AS_IS, EQUAL)
    ]


def test_every_row_at_equal_cost_is_within_a_hundredth_or_says_why() -> None:
    names = (
        "se",
        "activation",
        "kernel",
        "expansion",
        "groups",
        "block",
        "residual",
        "last_stage",
        "stem",
        "depth",
        "width",
    )
    for row in planned(*names).rows:
        if row.comparison != EQUAL:
            continue
        if row.status == "impossible":
            assert row.reason and not row.arch
        else:
            ratio = formula(Arch.parse(row.arch)) / formula(BASE_ARCH)
            assert abs(ratio - 1) <= 0.01 and row.ratio == pytest.approx(ratio)


def test_each_row_that_is_trained_is_read_once_and_no_other() -> None:
    made = planned("activation", "expansion", "width", "block")
    contrasts = {(c.name, c.family): c.terms for c in made.contrasts}
    assert len(contrasts) == len(made.contrasts)
    for row in made.rows[1:]:
        terms = contrasts.pop((row.name, row.comparison), None)
        assert (terms is not None) == (row.status == "train"), row
        if terms:
            assert terms == ((1.0, row.arch), (-1.0, str(BASE_ARCH)))
    assert not contrasts


def test_identical_and_impossible_rows_are_said_and_not_trained() -> None:
    rows = {(row.name, row.comparison): row for row in planned("block", "width", "depth").rows}
    assert rows["block sg -> ir", AS_IS].status == "identical"
    assert rows["depth -1 in stage 1", AS_IS].status == "impossible"
    undone = rows["width x 1.25", EQUAL]
    assert undone.status == "impossible" and "undo" in undone.reason
    assert rows["width x 1.25", AS_IS].status == "train"
    assert math.isnan(undone.ratio) and rows["width x 1.25", AS_IS].ratio > 1.2


def test_a_network_of_two_rows_is_trained_once() -> None:
    made = planned("activation")
    texts = made.archs()
    assert len(texts) == len(set(texts)) == 3, "the base and two variants that cost the same as it is"
    same = next(row for row in made.rows if row.comparison == EQUAL)
    assert "costs the same" in same.reason and same.status == "train"


def test_without_a_price_there_is_one_comparison() -> None:
    made = plan(BASE_ARCH, [get("se")], {})
    assert {row.comparison for row in made.rows} == {BASE, AS_IS}
    assert made.rows[1].ratio == formula(Arch.parse(made.rows[1].arch)) / formula(BASE_ARCH)


def test_several_prices() -> None:
    equal: dict[str, Price] = {"macs": formula, "params": lambda arch: float(arch.channels)}
    made = plan(BASE_ARCH, [get("kernel")], equal)
    assert {row.comparison for row in made.rows} == {BASE, AS_IS, EQUAL, "equal params"}


def test_single_stages() -> None:
    rows = [row for row in planned("se", per_stage=True).rows if row.comparison == AS_IS]
    assert [row.stage for row in rows if row.label == "off"] == [0, 1, 3, 4, 5]
    assert rows[1].name == "se off in stage 1"


def test_a_pair_is_a_two_by_two() -> None:
    made = planned("se", pairs=[(get("se"), get("activation"))])
    rows = {(row.name, row.comparison): row for row in made.rows}
    both = rows["se x activation off x HS -> RE", AS_IS]
    arch = Arch.parse(both.arch)
    assert "_se" not in both.arch and "HS" not in both.arch and len(arch.blocks) == len(BASE_ARCH.blocks)
    interactions = {c.family: c for c in made.contrasts if "interaction" in c.family}
    assert set(interactions) == {"as is, interaction", "equal macs, interaction"}
    one, other = rows["se off", AS_IS], rows["activation HS -> RE", AS_IS]
    assert interactions["as is, interaction"].terms == (
        (1.0, both.arch),
        (-1.0, one.arch),
        (-1.0, other.arch),
        (1.0, str(BASE_ARCH)),
    )
    assert not any(c.name == both.name and c.family == AS_IS for c in made.contrasts)


def test_a_pair_with_nothing_to_cross_is_refused() -> None:
    with pytest.raises(UserError, match="changes nothing"):
        planned("se", pairs=[(get("se"), get("relu_after_depthwise"))])


def test_one_component_at_a_time_added_to_the_plain_form() -> None:
    made = planned("se", "activation", "kernel", "last_stage", leave_one_in=True)
    plain = next(row for row in made.rows if row.name == "plain")
    assert plain.comparison == BASE
    for token in ("_se", "HS", "k5", "f1024"):
        assert token not in plain.arch
    added = {row.name: row for row in made.rows if row.against == plain.arch and row.comparison == AS_IS}
    assert list(added) == [
        "se as in the base, alone",
        "activation as in the base, alone",
        "kernel as in the base, alone",
        "last_stage as in the base, alone",
        "all as in the base, together",
    ]
    assert (
        "_se" in added["se as in the base, alone"].arch and "HS" not in added["se as in the base, alone"].arch
    )
    assert added["all as in the base, together"].arch == str(BASE_ARCH), "nothing else was taken out"
    families = {c.family for c in made.contrasts}
    assert {"as is, added to plain", "equal macs, added to plain"} <= families


def test_what_the_base_lacks_is_added_by_its_own_variants() -> None:
    made = plan(zoo.get("mobilenet_v2"), [get("se"), get("groups")], {}, leave_one_in=True)
    names = [row.name for row in made.rows if row.name.endswith("alone")]
    assert names[0] == "se on, alone" and "groups 1 -> 2, alone" in names and len(names) == 7


def test_the_plain_form() -> None:
    plain = plain_form(zoo.get("mobilenet_v3_large"))
    assert plain_form(plain) == plain
    kept = plain_form(zoo.get("mobilenet_v3_large"), ["se", "kernel"])
    assert "_se" in str(kept) and "k5" in str(kept) and "HS" not in str(kept)
    assert plain_form(zoo.get("mobilenet_v2")) == zoo.get("mobilenet_v2")


def test_rows_have_names_of_their_own() -> None:
    made = planned("se", "groups", per_stage=True, leave_one_in=True, pairs=[(get("se"), get("groups"))])
    keys = [(row.name, row.comparison) for row in made.rows]
    assert len(keys) == len(set(keys))
    assert all(isinstance(row, Row) and row.against for row in made.rows)


@pytest.mark.parametrize("other", ["gate", "squeeze"])
def test_a_pair_whose_second_cannot_act_after_the_first_is_refused(other: str) -> None:
    """Without squeeze-excite its gate makes no difference: the "interaction" would be the gate's own effect."""
    with pytest.raises(UserError, match="no interaction"):
        planned("se", pairs=[(get("se"), get(other))])


def test_nothing_is_trained_that_is_not_read() -> None:
    made = planned(pairs=[(get("se"), get("width"))])
    read = {arch for contrast in made.contrasts for _, arch in contrast.terms}
    assert set(made.archs()) == read | {made.base}
