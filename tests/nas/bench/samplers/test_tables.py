"""Tables: NAS-Bench-Macro's file, what a conditional table asks for, the reference and the true front."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from nas.bench.samplers.synthetic import SYNTHETIC
from nas.bench.samplers.tables import read_macro
from nas.bench.samplers.tournament import load
from nas.common.errors import UserError


def macro(path: Path, layers: int = 3) -> Path:
    """A file like NAS-Bench-Macro's, of three layers: accuracy rises with the sum of the digits."""
    rows = {}
    for key in map("".join, product("012", repeat=layers)):
        total = sum(map(int, key))
        tests = [80.0 + total - 0.1, 80.0 + total, 80.0 + total + 0.1]
        rows[key] = {
            "test_acc": tests,
            "mean_acc": 80.0 + total,
            "std": 0.1,
            "params": 1000 * (1 + total),
            "flops": int(1e6 * (1 + total)),
        }
    path.write_text(json.dumps(rows))
    return path


def test_a_file_answers_by_layer(tmp_path: Path) -> None:
    table = read_macro(macro(tmp_path / "macro.json"))
    params = {"layer1": "mb3_k3", "layer2": "identity", "layer3": "mb6_k5"}
    assert table.value(params) == 83.0
    assert table.costs(params) == {"cost": 4.0, "parameters": 0.004}
    assert table.trainings and np.mean(table.trainings(params)) == pytest.approx(83.0)
    assert len(list(table.points())) == 27


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"00": {"flops": 1}}', "no json"])
def test_another_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "table.json").write_text(text)
    with pytest.raises(UserError, match=r"table\.json"):
        read_macro(tmp_path / "table.json")


def test_a_file_with_a_network_missing_is_refused(tmp_path: Path) -> None:
    rows = json.loads(macro(tmp_path / "macro.json").read_text())
    rows.pop("000")
    (tmp_path / "less.json").write_text(json.dumps(rows))
    with pytest.raises(UserError, match="27"):
        read_macro(tmp_path / "less.json")


@pytest.mark.parametrize("name", SYNTHETIC)
def test_every_table_answers_finitely_and_the_same_again(name: str) -> None:
    table = SYNTHETIC[name]()
    for seed in range(20):
        params = table.random(np.random.default_rng(seed))
        costs = table.costs(params)
        assert set(table.objectives) <= set(costs)
        assert np.isfinite([table.value(params), *costs.values()]).all()
        assert (table.value(params), costs) == (SYNTHETIC[name]().value(params), table.costs(params))


def test_a_missing_layer_is_never_asked_for() -> None:
    table = SYNTHETIC["conditional"]()
    seen = set()
    for seed in range(60):
        params = table.random(np.random.default_rng(seed))
        depths = [params[f"depth{stage}"] for stage in range(3)]
        assert len(params) == 3 + sum(depths)
        seen.add(tuple(depths))
    assert len(seen) > 10


@pytest.mark.parametrize("name", ["minus_cost", "one_dimension", "interactions"])
def test_some_but_not_all_points_count(name: str) -> None:
    """The reference leaves a front with something below it, adversarial tables included."""
    truth = load(name).truth
    assert truth.whole
    assert truth.most > 0
    counts = (truth.values > truth.reference[0]) & (truth.costs < truth.reference[1:]).all(axis=1)
    assert 0 < counts.sum() < len(counts)
    assert truth.best_under_cap <= truth.values.max()


def test_where_all_values_are_equal_the_cheapest_point_is_the_whole_front() -> None:
    truth = load("constant").truth
    cheapest = truth.costs[:, 0].argmin()
    assert truth.reference[0] < truth.values[cheapest]
    assert truth.most == truth.reference[1] - truth.costs[cheapest, 0]


def test_a_large_table_is_sampled() -> None:
    truth = load("large").truth
    assert not truth.whole
    assert len(SYNTHETIC["large"]().space) == 45
