"""An ONNX file as something to be timed: what it takes, and its graph for so many images."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import onnx

from nas.common.errors import UserError, briefly
from nas.common.sizes import Size, size_of
from nas.latency.conditions import Conditions


@dataclass(frozen=True)
class GraphFile:
    """A classifier of images of one size in a file. batch: of how many images, None for any number.

    precision: int8 where anything in it is quantised, else float32. Its weights are what they are: a file is timed
    as it is.
    """

    path: Path
    resolution: Size
    classes: int
    batch: int | None
    precision: str
    model: onnx.ModelProto = field(repr=False, compare=False)
    channels: int = 3

    def __str__(self) -> str:
        return str(self.path)

    def of(self, images: int) -> onnx.ModelProto:
        """The graph for this number of images. Raises UserError where it takes another."""
        if self.batch not in (None, images):
            raise UserError(f"{self.path} takes {self.batch} images at once, not {images}")
        fixed = onnx.ModelProto()
        fixed.CopyFrom(self.model)
        for value in (fixed.graph.input[0], fixed.graph.output[0]):
            value.type.tensor_type.shape.dim[0].dim_value = images
        return fixed

    def fit(self, asked: Conditions) -> Conditions:
        """The conditions with the file's own size, classes, batch and channels, where the default was asked for.

        Raises UserError where something else was asked for that the file does not have.
        """
        plain, batch = Conditions(), self.batch or asked.batch
        own = replace(
            asked, resolution=self.resolution, classes=self.classes, batch=batch, channels=self.channels
        )
        for name in ("resolution", "classes", "batch", "channels"):
            value = getattr(own, name)
            if getattr(asked, name) not in (value, getattr(plain, name)):
                raise UserError(
                    f"{self.path} has {name} {value}, not {getattr(asked, name)}; leave --{name} out, or measure "
                    "files of different sizes one by one"
                )
        if asked.precision not in (self.precision, plain.precision):
            raise UserError(
                f"{self.path} is {self.precision} and is timed as it is; for eight bits write it with "
                "python -m nas.export CHECKPOINT --int8"
            )
        return own


def read(path: Path) -> GraphFile:
    """The file at a path. Raises UserError where it is no ONNX, or not of images to logits."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected an ONNX file, as python -m nas.export writes it")
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's, onnx's and the disk's own
        raise UserError(f"{path} cannot be read as ONNX: {briefly(error)}") from None
    weights = {weight.name for weight in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    shapes = [_shape(value) for value in (*inputs, *model.graph.output)]
    if len(inputs) != 1 or len(shapes) != 2 or list(map(len, shapes)) != [4, 2]:
        raise UserError(
            f"{path}: expected one input [N, channels, H, W] and one output [N, classes], found {shapes}"
        )
    (batch, channels, high, wide), (_, classes) = shapes
    if not channels or not high or not wide or not classes:
        raise UserError(f"{path}: expected images of known channels and size, found {shapes[0]}")
    quantised = any(node.op_type in ("QuantizeLinear", "ConvInteger") for node in model.graph.node)
    return GraphFile(
        path, size_of(high, wide), classes, batch, "int8" if quantised else "float32", model, channels
    )


def fitted(asked: Conditions, files: Sequence[GraphFile]) -> Conditions:
    """The conditions of a measurement of files, and of what else is measured beside them; as `GraphFile.fit`."""
    given = asked
    for file in files:
        given = file.fit(given)
    return given


def _shape(value: onnx.ValueInfoProto) -> list[int | None]:
    """None for a size that is not known."""
    return [size.dim_value or None for size in value.type.tensor_type.shape.dim]
