"""Latencies of networks for images that are not square: measured, kept in tables, and told from those of squares."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from nas.common.errors import UserError
from nas.common.sizes import Rectangle
from nas.latency import Conditions, fingerprint, graphs, measure
from nas.latency.commands.options import ConditionOptions
from nas.latency.table.entries import keys_of, parse_key
from nas.latency.table.file import dumps, find_for, load, save
from nas.latency.table.fitting import described
from nas.latency.table.table import command_for
from nas.latency.timing.graph_file import read
from nas.networks.cost import key_name
from search_spaces import Arch
from tests.nas.latency.table.synthetic import REFERENCE_MS, network_ratio, table
from tests.nas.search.small import TINY, all_archs

ARCH = Arch.parse("stem8-ir8-ir16_t2_s2_se-head32")
FLAT = Rectangle(24, 48)
CONDITIONS = Conditions(resolution=FLAT, classes=5)


def test_conditions_say_both_sides_and_read_again() -> None:
    assert ConditionOptions(resolution="24x48", classes=5).conditions == CONDITIONS
    assert ConditionOptions(resolution="32").conditions == Conditions(resolution=32)
    here = fingerprint(CONDITIONS)
    assert ", 24x48, batch 1" in str(here) and "-24x48px-" in here.key
    assert here.key != fingerprint(Conditions(resolution=Rectangle(48, 24), classes=5)).key
    assert command_for(here) == "python -m nas.latency table --resolution 24x48 --classes 5"


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_graph_takes_height_before_width(precision: str, tmp_path: Path) -> None:
    model = graphs.written(ARCH, Conditions(resolution=FLAT, classes=5, batch=2, precision=precision))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    assert session.get_inputs()[0].shape == [2, 3, 24, 48]
    assert session.run(None, {"x": np.zeros((2, 3, 24, 48), np.float32)})[0].shape == (2, 5)
    (tmp_path / "flat.onnx").write_bytes(model.SerializeToString())
    assert read(tmp_path / "flat.onnx").resolution == FLAT
    (row,) = measure(str(tmp_path / "flat.onnx"), batch=2)
    assert (row.fingerprint.resolution, row.fingerprint.precision) == (FLAT, precision)
    with pytest.raises(UserError, match="has resolution 24x48, not 32"):
        measure(str(tmp_path / "flat.onnx"), batch=2, resolution=32)


@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_networks_are_measured(backend: str) -> None:
    (row,) = measure(ARCH, backend=backend, resolution="24x48", classes=5)
    assert row.ms > 0 and row.fingerprint.resolution == FLAT


def test_parts_are_named_and_read_again() -> None:
    keys = keys_of(ARCH, CONDITIONS)
    assert [str(size) for _, _, size, _ in keys] == ["24x48", "12x24", "12x24", "6x12"]
    assert [parse_key(key_name(key)) for key in keys] == keys
    assert described(keys[1])["input"] == pytest.approx(np.log(8 * 12 * 24))
    with pytest.raises(UserError, match="is no entry of a table"):
        parse_key("ir24_t4_s2 16 12x 0 ")


def test_a_table_of_rectangles_comes_back_and_is_told_from_one_of_squares(tmp_path: Path) -> None:
    made = table(TINY, resolution=FLAT)
    file = tmp_path / "flat.json"
    save(made, file)
    again = load(file)
    assert dumps(again) == dumps(made) and again.fingerprint.resolution == FLAT
    arch = next(iter(all_archs(TINY)))
    truth = network_ratio(arch, made.fingerprint.conditions) * REFERENCE_MS
    assert again.predict(arch).ms == pytest.approx(truth, rel=0.1)
    assert find_for(str(file), FLAT, 10).fingerprint == made.fingerprint
    with pytest.raises(
        UserError, match=r"for 24x48 and 10 classes, costs are for 48x24 and 10; give --target-r.*24x48"
    ):
        find_for(str(file), Rectangle(48, 24), 10)
