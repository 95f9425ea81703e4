"""nas.zoo.published: the tables are clean, and are found wherever the package is."""

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import nas
from nas.zoo import published
from nas.zoo.catalogue import rows_of


@pytest.mark.parametrize("table", [published.imagenet(), published.cifar10()], ids=["imagenet", "cifar10"])
def test_figures_are_plausible_and_sourced(table: pd.DataFrame) -> None:
    assert table["top1_percent"].between(40, 100).all()
    for count in ("params", "macs"):
        assert (table[count].dropna() > 10**5).all(), "plain counts, not millions"
    for text in ("family", "model", "source"):
        assert table[text].str.strip().ne("").all()
        assert table[text].notna().all()


def test_imagenet_has_one_row_a_configuration_with_its_cost() -> None:
    table = published.imagenet()
    assert not table.duplicated(["model", "width", "resolution", "groups"]).any()
    assert table["macs"].notna().all()


def test_costs_from_elsewhere_are_plausible_and_sourced_and_no_copies() -> None:
    table, keys = published.elsewhere(), ["model", "width", "resolution", "groups", "params", "macs"]
    assert table[["family", "model", "source"]].notna().all(axis=None)
    assert (table["params"].notna() | table["macs"].notna()).all()
    assert (table[["params", "macs"]].stack() > 10**5).all()
    assert not pd.concat([published.imagenet(), table]).duplicated(keys).any()


def test_latencies_are_of_published_networks() -> None:
    known = set(published.imagenet()["model"])
    table = published._table("latency.csv")
    assert set(table["model"]) <= known
    assert (table["ms"] > 0).all()


@pytest.mark.parametrize(
    ("name", "macs", "top1"),
    [
        ("mobilenet_v1", 569e6, 70.6),
        ("mobilenet_v2", 300e6, 72.0),
        ("mobilenet_v3_large", 217e6, 75.2),
        ("mobilenet_v3_small", 57e6, 67.5),
        ("mobilenext", 300e6, 74.02),
        ("shufflenet_v2_x1.5", 299e6, 72.6),
    ],
)
def test_the_papers_headline_figures(name: str, macs: float, top1: float) -> None:
    row = next(row for row in rows_of(name, published.imagenet()) if row["resolution"] == 224)
    assert (row["macs"], row["top1_percent"]) == (macs, top1)


def test_a_caller_may_change_its_copy() -> None:
    mine = published.imagenet()
    mine["top1_percent"] = 0.0
    assert (published.imagenet()["top1_percent"] > 0).all()


def test_tables_are_found_from_a_folder_with_runs_of_its_own(tmp_path: Path) -> None:
    """Installed elsewhere, with a `results/` of the user's in the working directory."""
    root = Path(nas.__file__).parent.parent
    site, here = tmp_path / "site", tmp_path / "here"
    for part in ("nas/__init__.py", "nas/zoo", "nas/common", "blocks", "results"):
        (site / part).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (root / part).is_dir() else shutil.copy
        copy(root / part, site / part)
    (here / "results" / "my_run").mkdir(parents=True)
    code = "import sys; sys.path.append(sys.argv[1]); import nas.zoo.published as p; print(len(p.imagenet()))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(site)], cwd=here, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(published.imagenet())
