"""The formats beside ONNX: torch's own, OpenVINO, ExecuTorch and LiteRT.

What each needs is imported when it is used.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from onnx import ModelProto

from nas.export import onnx_file
from nas.export.deployed import INPUT, OUTPUT, Deployed, example
from nas.export.images import Floats, Run
from nas.latency.backends.torch_runtimes import executorch_program
from nas.latency.graphs.exporter import quiet
from nas.networks.checkpoint import Card

NOTES = "nas.json"
"""Within a file of torch.export: what it says of itself."""
_EXECUTORCH_NOTES = ("network", "classes", "input", "output", "cost", "mean", "std", "resolution", "producer")


def write_torch(
    network: Deployed, card: Card, batch: int | None, told: Mapping[str, str], path: Path
) -> None:
    """A program of torch.export."""
    shapes = None if batch else ({0: torch.export.Dim("batch")},)
    with torch.no_grad():
        program = torch.export.export(network, (example(card, batch or 2),), dynamic_shapes=shapes)
    torch.export.save(program, path, extra_files={NOTES: json.dumps(dict(told))})


def load_torch(path: Path) -> Run:
    """The program as torch runs it."""
    module = torch.export.load(path).module()

    def run(images: Floats) -> Floats:
        with torch.no_grad():
            made: Floats = module(torch.from_numpy(images)).numpy()
        return made

    return run


def write_openvino(
    network: Deployed, card: Card, batch: int | None, told: Mapping[str, str], path: Path
) -> None:
    """OpenVINO's IR, by way of ONNX: PATH.xml, and its weights in PATH.bin, in float32."""
    import openvino as ov

    made: ModelProto = onnx_file.model(network, card, batch)
    model = ov.Core().read_model(made.SerializeToString())
    for name, value in told.items():
        model.set_rt_info(value, ["model_info", name])
    ov.save_model(model, path, compress_to_fp16=False)


def load_openvino(path: Path) -> Run:
    """The model as OpenVINO runs it on the CPU, in float32."""
    import openvino as ov

    compiled = ov.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(images: Floats) -> Floats:
        made: Floats = compiled({INPUT: images})[OUTPUT].copy()
        return made

    return run


def write_executorch(
    network: Deployed, card: Card, batch: int | None, told: Mapping[str, str], path: Path
) -> None:
    """ExecuTorch's program for XNNPACK; what it says of itself are methods of no arguments."""
    methods = {name: told[name] for name in _EXECUTORCH_NOTES}
    path.write_bytes(executorch_program(network, example(card, batch or 1), methods))


def load_executorch(path: Path) -> Run:
    """The program as ExecuTorch's runtime runs it here."""
    from executorch.runtime import Runtime

    buffer = path.read_bytes()
    program = Runtime.get().load_program(buffer)
    kept: Any = (program.load_method("forward"), program, buffer)  # the method reads the buffer as it runs

    def run(images: Floats) -> Floats:
        made: Floats = kept[0].execute((torch.from_numpy(images),))[0].numpy().copy()
        return made

    return run


def write_litert(
    network: Deployed, card: Card, batch: int | None, told: Mapping[str, str], path: Path
) -> None:
    """LiteRT's (TensorFlow Lite's) flat buffer, by litert-torch, with what it says of itself as its metadata."""
    import flatbuffers
    import litert_torch
    from ai_edge_litert import schema_py_generated as schema

    with quiet(None):
        litert_torch.convert(network, (example(card, batch or 1),)).export(str(path))
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    for name, value in told.items():
        buffer, entry = schema.BufferT(), schema.MetadataT()
        buffer.data = list(value.encode())
        entry.name, entry.buffer = name, len(model.buffers)
        model.buffers.append(buffer)
        model.metadata = [*(model.metadata or []), entry]
    builder = flatbuffers.Builder(len(path.read_bytes()))
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))


def load_litert(path: Path) -> Run:
    """The file as LiteRT's interpreter runs it."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def run(images: Floats) -> Floats:
        interpreter.set_tensor(taken, images)
        interpreter.invoke()
        made: Floats = interpreter.get_tensor(given).copy()
        return made

    return run
