"""Eight bits by static quantisation: several ways tried, each judged on the validation images, the best taken."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx

from nas.common.errors import UserError, briefly
from nas.export import onnx_file
from nas.export.images import Floats, Material, Run, as_input, logits
from nas.latency.graphs.quantising import quantised

GAIN = 0.005
"""By how much all eight bits have to do better than seven to be taken, which are safe on more processors."""
_SOME = 32
"""Images that the quantiser sees at once, where the file does not say how many."""


@dataclass(frozen=True)
class Scheme:
    """How weights become eight bits: a scale for each channel or one for each tensor; seven of the bits used or all.

    Seven, because x86 processors without VNNI (Intel's before 2019, AMD's before 2022) add products of eight bits in
    16, where they overflow: a small network fell from 80 to 41 % so. A file may come to such a processor wherever it
    is made and judged.
    """

    per_channel: bool
    narrow: bool

    def __str__(self) -> str:
        return f"per {'channel' if self.per_channel else 'tensor'}, {7 if self.narrow else 8} bits of weights"


SCHEMES = tuple(Scheme(per_channel, narrow) for narrow in (True, False) for per_channel in (True, False))


@dataclass(frozen=True)
class Tried:
    """A scheme, and the accuracy in [0, 1] of what it gave, on the validation images."""

    scheme: Scheme
    accuracy: float
    model: onnx.ModelProto


def tried(model: onnx.ModelProto, material: Material, calibration: int, batch: int | None) -> list[Tried]:
    """Every scheme, the best first, where all eight bits have to be better by `GAIN`; of equals the earlier.

    Raises UserError where there are no images.
    """
    images, (judged, labels) = material.training(calibration), material.validation()
    outside = _before_the_first_layer(model)
    found = []
    for scheme in SCHEMES:
        try:
            made = quantised(
                model,
                _inputs(images, batch),
                per_channel=scheme.per_channel,
                narrow=scheme.narrow,
                but=outside,
            )
        except Exception as error:  # the quantiser's own, of many kinds
            raise UserError(
                f"{material.card.network} cannot be written in eight bits: {briefly(error)}"
            ) from error
        found.append(Tried(scheme, accuracy(_run(made), judged, labels, batch), made))
    return sorted(found, key=lambda one: GAIN * (not one.scheme.narrow) - one.accuracy)


def accuracy(
    run: Run, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], batch: int | None
) -> float:
    """The share of images whose highest logit is that of their label."""
    return float((logits(run, images, batch).argmax(1) == labels).mean())


def advice(network: str, calibration: int, available: int) -> str:
    """What helps where eight bits cost too much."""
    more = [f"more images to set the scales (--calibration {min(4 * calibration, available)})"]
    more *= available > calibration
    smooth = "HS" in network or "_se" in network
    plain = "a network of ReLU without squeeze-excite, whose numbers span less" if smooth else ""
    longer = "longer training, after which fewer images are near the border of two classes"
    return "; ".join(
        filter(None, [*more, plain, longer, "or the file in float, without --int8; --max-drop allows more"])
    )


def _before_the_first_layer(model: onnx.ModelProto) -> list[str]:
    """The normalisation, which stays in float: what it is given already has eight bits."""
    nodes = takewhile(lambda node: node.op_type not in ("Conv", "Gemm", "MatMul"), model.graph.node)
    return [node.name for node in nodes]


def _inputs(images: npt.NDArray[np.uint8], batch: int | None) -> Iterator[Floats]:
    """The images a few at once; a last, smaller lot is filled up with the first ones where the number is fixed."""
    size = batch or _SOME
    for start in range(0, len(images), size):
        some = images[start : start + size]
        if batch and len(some) < size:
            some = np.resize(np.concatenate([some, images]), (size, *images.shape[1:]))
        yield as_input(some)


def _run(made: onnx.ModelProto) -> Run:
    with tempfile.TemporaryDirectory(prefix="nas-int8-") as folder:
        path = Path(folder) / "tried.onnx"
        onnx_file.write(made, _NOTHING, path)
        return onnx_file.load(path)


_NOTHING: Mapping[str, str] = {"producer": "nas-search"}
