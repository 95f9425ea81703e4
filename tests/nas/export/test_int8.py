"""Eight bits: every scheme is judged, the accuracy said is the file's, and a bad file is not kept."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from nas.data.dataset import load as load_data
from nas.export import Exported, export, int8
from nas.export.images import as_input
from tests.nas.export.small import SIDE, run_card
from tests.nas.export.test_onnx import props
from tests.nas.export.test_runtimes import run_card_of_torch


def judged(file: Path) -> float:
    """Accuracy on the validation images, by onnxruntime alone."""
    split = load_data("digits", resolution=SIDE).validation()
    session = onnxruntime.InferenceSession(file)
    (found,) = session.run(None, {"images": as_input(split.images)})
    return float((found.argmax(1) == split.labels).mean())


def test_the_accuracy_said_is_that_of_the_file(in_int8: Exported, in_float: Exported) -> None:
    assert in_int8.accuracy == judged(in_int8.path)
    assert in_int8.float_accuracy == judged(in_float.path) > 0.5
    told = props(in_int8.path)
    assert json.loads(told["accuracy"]) == in_int8.accuracy and told["precision"] == "int8"
    assert json.loads(told["float_accuracy"]) == in_int8.float_accuracy


def test_every_scheme_was_tried_and_the_best_is_written(in_int8: Exported) -> None:
    assert {scheme for scheme, _ in in_int8.tried} == set(map(str, int8.SCHEMES))
    reached = dict(in_int8.tried)
    narrow = max(accuracy for scheme, accuracy in reached.items() if "7 bits" in scheme)
    wide = max(accuracy for scheme, accuracy in reached.items() if "8 bits" in scheme)
    assert in_int8.accuracy == (wide if wide > narrow + int8.GAIN else narrow)
    assert props(in_int8.path)["quantised"] == in_int8.tried[0][0]


def test_weights_are_eight_bits_and_the_normalisation_is_not(in_int8: Exported) -> None:
    graph = onnx.load(in_int8.path).graph
    reads = {node.input[0]: node for node in graph.node}
    name, kinds = "images", []
    while "QuantizeLinear" not in kinds:
        kinds.append(reads[name].op_type)
        name = reads[name].output[0]
    assert kinds == ["Sub", "Div", "QuantizeLinear"]
    weights = {
        weight.name: weight.data_type
        for weight in graph.initializer
        if len(weight.dims) == 4 and weight.dims[0] > 1
    }
    assert set(weights.values()) == {onnx.TensorProto.INT8}


def test_a_fixed_batch_is_judged_whole(copied: Path) -> None:
    done = export(copied, int8=True, batch=50, max_drop=10.0)
    assert onnxruntime.InferenceSession(done.path).get_inputs()[0].shape[0] == 50
    assert done.accuracy is not None and done.accuracy > 0.5


@pytest.mark.parametrize("batch", [None, 4])
def test_scales_are_set_by_every_image(batch: int | None) -> None:
    images = np.arange(9 * 12, dtype=np.uint8).reshape(9, 2, 2, 3)
    found = list(int8._inputs(images, batch))
    assert all(len(some) == batch for some in found if batch)
    np.testing.assert_array_equal(np.concatenate(found)[:9], as_input(images))


def test_the_cards_ten_lines_run_both_files(
    in_float: Exported, in_int8: Exported, checkpoint: Path, picture: Path
) -> None:
    """In a fresh process with onnxruntime alone; the picture goes through EXIF, crop and scale as in training."""
    expected = run_card_of_torch(checkpoint, picture)
    found = run_card(in_float.card, picture)
    assert [line.split()[1] for line in found] == [line.split()[1] for line in expected]
    shares = [[float(line.split("%")[0]) for line in lines] for lines in (found, expected)]
    np.testing.assert_allclose(*shares, atol=0.02)
    assert len(run_card(in_int8.card, picture)) == 5
    text = in_int8.card.read_text(encoding="utf-8")
    code = text.split("```python\n")[1].split("```")[0]
    assert len(code.strip().splitlines()) == 10 and "torch" not in code and "nas" not in code.split("PIL")[0]
