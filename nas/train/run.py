"""One network trained at length: its checkpoint, and what was done beside it.

This is the one command besides the final comparison that reads the test split: once, at the end.
"""

import json
import platform
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from nas.common.files import write_text, writing
from nas.common.sizes import Size, sized
from nas.console import commands
from nas.console.options import deadline
from nas.console.terminal import say
from nas.data.dataset import Dataset
from nas.describe import card as describe
from nas.figures.picture import save_png
from nas.networks.building import build
from nas.networks.checkpoint import Card, colours_of, save
from nas.networks.pretrained import Pretrained, channels_told, fetch, put_in
from nas.networks.references import Model, parse
from nas.runs.folders import new_folder
from nas.train import trainer
from nas.train.freezing import frozen
from nas.train.keeping import Keeper
from nas.train.metrics import ACCURACY, METRICS
from nas.train.parent import inherit_from, parent_arch
from nas.train.picture import curve_sheet
from nas.train.request import TrainRequest
from nas.train.settings import MANIFEST, TrainSettings, begin, reopen, settle
from nas.train.telling import Teller

MODEL, RESULT, STATE, CURVE = "model.safetensors", "result.json", "state.pt", "curve.png"


def carry_out(request: TrainRequest) -> int:
    """Train, judge, and write the checkpoint and result.json; the exit code."""
    began = time.monotonic()
    request.check()
    until = deadline(request.minutes, began)
    trainer.find_device(request.device)
    if request.resume is not None:
        out = Path(request.resume)
        settings, data = reopen(out, request.data_root)
        for left in out.glob(".*.tmp"):  # cut off while it was written
            left.unlink(missing_ok=True)
        if (out / RESULT).is_file() and not (out / STATE).is_file():
            say(f"{out} is finished: {out / MODEL}")
            return 0
        given = fetch(settings.init) if settings.init and not (out / STATE).is_file() else None
        model = _start(settings, data, given)
    else:
        out = new_folder(request.out)
        given = fetch(request.init) if request.init else None
        settings, data = settle(request, given)
        model = _start(settings, data, given)
        with writing(f"--out {out}", "; name another folder"):
            out.mkdir(parents=True, exist_ok=True)
        begin(out, settings)
    try:
        with Teller(
            settings.fidelity.epochs, METRICS[settings.metric], out if request.tensorboard else None
        ) as teller:
            return _train(out, model, settings, data, request.device, until, teller)
    except KeyboardInterrupt:
        return commands.ended("train", out, "interrupted")
    except trainer.TrainingFailed as failure:
        commands.notify(f"error: {failure}")
        for file in (STATE, MANIFEST):  # it would fail again
            with suppress(OSError):
                (out / file).unlink()
        return 1


def _start(settings: TrainSettings, data: Dataset, given: Pretrained | None) -> nn.Module:
    """The network as it is before its first step, and what is said of it."""
    fidelity, resolution = settings.fidelity, settings.fidelity.resolution
    trainer.seed_everything(settings.seed)
    network = parse(settings.network)
    model = build(network, len(data.classes), resolution, data.channels)
    size = sized(resolution, settings.fit, settings.data)
    said = [
        settings.network,
        f"on {data.name}, {fidelity.epochs:g} epochs at {size}, seed {settings.seed}",
    ]
    if given is not None:
        said += [given.told] * bool(given.told and settings.normalisation == (given.mean, given.std))
        said.append(_weighted(model, network, given, resolution, data))
    if settings.freeze:
        with frozen(model, settings.freeze):
            trained = sum(one.numel() for one in model.parameters() if one.requires_grad)
        chance = "" if settings.init else "; what is frozen is random, because there is no --init"
        said.append(f"{settings.freeze} frozen: {trained:,} weights are trained{chance}")
    say("\n".join(said))
    return model


def _weighted(model: nn.Module, network: Model, given: Pretrained, resolution: Size, data: Dataset) -> str:
    """Give the network its first weights, and say what it got: all of its own, or what another arch's leave it."""
    channels = channels_told(given, data.channels)
    arch = parent_arch(network, given)
    if arch is not None:
        told = inherit_from(arch, given, model, resolution, data)
        return f"from {given.source}, {arch}{channels}: {told}"
    anew = put_in(model, network, given, data.classes)
    new = f"; the classifier is made anew, for {len(data.classes)} classes"
    return f"weights of {given.source}{new * anew}{channels}"


def _train(
    out: Path,
    model: nn.Module,
    settings: TrainSettings,
    data: Dataset,
    device: str,
    until: float | None,
    teller: Teller,
) -> int:
    """Train from where the folder's state is, and write what it comes to."""

    keeper = Keeper(out / STATE, settings.to_json(), best=settings.best, looked=teller.stepped)

    def report(progress: trainer.Progress) -> bool:
        teller.reported(progress)
        return _is_stale(settings, keeper) or (until is not None and time.monotonic() > until)

    with frozen(model, settings.freeze):
        outcome = trainer.train(
            model,
            data,
            settings.fidelity,
            settings.recipe,
            seed=settings.seed,
            device=device,
            reports=settings.reports,
            report=report,
            keeper=keeper,
            metric=settings.metric,
        )
    judged = _judged(model, settings, data, outcome, device)
    say(_result(data, outcome, judged))
    _write(out, model, settings, data, outcome, judged, str(trainer.find_device(device)))
    if outcome.curve[-1].share < 1 and _is_stale(settings, keeper):
        say(f"ended at {outcome.curve[-1].share:.0%}: no better in {keeper.stale} reports (--patience)")
        (out / STATE).unlink()
    elif outcome.curve[-1].share < 1:
        say(f"ended before its schedule; go on with: python -m nas.train --resume {out}")
    else:
        (out / STATE).unlink()
    return 0


def _is_stale(settings: TrainSettings, keeper: Keeper) -> bool:
    return 0 < settings.patience <= keeper.stale


def _judged(
    model: nn.Module, settings: TrainSettings, data: Dataset, outcome: trainer.Outcome, device: str
) -> dict[str, float]:
    """Accuracy and the metric, on the validation and the test images, each once."""
    metrics = dict.fromkeys([ACCURACY, settings.metric])
    judged = {
        f"test_{name}": trainer.evaluate(model, data.test(), data, device, metric=name) for name in metrics
    }
    judged[f"validation_{settings.metric}"] = outcome.accuracy
    if settings.metric != ACCURACY:
        judged["validation_accuracy"] = trainer.evaluate(model, data.validation(), data, device)
    return judged


def _result(data: Dataset, outcome: trainer.Outcome, judged: dict[str, float]) -> str:
    measuring = f", {outcome.measuring / outcome.seconds:.1%} of them to measure batch-norm statistics"
    names = [name for name in METRICS if f"test_{name}" in judged]
    told = ", ".join(
        f"{split} {METRICS[name]} {judged[f'{split}_{name}']:.4f}"
        for name in names
        for split in ("validation", "test")
    )
    return (
        f"{data.name}: {told}, "
        f"{outcome.seconds:.1f} s for {outcome.images} images{measuring * bool(outcome.measuring)}"
    )


def _describe(settings: TrainSettings, data: Dataset, outcome: trainer.Outcome) -> dict[str, Any]:
    """What is kept of a training: enough to know what was done and to do it again."""
    return {
        "arch": settings.network,
        "data": {"name": data.name, "fingerprint": data.fingerprint, "classes": list(data.classes)},
        "fidelity": asdict(settings.fidelity),
        "recipe": asdict(settings.recipe),
        "seed": settings.seed,
        "kept": "best" if settings.best else "last",
        "init": settings.init,
        "freeze": settings.freeze,
        "normalisation": {"mean": list(data.mean), "std": list(data.std)},
        "metric": settings.metric,
        "loss": outcome.loss,
        "seconds": outcome.seconds,
        "images": outcome.images,
        "steps": outcome.steps,
        "measuring_seconds": outcome.measuring,
        "threads": torch.get_num_threads(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
    }


def _write(
    out: Path,
    model: nn.Module,
    settings: TrainSettings,
    data: Dataset,
    outcome: trainer.Outcome,
    judged: dict[str, float],
    device: str,
) -> None:
    """All files, each whole or not at all; where result.json is, the checkpoint is."""
    made = _describe(settings, data, outcome) | judged | {"device": device}
    names = ["data", "split", "validation", "skip_corrupt", "drop_duplicates"]
    names += ["channels"] * bool(settings.channels)
    given = {name: getattr(settings, name) for name in names}
    card = Card(
        network=settings.network,
        classes=data.classes,
        resolution=data.resolution,
        fit=data.fit,
        mean=data.mean,
        std=data.std,
        colours=colours_of(data.channels),
        levels=data.levels,
        data=data.name,
        fingerprint=data.fingerprint,
        accuracy=judged["validation_accuracy"],
        test_accuracy=judged["test_accuracy"],
        made={name: value for name, value in made.items() if name not in ("arch", "data")}
        | {"images": given},
    )
    save(out / MODEL, card, model)
    describe.write(out / MODEL, card)
    curve = [asdict(progress) for progress in outcome.curve]
    result = made | {"curve": curve}
    write_text(out / RESULT, json.dumps(result, indent=2) + "\n")
    sheet = curve_sheet(
        outcome.curve,
        METRICS[settings.metric],
        network=settings.network,
        data=data.name,
        epochs=settings.fidelity.epochs,
        best=settings.best,
    )
    save_png(sheet, out / CURVE)
    say(f"wrote {out / MODEL}, {out / RESULT} and {out / CURVE}")
