"""An export from beginning to end: written, loaded again, compared with torch, and only then put in its place."""

import shlex
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from nas.common.errors import UserError, briefly
from nas.common.files import writing
from nas.common.sizes import sides
from nas.console.commands import notify
from nas.console.options import takes
from nas.console.terminal import say
from nas.describe import card as cards
from nas.export import int8, onnx_file
from nas.export.deployed import Deployed, deployed, notes
from nas.export.formats import FORMATS, Format
from nas.export.images import Floats, Material, as_input, find, logits
from nas.export.request import ModelExportRequest
from nas.export.usage import usage
from nas.networks.checkpoint import Card, Checkpoint, load

COMPARED = 100
"""Images on which a file has to agree with torch."""
CLOSE = 1e-4
"""By how much logits may differ; where the largest are above 10, by this share of a tenth of them."""
NAME = "model.safetensors"
"""Of a training's checkpoint, in its folder."""


class ExportFailed(RuntimeError):
    """A file was written that is not good enough, and was not kept. The message says why."""


@dataclass(frozen=True)
class Exported:
    """A file, and what was measured of it.

    differs: the largest difference of logits from torch's, on `compared` images; of eight bits, too. accuracy and
    float_accuracy: of the file and of the same network in float32, in [0, 1], on the validation images, where eight
    bits were asked for. tried: each way to eight bits with its accuracy. said: which images these were.
    """

    path: Path
    card: Path
    size: int
    compared: int
    differs: float
    said: str
    accuracy: float | None = None
    float_accuracy: float | None = None
    tried: tuple[tuple[str, float], ...] = field(default=())


@takes(ModelExportRequest)
def export(request: ModelExportRequest) -> Exported:
    """Write a checkpoint for another runtime, with a model card beside the file.

    Raises UserError for what cannot be read, exported or written, ExportFailed where the file does not agree with
    torch or eight bits cost more than `max_drop`: then nothing is left of it.
    """
    kind = FORMATS[request.format]
    if remedy := kind.missing():
        raise UserError(f"--format {kind.name} needs {kind.needs}, which is not installed: {remedy}")
    source = checkpoint_file(Path(request.checkpoint))
    checkpoint = load(source)
    target = _target(source, kind, request)
    network, material = deployed(checkpoint), find(checkpoint.card, request)
    with writing(f"--out {target}", "; name another file"):
        target.parent.mkdir(parents=True, exist_ok=True)
        place = tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent)
    with place as folder:
        made = Path(folder) / target.name
        work = _int8 if request.int8 else _float
        done = work(checkpoint, network, material, kind, request, made)
        with writing(f"--out {target}", "; name another file"):
            for file in sorted(Path(folder).iterdir(), key=lambda file: file == made):  # itself last
                file.replace(target.with_name(file.name))
    return _described(done, target, checkpoint.card, source, request)


def carry_out(request: ModelExportRequest) -> int:
    """Export and say what came of it; the exit code."""
    try:
        done = export(**vars(request))
    except ExportFailed as failure:
        notify(f"error: {failure}")
        return 1
    say(_said(done, request))
    return 0


def checkpoint_file(path: Path) -> Path:
    """The checkpoint at a path: a file, or the one of a training's folder."""
    return path / NAME if path.is_dir() else path


def _target(source: Path, kind: Format, request: ModelExportRequest) -> Path:
    """Where the file goes. Raises UserError for a name that is not of the format."""
    own = source.stem + ("-int8" if request.int8 else "") + kind.suffix
    if request.out is None:
        return source.with_name(own)
    out = Path(request.out)
    if out.is_dir() or not out.suffix:
        return out / own
    if out.suffix != kind.suffix:
        raise UserError(f"--out {out}: expected a name that ends in {kind.suffix}, or a folder")
    return out


def _batch(kind: Format, request: ModelExportRequest) -> int | None:
    return request.batch or (None if kind.any_batch else 1)


def _float(
    checkpoint: Checkpoint,
    network: Deployed,
    material: Material,
    kind: Format,
    request: ModelExportRequest,
    path: Path,
) -> Exported:
    card, batch = checkpoint.card, _batch(kind, request)
    try:
        kind.write(network, card, batch, notes(card, precision="float32"), path)
    except (UserError, KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:  # the libraries' own, of many kinds
        raise UserError(f"{card.network} cannot be written as {kind.name}: {briefly(error)}") from error
    return _compared(checkpoint, material, kind, batch, path)


def _int8(
    checkpoint: Checkpoint,
    network: Deployed,
    material: Material,
    kind: Format,
    request: ModelExportRequest,
    path: Path,
) -> Exported:
    """The float file is made and compared first; what is kept is judged as it lies on the disk."""
    card, batch = checkpoint.card, _batch(kind, request)
    judged, labels = material.validation()
    plain = onnx_file.model(network, card, batch)
    whole = path.with_name(f"float-{path.name}")
    onnx_file.write(plain, notes(card, precision="float32"), whole)
    _compared(checkpoint, material, kind, batch, whole)
    in_float = int8.accuracy(kind.load(whole), judged, labels, batch)
    whole.unlink()
    ways = int8.tried(plain, material, request.calibration, batch)
    best = ways[0]
    told = notes(card, precision="int8", quantised=str(best.scheme), float_accuracy=in_float) | {
        "accuracy": str(best.accuracy)
    }
    onnx_file.write(best.model, told, path)
    reached = int8.accuracy(kind.load(path), judged, labels, batch)
    if reached != best.accuracy:
        raise ExportFailed(
            f"{path.name} reached {best.accuracy:.4f} when tried and {reached:.4f} when read again"
        )
    rows = tuple((str(one.scheme), one.accuracy) for one in ways)
    if 100 * (in_float - reached) > request.max_drop + 1e-9:
        each = ", ".join(f"{accuracy:.2%} {way}" for way, accuracy in rows)
        available = len(material.training(4 * request.calibration))
        raise ExportFailed(
            f"eight bits reach {each}, where float32 reaches {in_float:.2%} of {len(labels):,} validation images: "
            f"more than the {request.max_drop:g} points lost that --max-drop allows, so no file was kept. What "
            f"helps: {int8.advice(card.network, request.calibration, available)}"
        )
    differs = _difference(checkpoint, material, kind, batch, path)[0]
    count = len(material.some(COMPARED))
    return Exported(path, path, path.stat().st_size, count, differs, material.said, reached, in_float, rows)


def _compared(
    checkpoint: Checkpoint, material: Material, kind: Format, batch: int | None, path: Path
) -> Exported:
    """The file beside torch, on the checkpoint's images or random ones. Raises ExportFailed where they differ."""
    differs, largest = _difference(checkpoint, material, kind, batch, path)
    allowed = CLOSE * max(1.0, largest / 10)
    count = len(material.some(COMPARED))
    if not differs <= allowed:
        raise ExportFailed(
            f"the logits of {path.name} differ from torch's by {differs:.2g} (allowed: {allowed:.2g}) on {count} "
            "images, so the file was not kept"
        )
    size = sum(file.stat().st_size for file in path.parent.iterdir() if file.stem == path.stem)
    return Exported(path, path, size, count, differs, material.said)


def _difference(
    checkpoint: Checkpoint, material: Material, kind: Format, batch: int | None, path: Path
) -> tuple[float, float]:
    """The largest difference of logits, and the largest logit, on up to `COMPARED` images."""
    images = material.some(COMPARED)
    expected = reference(checkpoint, as_input(images))
    found = logits(kind.load(path), images, batch)
    if found.shape != expected.shape:
        raise ExportFailed(f"{path.name} gives {found.shape} for what torch gives {expected.shape}")
    return float(np.abs(found - expected).max()), float(np.abs(expected).max())


def reference(checkpoint: Checkpoint, images: Floats) -> Floats:
    """What torch computes of images in [0, 1]: batch norms as they were trained, normalised by numpy, in float64."""
    mean, std = (np.reshape(values, (1, -1, 1, 1)) for values in (checkpoint.card.mean, checkpoint.card.std))
    with torch.inference_mode():
        given = torch.from_numpy((images.astype(np.float64) - mean) / std).float()
        made: Floats = checkpoint.network()(given).numpy()
    return made


def _described(
    done: Exported, target: Path, card: Card, source: Path, request: ModelExportRequest
) -> Exported:
    """The card beside the file."""
    kind = FORMATS[request.format]
    facts = {"format": f"{kind.name}, {'int8' if request.int8 else 'float32'}, {_shape(card, kind, request)}"}
    facts["compared with torch"] = f"logits differ by {_agreement(done)}"
    if done.accuracy is not None:
        facts["accuracy of this file"] = f"{done.accuracy:.2%} on the validation images ({done.tried[0][0]})"
        facts["the same in float32"] = f"{done.float_accuracy:.2%} on the same images"
    again = shlex.join(
        ["python", "-m", "nas.export", source.name, *request.line("checkpoint", "out", "data_root")]
    )
    lines = usage(kind.name, target.name, card, _batch(kind, request))
    written = cards.write(target, card, facts=facts, usage=lines, again=again)
    return Exported(**{**vars(done), "path": target, "card": written})


def _shape(card: Card, kind: Format, request: ModelExportRequest) -> str:
    batch = _batch(kind, request)
    high, wide = sides(card.resolution)
    return f"{batch or 'any number of'} images [{card.channels}, {high}, {wide}] at once"


def _agreement(done: Exported) -> str:
    return f"{done.differs:.2g} at most on {done.compared} images ({done.said})"


def _said(done: Exported, request: ModelExportRequest) -> str:
    """What a user sees."""
    lines = [f"beside torch: logits differ by {_agreement(done)}"]
    if done.accuracy is not None and done.float_accuracy is not None:
        lines += [f"int8 {way}: {accuracy:.2%}" for way, accuracy in done.tried]
        lines.append(
            f"validation accuracy: {done.accuracy:.2%} in int8 ({done.tried[0][0]}), "
            f"{done.float_accuracy:.2%} in float32"
        )
    precision = "int8" if request.int8 else "float32"
    lines.append(f"wrote {done.path} ({done.size / 1e6:.2f} MB, {precision}) and {done.card}")
    return "\n".join(lines)
