"""ONNX files: the numbers are torch's, batch norm and normalisation are inside, and the file says what it is."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from nas.common.errors import UserError
from nas.data.dataset import load as load_data
from nas.export import Exported, ExportFailed, export, onnx_file, run
from nas.export.images import as_input
from nas.networks.checkpoint import KEY, Card, load, save
from nas.networks.cost import cost
from nas.networks.references import parse
from tests.nas.export.small import SIDE, TEXT


def props(file: Path) -> dict[str, str]:
    return {prop.key: prop.value for prop in onnx.load(file).metadata_props}


def by_hand(checkpoint: Path, images: np.ndarray) -> np.ndarray:
    """Logits of uint8 [N, H, W, 3] by torch, with the normalisation written out."""
    found = load(checkpoint)
    x = torch.from_numpy(images.copy()).double() / 255
    x = (x - torch.tensor(found.card.mean).double()) / torch.tensor(found.card.std).double()
    with torch.inference_mode():
        made: np.ndarray = found.network().double()(x.permute(0, 3, 1, 2)).numpy()
    return made


@pytest.mark.parametrize("count", [1, 3])
def test_it_computes_what_torch_does_for_any_number_of_images(
    checkpoint: Path, in_float: Exported, count: int
) -> None:
    images = load_data("digits", resolution=SIDE).validation().images[:count]
    session = onnxruntime.InferenceSession(in_float.path)
    (found,) = session.run(["logits"], {"images": as_input(images)})
    np.testing.assert_allclose(found, by_hand(checkpoint, images), atol=1e-4)


def test_what_is_said_of_the_comparison_was_measured(in_float: Exported) -> None:
    assert in_float.compared == 100 and 0 < in_float.differs <= 1e-4 and in_float.said == "digits"
    assert in_float.accuracy is None


def test_batch_norm_is_folded_and_no_path_of_this_machine_is_inside(in_float: Exported) -> None:
    graph = onnx.load(in_float.path).graph
    kinds = {node.op_type for node in graph.node}
    assert "BatchNormalization" not in kinds and {"Conv", "GlobalAveragePool", "Gemm"} <= kinds
    assert b".py" not in in_float.path.read_bytes()


def test_the_file_says_what_it_is(checkpoint: Path, in_float: Exported) -> None:
    told, card = props(in_float.path), load(checkpoint).card
    counted = cost(parse(TEXT), SIDE, 10)
    assert told["network"] == card.network and json.loads(told["classes"]) == list(card.classes)
    assert told["precision"] == "float32" and json.loads(told["mean"]) == list(card.mean)
    assert (
        json.loads(told["multiply_adds"]) == counted.macs and json.loads(told["parameters"]) == counted.params
    )
    assert f"{SIDE}x{SIDE}" in told["cost"] and "normalised inside" in told["input"]
    assert json.loads(told["accuracy"]) == card.accuracy and told["fingerprint"] == card.fingerprint
    assert json.loads(told[KEY])["network"] == card.network


def test_a_fixed_batch_takes_no_other(checkpoint: Path, tmp_path: Path) -> None:
    done = export(checkpoint, out=tmp_path / "three.onnx", batch=3)
    assert done.path == tmp_path / "three.onnx" and done.compared == 100
    session = onnxruntime.InferenceSession(done.path)
    assert session.get_inputs()[0].shape == [3, 3, SIDE, SIDE]


@pytest.mark.parametrize("text", ["stem24-gs96_s2_g3-gs96_g3-head", "stem8-sg8_t2_se_HS-head16_f16_HS"])
def test_shuffles_and_other_blocks_take_any_number(text: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    card = Card(network=text, classes=("a", "b"), resolution=32, mean=(0.4, 0.5, 0.6), std=(0.2, 0.2, 0.3))
    model = card.build()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.running_mean, -0.5, 0.5)
    save(tmp_path / "m.safetensors", card, model)
    done = export(tmp_path / "m.safetensors")
    assert done.differs <= 1e-4 and "names no data" in done.said


def test_a_file_that_does_not_agree_is_not_kept(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = onnx_file.write

    def broken(made: onnx.ModelProto, told: dict[str, str], path: Path) -> None:
        bias = next(weight for weight in made.graph.initializer if weight.dims == [10])
        bias.CopyFrom(onnx.numpy_helper.from_array(np.full(10, 0.1, np.float32), bias.name))
        write(made, told, path)

    monkeypatch.setattr(onnx_file, "write", broken)
    with pytest.raises(ExportFailed, match=r"differ from torch's by 0\.\d+ "):
        export(copied)
    assert list(copied.parent.iterdir()) == [copied]


def test_numbers_that_are_not_finite_do_not_pass(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "logits", lambda *given: np.full((100, 10), np.nan, np.float32))
    with pytest.raises(ExportFailed, match="by nan"):
        export(copied)


def test_data_that_are_gone_are_replaced_by_random_images_and_it_is_said(tmp_path: Path) -> None:
    card = Card(
        network=TEXT, classes=("a",), resolution=32, mean=(0.5,) * 3, std=(0.5,) * 3, data="folder:gone"
    )
    save(tmp_path / "m.safetensors", card, card.build())
    done = export(tmp_path / "m.safetensors")
    assert done.compared == 100 and "folder:gone cannot be read" in done.said
    assert done.said.startswith("random pixels: ")
    with pytest.raises(UserError, match="gone"):
        export(tmp_path / "m.safetensors", data="folder:gone")
    with pytest.raises(UserError, match=r"cannot be read.*--data"):
        export(tmp_path / "m.safetensors", int8=True)
