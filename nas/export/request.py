"""What a user asks of an export. Needs nothing heavy: `--help` reads it."""

from dataclasses import KW_ONLY, dataclass
from difflib import get_close_matches
from typing import Annotated

from typer import Argument, Option

from nas.common.errors import UserError, require
from nas.console import options

FORMATS = ("onnx", "torch-export", "openvino", "executorch", "litert")


@dataclass(frozen=True)
class ModelExportRequest(options.CommandOptions):
    """One checkpoint to be written for another runtime, and how."""

    checkpoint: Annotated[
        options.AnyPath,
        Argument(help="A .safetensors file of nas.train, or the folder that holds it.", metavar="CHECKPOINT"),
    ]
    _: KW_ONLY
    format: Annotated[str, Option(help=f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}.")] = "onnx"
    out: Annotated[
        options.AnyPath | None,
        Option(help="The file, or a folder for it. [beside the checkpoint, under its name]"),
    ] = None
    batch: Annotated[
        int | None, Option(help="Images of one inference, where the file is to take no other number. [any]")
    ] = None
    int8: Annotated[
        bool, Option("--int8", help="Eight bits, by static quantisation on training images (ONNX).")
    ] = False
    max_drop: Annotated[
        float, Option(help="Points of validation accuracy that eight bits may cost, of 100.")
    ] = 1.0
    calibration: Annotated[int, Option(help="Training images that set the scales of eight bits.")] = 256
    data: Annotated[
        str | None,
        Option(help="Images to compare, calibrate and judge on, as --data of nas.train. [those trained on]"),
    ] = None
    data_root: options.DataRoot = None
    split: options.Split = None
    skip_corrupt: options.SkipCorrupt = False

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            near = get_close_matches(self.format, FORMATS, n=2, cutoff=0.4) or FORMATS
            raise UserError(f"--format {self.format}: no such format; expected {' or '.join(near)}")
        require(self.batch is None or 1 <= self.batch <= 65536, "--batch", self.batch, "1 or more")
        require(0 <= self.max_drop <= 100, "--max-drop", self.max_drop, "points from 0 to 100")
        require(self.calibration >= 1, "--calibration", self.calibration, "1 image or more")
        if self.int8 and self.format != "onnx":
            raise UserError(
                f"--int8 is for --format onnx, which OpenVINO reads as well; not for {self.format}"
            )
