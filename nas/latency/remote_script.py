"""Time the models in this archive on the device it is run on: `python3 FILE`.

Needs Python 3.10, numpy and the runtime that the archive was made for (onnxruntime or openvino), nothing else.
`manifest.json` in the archive lists what to time: {"table": what is known of the table beforehand, "reference":
a file, "parts": {name: file}, "networks": [{"arch", "role", "file"}]}. The answer is a latency table with the
timings alone: {"format", "fingerprint": {"device", "backend", "runtime", ...}, "space", "reference",
"reference_ms", "clock", "parts": {name: ratio}, "networks": [{"arch", "ratio", "role"}]}, where a ratio is to what
the reference network took around that moment. It is written anew every few models: a run that was stopped goes on
where it was. Another runtime is one function in `runtimes.py`.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nas.common.machine import board
from nas.latency.timing.runtimes import RUNTIMES, Run
from nas.latency.timing.sandwich import (
    NETWORKS,
    PARTS,
    QUIET,
    Clocks,
    Portion,
    choose,
    free_share,
    quantile,
    sandwich,
    timing,
)


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
    threads = answer["fingerprint"]["threads"]
    runtime = RUNTIMES[answer["fingerprint"]["backend"]]

    def load(file: str) -> Run:
        return runtime(models.read(file), threads)

    timer = _Timer(load(manifest["reference"]), threads, answer)
    known = {network["arch"] for network in answer["networks"]}
    networks = [network for network in manifest["networks"] if network["arch"] not in known]
    for some in NETWORKS.split(networks):
        ratios = timer.take([load(network["file"]) for network in some], NETWORKS)
        for network, ratio in zip(some, ratios, strict=True):
            answer["networks"].append({"arch": network["arch"], "ratio": ratio, "role": network["role"]})
        _write(out, answer, f"networks: {len(answer['networks'])} of {len(manifest['networks'])}")
    names = [name for name in manifest["parts"] if name not in answer["parts"]]
    timer.chance.shuffle(names)
    for batch in PARTS.split(names):
        ratios = timer.take([load(manifest["parts"][name]) for name in batch], PARTS)
        answer["parts"].update(zip(batch, ratios, strict=True))
        _write(out, answer, f"parts: {len(answer['parts'])} of {len(manifest['parts'])}")


class _Timer:
    """Times runs between those of the reference, and keeps in the answer what that took."""

    def __init__(self, reference: Run, threads: int, answer: dict[str, Any]) -> None:
        self._reference, self._threads, self._answer = reference, threads, answer
        self.chance = random.Random(0)

    def take(self, runs: list[Run], portion: Portion) -> list[float]:
        """The ratios of these."""
        if self._threads > 1 and free_share(self._threads) < QUIET:
            sys.exit(f"error: the device is busy, {self._threads} threads would wait for others; try later")
        samples = sandwich(runs, self._reference, Clocks(), self.chance, portion)
        clock, name = choose(samples, "auto", self._threads)
        timings = [timing(samples, index, clock) for index in range(len(runs))]
        self._answer["references"] += [timings[0].seconds / timings[0].ratio * 1e3]
        self._answer["reference_ms"] = quantile(self._answer["references"], 0.5)
        self._answer["clock"] = "+".join(sorted({*filter(None, self._answer["clock"].split("+")), name}))
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
