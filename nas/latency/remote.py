"""Tables of other devices: an archive that measures itself where it is run, and what comes back.

The archive is a Python program in one file, `remote_script` with the modules it needs and the models beside;
how it is measured is what is done here. The models' weights repeat a few numbers, so that they pack well.
"""

import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnx

from nas.costs import Key
from nas.errors import UserError
from nas.files import write_whole
from nas.latency import graphs, remote_script, runtimes, sandwich
from nas.latency.conditions import Conditions
from nas.latency.fingerprint import Fingerprint
from nas.latency.measurement import Measurement
from nas.latency.measuring import REFERENCE
from nas.models import Model
from search_spaces import zoo

_REPEATED = 1024  # bytes of a weight that stand for the rest
_MODULES = (sandwich, runtimes)


@dataclass(frozen=True)
class Answer:
    """What a device measured: parts by the names they were given, networks by their text."""

    fingerprint: Fingerprint
    parts: Mapping[str, Measurement]
    networks: Mapping[str, Measurement]


def write(path: Path, parts: Mapping[str, Key], networks: Sequence[Model], conditions: Conditions) -> None:
    """Write the archive that measures these parts, by names, and networks, and the reference with them.

    Raises UserError for a backend that takes no ONNX, and where the file cannot be written.
    """
    if conditions.backend not in runtimes.RUNTIMES:
        raise UserError(
            f"backend {conditions.backend}: a device is measured with {' or '.join(runtimes.RUNTIMES)}, "
            "which take ONNX"
        )
    try:
        write_whole(path, lambda file: _write(file, parts, networks, conditions))
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error


def _write(path: Path, parts: Mapping[str, Key], networks: Sequence[Model], conditions: Conditions) -> None:
    reference = zoo.get(REFERENCE)
    rows = [{"kind": "parts", "text": name} for name in parts]
    rows += [{"kind": "networks", "text": str(model)} for model in networks]
    rows = [{**row, "file": f"models/{number}.onnx"} for number, row in enumerate(rows)]
    manifest = {
        "conditions": asdict(conditions),
        "reference": {"text": REFERENCE, "file": "models/reference.onnx"},
        "models": rows,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__main__.py", _standalone(remote_script.__file__))
        for module in _MODULES:
            archive.writestr(f"{module.__name__.rpartition('.')[2]}.py", _standalone(module.__file__))
        archive.writestr("manifest.json", json.dumps(manifest, indent=1))
        archive.writestr("models/reference.onnx", _packed(graphs.network(reference, conditions)))
        for row, model in zip(rows, _models(parts, networks, conditions), strict=True):
            archive.writestr(row["file"], _packed(model))


def _models(
    parts: Mapping[str, Key], networks: Sequence[Model], conditions: Conditions
) -> Iterable[onnx.ModelProto]:
    yield from (graphs.part(key, conditions) for key in parts.values())
    yield from (graphs.network(model, conditions) for model in networks)


def _standalone(file: str | None) -> str:
    """A module's source, finding the others beside itself."""
    assert file is not None
    return Path(file).read_text(encoding="utf-8").replace("from nas.latency.", "from ")


def _packed(model: onnx.ModelProto) -> bytes:
    """The model with weights that repeat their beginning: as many multiplications, a fraction of the size."""
    for weight in model.graph.initializer:
        size = len(weight.raw_data)
        if size > _REPEATED:
            weight.raw_data = (weight.raw_data[:_REPEATED] * (size // _REPEATED + 1))[:size]
    return bytes(model.SerializeToString())


def read(path: Path) -> Answer:
    """What a device answered. Raises UserError, naming the file, where it is damaged or of another format."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] != 1 or found["reference"] != REFERENCE:
            raise UserError(f"{path} is of format {found['format']} and reference {found['reference']}")
        fingerprint = Fingerprint(**found["fingerprint"])
        return Answer(
            fingerprint,
            {text: _row(text, row, fingerprint) for text, row in found["parts"].items()},
            {text: _row(text, row, fingerprint) for text, row in found["networks"].items()},
        )
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        cause = " ".join(f"{type(error).__name__} {error}".split())[:200]
        raise UserError(f"{path} is no answer of a device, or damaged: {cause}") from error


def _row(text: str, row: Mapping[str, Any], fingerprint: Fingerprint) -> Measurement:
    return Measurement(text=text, fingerprint=fingerprint, **row)
