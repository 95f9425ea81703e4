"""What a run was made with: enough to know years later where a figure came from."""

import platform
import shlex
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from nas.common.machine import cores, processor

_PACKAGES = ("nas-search", "torch", "torchvision", "optuna", "ray", "numpy", "pandas", "fvcore", "plotly")


def environment() -> dict[str, Any]:
    """Command, time, versions, device and git revision of this process."""
    return {
        "command": command(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
        "device": device(),
        "git_revision": git_revision(),
    }


def command() -> str:
    """What was typed to start this process, as far as it knows: `python -m nas.search --budget 300MFLOPs`."""
    called, *options = sys.argv
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None and spec.origin and Path(spec.origin) == Path(called):
        said = ["python", "-m", spec.name.removesuffix(".__main__")]
    elif called.startswith("nas "):  # as `nas.__main__` calls its commands
        said = called.split()
    else:
        said = [Path(called).name]
    return shlex.join([*said, *options])


def device() -> dict[str, Any]:
    """The processor's name, how many of its cores are ours, and the CUDA devices."""
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {"cpu": processor(), "cores": cores(), "platform": platform.platform(), "cuda": gpus}


def git_revision() -> str | None:
    """The commit of the checkout that this code runs from, `-dirty` where it was edited; None in a wheel."""
    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return None
    try:
        call = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        return subprocess.run(call, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
