"""Eight-bit graphs by static quantisation: weights and activations as QDQ pairs, which runtimes then fuse.

Scales come from one random input: they decide what is computed and hardly how long it takes, and such a graph
is made to be timed.
"""

import tempfile
from pathlib import Path
from typing import Any

import onnx

from nas.latency.graphs.exporter import quiet
from nas.latency.timing.runtimes import picture


def quantised(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model in eight bits, from float `x` to float `y`, by ONNX Runtime's quantiser.

    Activations are unsigned and a tensor has one scale; weights are signed and a channel has its own.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Once(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            shape = [axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim]
            self._inputs = iter([{"x": picture(shape)}])

        def get_next(self) -> dict[str, Any] | None:
            return next(self._inputs, None)

    # It warns of not having been given a preprocessed model.
    with quiet(None), tempfile.TemporaryDirectory(prefix="nas-int8-") as folder:
        path, copy = Path(folder) / "int8.onnx", onnx.ModelProto()
        copy.CopyFrom(model)  # the quantiser changes what it is given
        quantize_static(
            copy,
            path,
            Once(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(path)
