"""Eight-bit graphs by static quantisation: weights and activations as QDQ pairs, which runtimes then fuse.

Scales of a graph that is made to be timed come from one random input: they decide what is computed and hardly how
long it takes. Those of one that is to be used come from images.
"""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import onnx

from nas.latency.graphs.exporter import quiet
from nas.latency.timing.runtimes import picture


def quantised(
    model: onnx.ModelProto,
    inputs: Iterable[Any] | None = None,
    *,
    per_channel: bool = True,
    narrow: bool = False,
    but: Sequence[str] = (),
) -> onnx.ModelProto:
    """The model in eight bits, from float to float, by ONNX Runtime's quantiser.

    Activations are unsigned and a tensor has one scale; weights are signed, and each channel has its own, or with
    `per_channel` off each tensor. inputs: arrays that set the scales, a random one by default. narrow: weights of
    seven bits. but: names of nodes that stay in float.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    source = model.graph.input[0]
    given = (
        [picture([axis.dim_value for axis in source.type.tensor_type.shape.dim])]
        if inputs is None
        else inputs
    )

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._inputs = iter(given)

        def get_next(self) -> dict[str, Any] | None:
            images = next(self._inputs, None)
            return None if images is None else {source.name: images}

    # It warns of not having been given a preprocessed model.
    with quiet(None), tempfile.TemporaryDirectory(prefix="nas-int8-") as folder:
        path, copy = Path(folder) / "int8.onnx", onnx.ModelProto()
        copy.CopyFrom(model)  # the quantiser changes what it is given
        quantize_static(
            copy,
            path,
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=per_channel,
            reduce_range=narrow,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=list(but),
        )
        return onnx.load(path)
