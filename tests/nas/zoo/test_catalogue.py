"""Counted and published figures beside each other, and the commands that show them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from nas.common.errors import UserError
from nas.describe import __main__ as describe_command
from nas.describe.layers import describe
from nas.networks.references import reference
from nas.zoo import __main__ as zoo_command
from nas.zoo import published
from nas.zoo.catalogue import (
    FIGURES,
    contradicted,
    deviations,
    listed,
    name_of,
    published_figures,
    unbuildable,
)
from search_spaces import Arch, zoo


def run(command: Callable[..., None], *arguments: str) -> str:
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.slow  # counts every network at every resolution that was published
def test_every_deviation_has_a_reason() -> None:
    found = deviations()
    assert [row for row in found if not row.reason] == []
    assert len(found) > 30
    assert {row.network for row in found if row.contradicted} >= {"mobilenet_v1_x0.75", "mobilenet_v3_small"}


@pytest.mark.slow
def test_no_reason_stands_for_a_figure_that_agrees() -> None:
    """A row of the reasons that is not used is out of date."""
    used = {row.reason for row in deviations()}
    assert set(published.reasons()["reason"]) <= used


@pytest.mark.slow
def test_every_published_width_of_a_zoo_network_is_compared() -> None:
    """With each of its figures, save ShuffleNetV1's that cannot be built by plain scaling."""
    names = [*listed(), "timm:legacy_xception"]
    compared = {(r.model, r.resolution, r.figure, r.published) for n in names for r in published_figures(n)}
    models = {published.plain(name.rpartition(":")[2].removeprefix("legacy_")) for name in [*zoo.ZOO, *names]}
    table = pd.concat([published.imagenet(), published.elsewhere()])
    for _, row in table[table["model"].map(published.plain).isin(models)].iterrows():
        unbuilt = row["model"] == "ShuffleNetV1" and row["width"] < 1 and row["groups"] in (2, 4)
        for figure in FIGURES:
            known = pd.isna(row[figure]) or (row["model"], row["resolution"], figure, row[figure]) in compared
            assert unbuilt or known, row
    assert {"MnasNet-B1", "EfficientNet-B0", "MobileNeXt-id2", "VGG-16", "Xception"} <= {
        c[0] for c in compared
    }


def test_what_was_published_and_cannot_be_built_is_named_with_the_reason() -> None:
    found = unbuildable()
    assert set(found) == {f"shufflenet_v1_g{g}_x{w}" for g in (2, 4) for w in (0.25, 0.5)}
    assert all("bottleneck" in reason for reason in found.values())


@pytest.mark.parametrize(
    ("name", "figure", "published", "reason"),
    [
        ("mobilenet_v1_x0.25", "params", 500_000, "printed to 0.1 million"),
        ("mobilenet_v2", "params", 3_400_000, "without batch norm"),
        ("mobilenext_x0.75", "params", 2_500_000, "not explained by the official code"),
        ("mobilenext_id2", "macs", 300_000_000, "counts 311"),
        ("torchvision:resnet50", "macs", 3_800_000_000, "first 1x1"),
        ("shufflenet_v2_x0.5", "params", 1_400_000, "printed to 0.1 million"),
    ],
)
def test_a_deviation_has_its_reason(name: str, figure: str, published: int, reason: str) -> None:
    (row,) = [r for r in published_figures(name) if r.deviates and r.resolution == 224 and r.figure == figure]
    assert row.published == published and reason in row.reason


def test_rows_belong_to_their_variant() -> None:
    for groups, params, macs in ((1, set(), {143}), (8, {2.4}, {137, 138, 140})):
        rows = published_figures(f"shufflenet_v1_g{groups}")
        assert {row.published / 1e6 for row in rows if row.figure == "params"} == params
        assert {row.published / 1e6 for row in rows if row.figure == "macs"} == macs
    assert published_figures("shufflenet_v1") == [
        row.__class__(**{**vars(row), "network": "shufflenet_v1"})
        for row in published_figures("shufflenet_v1_g3")
    ]
    assert published_figures("mobilenet_v3_large_reduced_tail") == []
    assert {row.model for row in published_figures("torchvision:resnet50")} == {"ResNet-50"}
    assert {row.published for row in contradicted("mobilenet_v3_small")} == {66_000_000, 2_900_000}


def test_an_arch_is_known_by_its_name() -> None:
    assert name_of(Arch.parse(str(zoo.get("mobilenet_v2", 0.5)))) == "mobilenet_v2_x0.5"
    assert name_of(Arch.parse("stem16-ir24")) is None
    assert name_of(reference("torchvision:vgg16")) == "torchvision:vgg16"


def test_describe_prints_the_table_and_the_published_figures() -> None:
    said = run(describe_command.main, "mobilenet_v2_x0.5")
    assert "97.13 M multiply-adds" in said and "1,968,680" in said
    assert "inverted residual 3x3" in said and "published" in said and "+4.9%" in said


def test_describe_in_json_and_its_files(tmp_path: Path) -> None:
    svg, html = tmp_path / "a.svg", tmp_path / "a.html"
    arguments = ["stem16-ir24_t4_s2_se", "--json", "--resolution", "64", "--classes", "10"]
    made = json.loads(run(describe_command.main, *arguments, "--svg", str(svg), "--html", str(html)))
    assert made["name"] is None and made["arch"] == "stem16-ir24_t4_s2_se" and made["classes"] == 10
    assert made["total"]["macs"] == sum(layer["macs"] for layer in made["layers"])
    assert svg.read_text().startswith("<svg") and "<svg" in html.read_text()
    assert html.read_text().count("<table>") == 1


def test_what_a_page_says_of_a_network_is_escaped() -> None:
    row = published_figures("mobilenet_v2_x0.5")[0]
    tables = describe_command._tables(describe(zoo.get("mobilenet_v2", 0.5)), [replace(row, source="x < y")])
    assert tables.count("<table>") == 2 and "x &lt; y" in tables and "x < y" not in tables


def test_describe_refuses_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        run(describe_command.main, "mobilenet_v2", "--svg", str(tmp_path / "no" / "a.svg"))


@pytest.mark.slow
def test_the_zoo_lists_every_variant() -> None:
    said = run(zoo_command.main)
    assert all(f"{name} " in said for name in listed())
    made = json.loads(run(zoo_command.main, "--json"))
    assert [row["name"] for row in made] == listed()
    (vgg,) = [row for row in made if row["name"] == "torchvision:vgg16"]
    assert {row["published"] for row in vgg["published"]} >= {138_000_000, 15_300_000_000}


@pytest.mark.slow
def test_the_zoo_checks() -> None:
    said = run(zoo_command.main, "--check")
    assert "UNEXPLAINED" not in said and "mobilenext" in said
    assert len(json.loads(run(zoo_command.main, "--check", "--json"))) == len(deviations())
