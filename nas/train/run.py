"""One network trained at length, with what was done written beside its weights.

This is the one command besides the final comparison that reads the test split: once, at the end.
"""

import json
import platform
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nas.common.files import writing
from nas.console import commands
from nas.console.options import deadline
from nas.data.dataset import Dataset, load
from nas.networks.building import build
from nas.networks.references import Model
from nas.runs.folders import new_folder
from nas.runs.naming import resolve
from nas.train import trainer
from nas.train.request import TrainRequest


def carry_out(request: TrainRequest) -> int:
    """Train, judge, and write weights.pt and result.json; the exit code."""
    began, resolution = time.monotonic(), request.train_resolution
    out = new_folder(request.out)
    device = trainer.find_device(request.device)
    fidelity = trainer.Fidelity(request.epochs, request.subset, resolution)
    recipe = trainer.Recipe().changed(request.recipe) if request.recipe else trainer.Recipe()
    until = deadline(request.minutes, began)
    network = resolve(request.network)
    root = Path(request.data_root) if request.data_root else None
    data = load(
        request.data or "auto",
        root=root,
        resolution=resolution,
        split=request.split,
        skip_corrupt=request.skip_corrupt,
    )
    with writing(f"--out {out}", "; name another folder"):
        out.mkdir(parents=True, exist_ok=True)
    trainer.seed_everything(request.seed)
    model = build(network, len(data.classes), resolution)
    print(
        f"{network}\non {data.name}, {request.epochs:g} epochs at {resolution}x{resolution}, seed {request.seed}"
    )

    def report(progress: trainer.Progress) -> bool:
        _say(progress)
        return until is not None and time.monotonic() > until

    reports = 4 if request.minutes is None else 4 * max(1, round(request.epochs))
    try:
        outcome = trainer.train(
            model,
            data,
            fidelity,
            recipe,
            seed=request.seed,
            device=request.device,
            reports=reports,
            report=report,
        )
    except trainer.TrainingFailed as failure:
        commands.notify(f"error: {failure}")
        return 1
    test = trainer.evaluate(model, data.test(), data, request.device)
    print(_result(data, outcome, test))
    result = _describe(network, data, fidelity, recipe, outcome)
    _write(out, model, result | {"seed": request.seed, "device": str(device), "test_accuracy": test})
    return 0


def _result(data: Dataset, outcome: trainer.Outcome, test: float) -> str:
    measuring = f", {outcome.measuring / outcome.seconds:.1%} of them to measure batch-norm statistics"
    return (
        f"{data.name}: validation accuracy {outcome.accuracy:.4f}, test accuracy {test:.4f}, "
        f"{outcome.seconds:.1f} s for {outcome.images} images{measuring * bool(outcome.measuring)}"
    )


def _say(progress: trainer.Progress) -> None:
    print(
        f"{progress.share:6.1%}  validation accuracy {progress.accuracy:.4f}  "
        f"training loss {progress.loss:.3f}  {progress.seconds:.1f} s"
    )


def _describe(
    model: Model, data: Dataset, fidelity: trainer.Fidelity, recipe: trainer.Recipe, outcome: trainer.Outcome
) -> dict[str, Any]:
    """What is kept of a training: enough to know what was done and to do it again."""
    return {
        "arch": str(model),
        "data": {"name": data.name, "fingerprint": data.fingerprint, "classes": list(data.classes)},
        "fidelity": asdict(fidelity),
        "recipe": asdict(recipe),
        "validation_accuracy": outcome.accuracy,
        "loss": outcome.loss,
        "seconds": outcome.seconds,
        "images": outcome.images,
        "steps": outcome.steps,
        "measuring_seconds": outcome.measuring,
        "curve": [asdict(progress) for progress in outcome.curve],
        "threads": torch.get_num_threads(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
    }


def _write(out: Path, model: torch.nn.Module, result: dict[str, Any]) -> None:
    """Both files, created exclusively; result.json comes last, so that where it is, all is."""
    weights = {name: value.cpu() for name, value in model.state_dict().items()}
    with (out / "weights.pt").open("xb") as file:
        torch.save(weights, file)
    with (out / "result.json").open("x", encoding="utf-8") as file:
        file.write(json.dumps(result, indent=2) + "\n")
    print(f"wrote {out / 'weights.pt'} and {out / 'result.json'}")
