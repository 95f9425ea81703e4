"""ONNX files as what is timed: read whole or refused in one line, and measured under their own conditions."""

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from nas.common.errors import UserError
from nas.latency import Conditions, backends, graphs, measure
from nas.latency.commands.measure import listed
from nas.latency.timing.graph_file import fitted, read
from search_spaces import Arch

ARCH = Arch.parse("stem8-ir8-head")
SMALL = Conditions(resolution=32, classes=5)


def write(path: Path, precision: str = "float32", batch: int = 1) -> Path:
    made = graphs.written(ARCH, replace(SMALL, precision=precision, batch=batch))
    onnx.save(made, path)
    return path


def free_batch(path: Path) -> Path:
    made = onnx.load(write(path))
    for value in (made.graph.input[0], made.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.save(made, path)
    return path


def test_a_file_says_what_it_takes(tmp_path: Path) -> None:
    found = read(write(tmp_path / "a.onnx", batch=2))
    assert (found.resolution, found.classes, found.batch, found.precision) == (32, 5, 2, "float32")
    assert read(write(tmp_path / "b.onnx", "int8")).precision == "int8"
    assert read(free_batch(tmp_path / "c.onnx")).batch is None


def test_files_and_networks_are_measured_side_by_side(tmp_path: Path) -> None:
    paths = [str(free_batch(tmp_path / "a.onnx")), str(write(tmp_path / "b.onnx", "int8"))]
    rows = measure([*paths, str(ARCH)])
    assert [row.text for row in rows] == [*paths, str(ARCH)] and all(row.ms > 0 for row in rows)
    assert [row.fingerprint.precision for row in rows] == ["float32", "int8", "float32"]
    assert {(row.fingerprint.resolution, row.fingerprint.classes) for row in rows} == {(32, 5)}
    shown = listed([*paths, "arch"], rows)
    assert "precision" in shown and "int8, 1 thread, 32x32" in shown


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_both_runtimes_run_any_number_of_images(name: str, tmp_path: Path) -> None:
    if backends.BACKENDS[name].missing():
        pytest.skip(f"{name} is not installed")
    file = read(free_batch(tmp_path / "a.onnx"))
    conditions = fitted(Conditions(backend=name, batch=3), [file])
    assert (conditions.resolution, conditions.classes, conditions.batch) == (32, 5, 3)
    backends.find(conditions).load(file, conditions)()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Conditions(resolution=64), "has resolution 32, not 64"),
        (Conditions(classes=10), "has classes 5, not 10"),
        (Conditions(batch=4), "has batch 1, not 4"),
        (Conditions(precision="int8"), "is float32 and is timed as it is"),
    ],
)
def test_conditions_that_a_file_does_not_have_are_refused(
    tmp_path: Path, asked: Conditions, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        fitted(asked, [read(write(tmp_path / "a.onnx"))])


def test_torch_does_not_run_a_file(tmp_path: Path) -> None:
    file = read(write(tmp_path / "a.onnx"))
    with pytest.raises(UserError, match="run by --backend onnxruntime or openvino"):
        backends.BACKENDS["torch"].load(file, SMALL)


def test_what_is_no_classifier_of_images_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.onnx"
    with pytest.raises(UserError, match="no such file"):
        measure(str(file))
    whole = write(file).read_bytes()
    for content in (b"", b"not ONNX at all", whole[: len(whole) // 2]):
        file.write_bytes(content)
        with pytest.raises(UserError, match="cannot be read as ONNX"):
            read(file)
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", values[:1], values[1:])
    onnx.save(helper.make_model(graph), file)
    with pytest.raises(UserError, match="expected one input"):
        read(file)
