"""Measure the models in this archive on the device it is run on: `python3 FILE`.

Needs Python 3.8, numpy and the runtime that the archive was made for (onnxruntime or openvino), nothing else.
`manifest.json` in the archive lists the models: {"conditions": {"backend", "precision", "threads",
"resolution", "batch", "classes"}, "reference": {"text", "file"}, "models": [{"kind": "parts" or "networks",
"text", "file"}]}. The answer is one JSON file: {"format": 1, "fingerprint": {the conditions, "device",
"runtime"}, "reference": text, "parts": {text: row}, "networks": {text: row}}, a row being {"ms", "low", "high",
"ratio", "clean", "runs", "clock", "forced"}; ms is the 25 % quantile, low and high the 10 and 90 % quantiles of
single runs, ratio to the reference, which ran before and after. It is written anew every few models: a run that
was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nas.latency.runtimes import RUNTIMES, Run
from nas.latency.sandwich import QUIET, Clocks, choose, free_share, sandwich, timing

_AT_ONCE, _TOGETHER = {"parts": 32, "networks": 8}, {"parts": 6, "networks": 1}


def main() -> None:
    """Read the archive this script is in, measure what is missing, write the answer."""
    archive = Path(__file__).resolve().parent
    ask = argparse.ArgumentParser(description="Measures the models in this archive on this device.")
    ask.add_argument("--out", type=Path, default=archive.with_suffix(".json"), help="answer; %(default)s")
    ask.add_argument("--device", default=device(), help="the device's name; %(default)s")
    ask.add_argument("--force", action="store_true", help="several threads on a busy device; recorded")
    asked = ask.parse_args()
    with zipfile.ZipFile(archive) as models:
        fill(models, asked.out, asked.device, asked.force)


def fill(models: zipfile.ZipFile, out: Path, device: str, force: bool) -> None:
    """Measure the archive's models into the file `out`, those that it has already left out."""
    manifest = json.loads(models.read("manifest.json"))
    answer = _begun(out, manifest, device)
    threads, backend = manifest["conditions"]["threads"], manifest["conditions"]["backend"]

    def load(model: dict[str, str]) -> Run:
        return RUNTIMES[backend](models.read(model["file"]), threads)

    chance, reference = random.Random(0), load(manifest["reference"])
    for kind in ("parts", "networks"):
        left = [m for m in manifest["models"] if m["kind"] == kind and m["text"] not in answer[kind]]
        chance.shuffle(left)
        for start in range(0, len(left), _AT_ONCE[kind]):
            some = left[start : start + _AT_ONCE[kind]]
            free = free_share(threads) if threads > 1 else 1.0
            if free < QUIET and not force:
                sys.exit(f"error: the device is busy, {threads} threads would wait; try later, or --force")
            samples = sandwich([load(model) for model in some], reference, Clocks(), chance, _TOGETHER[kind])
            clock, name = choose(samples, "auto", threads)
            for index, model in enumerate(some):
                found = timing(samples, index, clock)
                answer[kind][model["text"]] = {
                    "ms": found.seconds * 1e3,
                    "low": found.low * 1e3,
                    "high": found.high * 1e3,
                    "ratio": found.ratio,
                    "clean": found.clean if threads == 1 else free,
                    "runs": found.runs,
                    "clock": name,
                    "forced": free < QUIET,
                }
            _write(out, answer)
            print(f"{kind}: {start + len(some)} of {len(left)}", flush=True)
    print(f"wrote {out}")


def _begun(out: Path, manifest: dict[str, Any], device: str) -> dict[str, Any]:
    """The answer so far; refuses one of another device, runtime or archive."""
    backend = manifest["conditions"]["backend"]
    fingerprint = {
        **manifest["conditions"],
        "device": device,
        "runtime": f"{backend} {version(backend)}",
    }
    reference = manifest["reference"]["text"]
    begun = {"format": 1, "fingerprint": fingerprint, "reference": reference, "parts": {}, "networks": {}}
    if out.exists():
        earlier = json.loads(out.read_text(encoding="utf-8"))
        if any(earlier.get(name) != begun[name] for name in ("format", "fingerprint", "reference")):
            sys.exit(f"error: {out} was measured on another device or runtime; name another file with --out")
        return dict(earlier)
    return begun


def _write(out: Path, answer: dict[str, Any]) -> None:
    whole = out.with_suffix(".tmp")
    whole.write_text(json.dumps(answer, indent=1), encoding="utf-8")
    whole.replace(out)


def device() -> str:
    """What the board, or else the processor, calls itself."""
    for path, field in (("/proc/device-tree/model", ""), ("/proc/cpuinfo", "model name")):
        try:
            lines = Path(path).read_text(encoding="utf-8", errors="replace").strip("\0\n ").splitlines()
        except OSError:
            continue
        named = [line.split(":", 1)[-1].strip() for line in lines if line.startswith(field)]
        if named:
            return named[0]
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
