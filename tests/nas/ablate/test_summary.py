"""nas.ablate.summary: what is read from a study's trainings, against effects that were put into them."""

import json
import math
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from nas.ablate.asked import Asked, plan_of
from nas.ablate.study import SEEN, Plan
from nas.ablate.summary import (
    COLUMNS,
    FILES,
    READ,
    ablation_info,
    explanations,
    names,
    print_summary,
    summarise,
    trainings_table,
    verdicts,
    write_results,
)
from nas.common import stats
from nas.common.decode import decoded
from nas.compare.trainings import Trainings
from nas.console.text_table import in_points
from nas.engine.terms import Terms
from tests.nas.compare.small import in_memory, setup
from tests.nas.search.small import outcome

BASE = "stem8_HS-ir8-2xir16_k5_t2_s2_se_HS-head32_HS"
SMALL = Terms(target_resolution=32, target_classes=10)
SEEDS = 4
NOISE = (0.001, -0.001, 0.0005, -0.0005)


@pytest.fixture(scope="module")
def plan() -> Plan:
    asked = Asked(BASE, ("se", "kernel", "relu_after_depthwise"), equal=("macs",), pairs=(("se", "kernel"),))
    return plan_of(asked, SMALL)[0]


def trained(plan: Plan, gains: dict[str, float], seeds: int = SEEDS) -> Trainings:
    """Every network with every seed: 70 %, a seed's own share, the network's gain and a little noise."""
    trainings = in_memory(setup(networks=tuple(plan.archs())), seeds=SEEDS)
    for seed in range(seeds):
        for place, arch in enumerate(plan.archs()):
            noise = NOISE[(seed + place) % 4] * (1 + place % 2)
            number = trainings.launch(arch, seed, trainings.setup.cost(arch))
            trainings.complete(number, outcome(0.7 + 0.01 * seed + gains.get(arch, 0.0) + noise))
    return trainings


def arch_of(plan: Plan, name: str, comparison: str = "as is") -> str:
    return next(row.arch for row in plan.rows if (row.name, row.comparison) == (name, comparison))


def test_an_effect_is_found_where_it_was_put(plan: Plan) -> None:
    gains = {arch_of(plan, "se off"): -0.05, arch_of(plan, "kernel 5 -> 3"): 0.04}
    table = summarise(trained(plan, gains), plan)
    assert list(table.columns) == list(COLUMNS)
    found = table[table["comparison"] == "as is"].set_index("name")
    assert found.loc["se off", "difference"] == pytest.approx(-0.05, abs=0.003)
    assert (
        found.loc["se off", "verdict"] == stats.HURTS and found.loc["kernel 5 -> 3", "verdict"] == stats.HELPS
    )
    assert found.loc["kernel 3 -> 5", "verdict"] == stats.UNSEEN
    low, high = found.loc["se off", ["difference_low", "difference_high"]]
    assert low < found.loc["se off", "difference"] < high


def test_the_base_and_what_equals_it_are_not_tested(plan: Plan) -> None:
    table = summarise(trained(plan, {}), plan)
    base, same = table.iloc[0], table[table["status"] == "identical"]
    assert base["verdict"] == "" and math.isnan(base["difference"]) and base["seeds"] == SEEDS
    assert set(same["component"]) >= {"relu_after_depthwise"} and same["difference"].isna().all()


def test_costs_are_those_of_the_arch(plan: Plan) -> None:
    trainings = trained(plan, {})
    for _, row in summarise(trainings, plan, {BASE: 1.5}).iterrows():
        if row["arch"]:
            cost = trainings.setup.cost(row["arch"])
            assert (row["macs"], row["params"]) == (cost.macs, cost.params)
    assert summarise(trainings, plan, {BASE: 1.5})["latency_ms"][0] == 1.5


def test_an_interaction_is_read_from_four_networks(plan: Plan) -> None:
    both = next(row for row in plan.rows if " x " in row.component and row.comparison == "as is")
    gains = {arch_of(plan, "se off"): -0.02, both.arch: -0.1}
    table = summarise(trained(plan, gains), plan)
    (read,) = table[(table["status"] == READ) & (table["comparison"] == "as is")].to_dict("records")
    first = plan.rows[1]
    expected = -0.1 - (-0.02) - gains.get(arch_of(plan, "kernel 5 -> 3"), 0.0)
    assert read["verdict"] == SEEN
    assert first.name == "se off" and read["difference"] == pytest.approx(expected, abs=0.006)
    corner = table[(table["name"] == both.name) & (table["comparison"] == "as is")]
    assert corner["verdict"].tolist() == [""] and corner["accuracy"].notna().all()


def test_two_rows_that_are_one_network_each_have_its_effect() -> None:
    """Added to the plain form one by one, a component may give what another row has already."""
    study = plan_of(Asked(BASE, ("se", "kernel"), equal=("macs",), leave_one_in=True), SMALL)[0]
    table = summarise(trained(study, {}), study)
    made = table[table["status"].eq("train") & table["comparison"].ne("base")]
    assert made["arch"].duplicated().any() and made["verdict"].ne("").all()
    assert table[table["comparison"] == "base"]["name"].tolist() == ["base", "plain"]
    assert set(made["against"]) == set(table.loc[table["comparison"] == "base", "arch"])


def test_what_is_unfinished_says_so(plan: Plan) -> None:
    table = summarise(trained(plan, {}, seeds=2), plan)
    rows = table[table["status"] == "train"]
    assert (rows["seeds"] == 2).all() and rows["note"].str.contains("2 of 4 seeds").all()
    nothing = summarise(trained(plan, {}, seeds=0), plan)
    told = nothing[nothing["status"].eq("train") & nothing["verdict"].ne("")]
    assert (told["verdict"] == stats.UNTESTED).all() and told["difference"].isna().all()


def test_a_plan_comes_back_from_its_text(plan: Plan) -> None:
    again = decoded(json.dumps(asdict(plan)), Plan, "no plan")
    rows = [replace(row, ratio=0.0) for row in again.rows]  # a ratio may be NaN
    assert rows == [replace(row, ratio=0.0) for row in plan.rows] and again.contrasts == plan.contrasts


def test_a_training_names_every_row_that_it_stands_in(plan: Plan) -> None:
    table = trainings_table(trained(plan, {}), plan)
    assert len(table) == SEEDS * len(plan.archs())
    base = table[table["network"] == BASE]["rows"].iloc[0]
    assert base.startswith("base (base)") and "relu_after_depthwise" in base
    assert names(plan)[BASE] == "base"


def test_one_network_under_two_names_is_tested_once() -> None:
    """With `per_stage`, a switch that acts in one stage alone: else Holm's correction would count it twice."""
    base = "stem8_HS-ir8-ir16_k5_t2_s2-ir24_t2_s2-head32_HS"
    alone, both = (
        plan_of(Asked(base, ("kernel", "activation"), equal=(), per_stage=per_stage), SMALL)[0]
        for per_stage in (False, True)
    )
    assert set(alone.archs()) < set(both.archs())
    table = summarise(trained(both, {}), both).set_index("name")
    row, same = table.loc["kernel 5 -> 3"], table.loc["kernel 5 -> 3 in stage 2"]
    assert row["arch"] == same["arch"] and row["p_holm"] == same["p_holm"]
    assert row["note"] == "" and "kernel 5 -> 3" in same["note"]
    distinct = table[table["status"] == "train"].drop_duplicates("arch")
    p = distinct["p"].dropna().to_dict()
    assert stats.holm(p) == pytest.approx(distinct["p_holm"].dropna().to_dict())


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


@pytest.mark.parametrize("seeds", [0, 1])  # four are drawn in test_picture
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
