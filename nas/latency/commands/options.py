"""The options that several commands share."""

from typing import Annotated

import typer

Backend = Annotated[
    str, typer.Option(help="onnxruntime, torch, openvino, executorch or torch-cuda; the extras as installed.")
]
Precision = Annotated[str, typer.Option(help="float32, int8 (static quantisation), or float16 on CUDA.")]
Threads = Annotated[int, typer.Option(help="Threads of one inference.")]
Resolution = Annotated[int, typer.Option(help="Side of the images in pixels.")]
Batch = Annotated[int, typer.Option(help="Images of one inference.")]
Classes = Annotated[int, typer.Option(help="Outputs of the classifier.")]
Clock = Annotated[
    str, typer.Option(help="auto, wall, or cpu: the processor time of the inference, one thread.")
]
Force = Annotated[bool, typer.Option("--force", help="Several threads on a busy machine; recorded.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
Space = Annotated[str, typer.Option(help="mobile, or a YAML file.")]
Granularity = Annotated[str, typer.Option(help="Choices per stage or per block.")]
Table = Annotated[
    str | None,
    typer.Option("--table", help="A table's file or imported name. [this machine's]", metavar="TABLE"),
]
