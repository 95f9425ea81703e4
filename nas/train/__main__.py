"""Train one arch at length ("retrain the winner"), and the trainer's public names.

    python -m nas.train mobilenet_v3_small --data digits --epochs 30 --out results/retrained
    from nas.train.__main__ import Fidelity, Recipe, train

The trainer itself is `nas.train.trainer`. This is the one command besides the final comparison that reads the
test split: once, at the end.
"""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch
import typer

from nas.common.errors import UserError
from nas.train.trainer import (
    Fidelity,
    Outcome,
    Progress,
    Recipe,
    TrainingFailed,
    evaluate,
    find_device,
    seed_everything,
    train,
)

if TYPE_CHECKING:
    from nas.data.dataset import Dataset
    from nas.networks.references import Model

__all__ = [
    "Fidelity",
    "Outcome",
    "Progress",
    "Recipe",
    "TrainingFailed",
    "evaluate",
    "seed_everything",
    "train",
]


def main(
    arch: Annotated[
        str, typer.Argument(help="A zoo name, an arch's text, RUN@TRIAL, torchvision:NAME or timm:NAME.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for weights.pt and result.json; new or empty.")],
    data: Annotated[str, typer.Option(help="auto, cifar10, folder:PATH or digits.")] = "auto",
    data_root: Annotated[Path | None, typer.Option(help="Where CIFAR-10 is, or is downloaded to.")] = None,
    epochs: Annotated[float, typer.Option(help="Length of the schedule; decimals allowed.")] = 30.0,
    subset: Annotated[float, typer.Option(help="Share of the training images, in (0, 1].")] = 1.0,
    resolution: Annotated[int, typer.Option(help="Side of the images in pixels.")] = 32,
    seed: Annotated[int, typer.Option(min=0, help="Fixes weights, order, augmentation.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    recipe: Annotated[str, typer.Option(help="What is to differ: lr=0.3,batch_size=256,cutout=0.5.")] = "",
) -> None:
    """Train an arch and report its accuracy on the validation and on the held-out test images."""
    from nas.data.dataset import load
    from nas.networks.building import build
    from nas.runs.naming import resolve

    _check_free(out)
    find_device(device)
    fidelity = Fidelity(epochs, subset, resolution)
    used = Recipe().changed(recipe) if recipe else Recipe()
    network = resolve(arch)
    dataset = load(data, root=data_root, resolution=resolution)
    seed_everything(seed)
    model = build(network, len(dataset.classes), resolution)
    _make(out)
    typer.echo(f"{network}\non {dataset.name}, {epochs:g} epochs at {resolution}x{resolution}, seed {seed}")
    try:
        outcome = train(model, dataset, fidelity, used, seed=seed, device=device, report=_say)
    except TrainingFailed as failure:
        typer.echo(f"error: {failure}", err=True)
        raise typer.Exit(1) from None
    test = evaluate(model, dataset.test(), dataset, device)
    typer.echo(
        f"{dataset.name}: validation accuracy {outcome.accuracy:.4f}, test accuracy {test:.4f}, "
        f"{outcome.seconds:.1f} s for {outcome.images} images"
    )
    result = _describe(network, dataset, fidelity, used, outcome)
    _write(out, model, result | {"seed": seed, "device": str(find_device(device)), "test_accuracy": test})


def _say(progress: Progress) -> None:
    typer.echo(
        f"{progress.share:6.1%}  validation accuracy {progress.accuracy:.4f}  "
        f"training loss {progress.loss:.3f}  {progress.seconds:.1f} s"
    )


def _check_free(out: Path) -> None:
    """Refuse, before any work, a place that holds something."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"--out {out}: expected a new or an empty folder; name another one")


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--out {out}: the folder cannot be made ({error.strerror}); name another one"
        ) from None


def _describe(
    model: Model, data: Dataset, fidelity: Fidelity, recipe: Recipe, outcome: Outcome
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
    typer.echo(f"wrote {out / 'weights.pt'} and {out / 'result.json'}")


if __name__ == "__main__":
    from nas.console import commands as console

    console.run(main)
