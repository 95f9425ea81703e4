"""The formats, each by the library that keeps it: how a network is written, how its file is run, what it needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from nas.export import onnx_file, runtimes
from nas.export.deployed import Deployed
from nas.export.images import Run
from nas.networks.checkpoint import Card


@dataclass(frozen=True)
class Format:
    """A kind of file.

    write: a network for `batch` images (None: any number), with what the file says of itself, to a path; other files
    that it needs go beside it, under its name. load: what is at a path, ready to run. any_batch: whether a file can
    take any number of images; else it takes 1 unless told otherwise. needs: the package that writes and runs it,
    `extra` of ours installs it.
    """

    name: str
    suffix: str
    write: Callable[[Deployed, Card, int | None, Mapping[str, str], Path], None]
    load: Callable[[Path], Run]
    any_batch: bool = True
    needs: str = "torch"
    extra: str = ""

    def missing(self) -> str | None:
        """What to install, where it cannot be written here."""
        return None if find_spec(self.needs) else f"pip install 'nas-search[{self.extra}]'"


def _onnx(network: Deployed, card: Card, batch: int | None, told: Mapping[str, str], path: Path) -> None:
    onnx_file.write(onnx_file.model(network, card, batch), told, path)


FORMATS = {
    one.name: one
    for one in (
        Format("onnx", ".onnx", _onnx, onnx_file.load, needs="onnxruntime"),
        Format("torch-export", ".pt2", runtimes.write_torch, runtimes.load_torch),
        Format(
            "openvino",
            ".xml",
            runtimes.write_openvino,
            runtimes.load_openvino,
            needs="openvino",
            extra="openvino",
        ),
        Format(
            "executorch",
            ".pte",
            runtimes.write_executorch,
            runtimes.load_executorch,
            any_batch=False,
            needs="executorch",
            extra="executorch",
        ),
        Format(
            "litert",
            ".tflite",
            runtimes.write_litert,
            runtimes.load_litert,
            any_batch=False,
            needs="litert_torch",
            extra="litert",
        ),
    )
}
"""By the names of `nas.export.request.FORMATS`."""
