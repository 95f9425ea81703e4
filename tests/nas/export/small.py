"""A small network trained for a moment on the digits, as a checkpoint: what the tests of exports start from."""

import os
import re
import subprocess
import sys
from pathlib import Path

import torch

from nas.data.dataset import load
from nas.kernels.compute import Compute
from nas.networks.building import build
from nas.networks.checkpoint import Card, save
from nas.train import trainer
from search_spaces import Arch

TEXT = "stem8-ir8_t1-ir16_t2_s2_se-head32"
PLAIN = Compute(bf16=False, own_gradients=False, products=False)  # nothing to be measured first
SIDE = 16


def trained(path: Path, text: str = TEXT, epochs: float = 2.0) -> Card:
    """Write the checkpoint; what it says of itself."""
    data = load("digits", resolution=SIDE)
    trainer.seed_everything(0)
    model = build(Arch.parse(text), len(data.classes), SIDE)
    fidelity = trainer.Fidelity(epochs, 1.0, SIDE)
    done = trainer.train(model, data, fidelity, device="cpu", reports=1, compute=PLAIN)
    card = Card(
        network=str(Arch.parse(text)),
        classes=data.classes,
        resolution=SIDE,
        mean=data.mean,
        std=data.std,
        data="digits",
        fingerprint=data.fingerprint,
        accuracy=done.accuracy,
        made={"command": ["python", "-m", "nas.train", text, "--data", "digits"], "epochs": epochs},
    )
    save(path, card, model.to(memory_format=torch.contiguous_format))  # type: ignore[call-overload]
    return card


def run_card(card: Path, picture: Path) -> list[str]:
    """What the lines of a model card print of a picture, run as they stand in a fresh process beside the file."""
    (code,) = re.findall(r"```python\n(.*?)```", card.read_text(encoding="utf-8"), re.DOTALL)
    told = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(picture)],
        cwd=card.parent,
        env=told,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
