"""Time the models in this archive on the device it is run on: `python3 FILE`.

Needs Python 3.10, numpy and the runtime that the archive was made for (onnxruntime or openvino), nothing else.
`manifest.json` in the archive lists what to time: {"table": what is known of the table beforehand, "reference":
a file, "parts": {name: file}, "networks": [{"arch", "role", "file"}]}. The answer is a latency table with the
timings alone: {"format", "fingerprint": {"device", "backend", "runtime", ...}, "space", "reference",
"reference_ms", "clock", "parts": {name: ratio}, "networks": [{"arch", "ratio", "role"}]}, where a ratio is to what
the reference network took around that moment. It is written anew every few models: a run that was stopped goes on
where it was. Another runtime is one function in `runtimes.py`.
"""

import argparse
import json
import random
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from nas.common.machine import board
from nas.latency.timing import sandwich
from nas.latency.timing.runtimes import RUNTIMES
from nas.latency.timing.sandwich import NETWORKS, PARTS, QUIET, Portion, Run


def main() -> None:
    """Read the archive that this script is in, time what is missing, write the answer."""
    archive = Path(__file__).resolve().parent
    ask = argparse.ArgumentParser(description="Times the models in this archive on this device.")
    ask.add_argument("--out", type=Path, default=archive.with_suffix(".json"), help="answer; %(default)s")
    ask.add_argument("--device", default=board(), help="the device's name; %(default)s")
    asked = ask.parse_args()
    with zipfile.ZipFile(archive) as models:
        fill(models, asked.out, asked.device)
    print(
        f"wrote {asked.out}; where the archive was made: python -m nas.latency import {asked.out.name} --name NAME"
    )


def fill(models: zipfile.ZipFile, out: Path, device: str) -> None:
    """Time the archive's models into the file `out`, those that it has already left out."""
    manifest = json.loads(models.read("manifest.json"))
    answer = _begun(out, manifest["table"], device)
    of = answer["fingerprint"]

    def load(file: str) -> Run:
        return RUNTIMES[of["backend"]](models.read(file), of["threads"])

    reference, chance = load(manifest["reference"]), random.Random(0)

    def take(files: list[str], portion: Portion) -> list[float]:
        return _ratios([load(file) for file in files], reference, portion, chance, answer)

    known = {network["arch"] for network in answer["networks"]}
    for some in NETWORKS.split([network for network in manifest["networks"] if network["arch"] not in known]):
        ratios = take([network["file"] for network in some], NETWORKS)
        for network, ratio in zip(some, ratios, strict=True):
            answer["networks"].append({"arch": network["arch"], "ratio": ratio, "role": network["role"]})
        _write(out, answer, f"networks: {len(answer['networks'])} of {len(manifest['networks'])}")
    names = [name for name in manifest["parts"] if name not in answer["parts"]]
    chance.shuffle(names)
    for batch in PARTS.split(names):
        ratios = take([manifest["parts"][name] for name in batch], PARTS)
        answer["parts"].update(zip(batch, ratios, strict=True))
        _write(out, answer, f"parts: {len(answer['parts'])} of {len(manifest['parts'])}")


def _ratios(
    runs: list[Run], reference: Run, portion: Portion, chance: random.Random, answer: dict[str, Any]
) -> list[float]:
    """Time runs between those of the reference, and keep in the answer what that took."""
    threads = answer["fingerprint"]["threads"]
    if threads > 1 and sandwich.free_share(threads) < QUIET:
        sys.exit(f"error: the device is busy, {threads} threads would wait for others; try later")
    samples = sandwich.sandwich(runs, reference, sandwich.Clocks(), chance, portion)
    clock, name = sandwich.choose(samples, "auto", threads)
    timings = [sandwich.timing(samples, index, clock) for index in range(len(runs))]
    answer["references"] += [timings[0].ms / timings[0].ratio]
    answer["reference_ms"] = median(answer["references"])
    answer["clock"] = "+".join(sorted({*filter(None, answer["clock"].split("+")), name}))
    return [timed.ratio for timed in timings]


def _begun(out: Path, table: dict[str, Any], device: str) -> dict[str, Any]:
    """The answer so far; refuses one of another device, runtime or table."""
    backend = table["fingerprint"]["backend"]
    table["fingerprint"].update(device=device, runtime=f"{backend} {version(backend)}")
    if not out.exists():
        return {**table, "reference_ms": None, "clock": "", "references": [], "parts": {}, "networks": []}
    earlier = json.loads(out.read_text(encoding="utf-8"))
    if any(earlier.get(name) != table[name] for name in table):
        sys.exit(f"error: {out} is of another device, runtime or table; name another file with --out")
    return dict(earlier)


def _write(out: Path, answer: dict[str, Any], progress: str) -> None:
    whole = out.with_suffix(".tmp")
    whole.write_text(json.dumps(answer, indent=1), encoding="utf-8")
    whole.replace(out)
    print(progress, flush=True)


if __name__ == "__main__":
    main()
