"""Tables of other devices: an archive that times itself where it is run, into a table to be imported.

The archive is a Python program in one file: `remote_script`, the modules that it needs, and the models. How it
is timed is how it is timed here. The models' weights repeat a few numbers, so that they pack well.
"""

import json
import re
import zipfile
from dataclasses import asdict
from pathlib import Path

import onnx

from nas.common import machine
from nas.common.errors import UserError
from nas.common.files import write_whole
from nas.latency import graphs, remote_script
from nas.latency.conditions import Conditions
from nas.latency.table.building import Agenda
from nas.latency.table.file import FORMAT, space_id
from nas.latency.timing import runtimes, sandwich
from nas.latency.timing.measuring import REFERENCE
from nas.latency.timing.modules import Subject
from nas.networks.cost import key_name
from search_spaces import Space, zoo

_REPEATED = 1024  # bytes of a weight that stand for the rest


def write(path: Path, space: Space, agenda: Agenda, conditions: Conditions) -> None:
    """Write the archive that times what a table of the space is planned to be made of.

    Raises UserError for a backend that takes no ONNX, and where the file cannot be written.
    """
    if conditions.backend not in runtimes.RUNTIMES:
        raise UserError(
            f"backend {conditions.backend}: another device is timed with {' or '.join(runtimes.RUNTIMES)}, "
            "which take ONNX"
        )
    write_whole(path, lambda file: _write(file, space, agenda, conditions))


def _write(path: Path, space: Space, agenda: Agenda, conditions: Conditions) -> None:
    parts = {key_name(key): f"models/part{number}.onnx" for number, key in enumerate(agenda.parts)}
    networks = [
        {"arch": str(arch), "role": role, "file": f"models/network{number}.onnx"}
        for number, (arch, role) in enumerate(agenda.wholes)
    ]
    table = {
        "format": FORMAT,
        "fingerprint": asdict(conditions),
        "space": space_id(space),
        "reference": REFERENCE,
    }
    manifest = {"table": table, "reference": "models/reference.onnx", "parts": parts, "networks": networks}
    sources = {"__main__": remote_script, "sandwich": sandwich, "machine": machine, "runtimes": runtimes}
    files = ["models/reference.onnx", *(row["file"] for row in networks), *parts.values()]
    subjects: list[Subject] = [zoo.get(REFERENCE), *(arch for arch, _ in agenda.wholes), *agenda.parts]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, module in sources.items():
            source = Path(str(module.__file__)).read_text(encoding="utf-8")
            beside = re.sub(r"from nas\.(latency\.timing|common)\.", "from ", source)
            beside = re.sub(r"from nas\.latency\.timing import", "import", beside)
            archive.writestr(f"{name}.py", beside)
        archive.writestr("manifest.json", json.dumps(manifest, indent=1))
        for file, subject in zip(files, subjects, strict=True):
            archive.writestr(file, _packed(graphs.written(subject, conditions)))


def _packed(model: onnx.ModelProto) -> bytes:
    """The model with weights that repeat their beginning: as many multiplications, a fraction of the size."""
    for weight in model.graph.initializer:
        size = len(weight.raw_data)
        if size > _REPEATED:
            weight.raw_data = (weight.raw_data[:_REPEATED] * (size // _REPEATED + 1))[:size]
    return bytes(model.SerializeToString())
