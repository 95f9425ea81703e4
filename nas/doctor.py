"""What this machine takes for training and searching, and why: `python -m nas.doctor`.

Asks what training asks; what has not been measured yet is measured now, in seconds, and stored as training would.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib import import_module, metadata

import torch

from nas.common.cache import cache_folder
from nas.common.errors import briefly
from nas.common.machine import processor
from nas.console.terminal import say
from nas.kernels import choices, library
from nas.kernels.allocator import is_glibc
from nas.kernels.compute import bf16_is_fast
from nas.latency.backends import BACKENDS

_LIBRARIES = ("torch", "torchvision", "numpy", "optuna", "ray", "fvcore", "plotly", "scikit-learn")


def main() -> None:
    """Say which path training takes on this machine."""
    for topic, finding in examine():
        say(f"{topic:<20} {finding}")


def examine() -> list[tuple[str, str]]:
    """Topic and finding, in the order they are printed."""
    return [
        ("processor", f"{processor()}, torch uses {torch.backends.cpu.get_cpu_capability()}"),
        ("threads", f"{torch.get_num_threads()} of torch; a search trains with 1 a worker"),
        ("CUDA", _cuda()),
        ("depthwise library", _library()),
        ("precision on CPU", _precision()),
        ("depthwise gradients", _gradients()),
        ("1x1 convolutions", _products()),
        *_backends(),
        ("allocator", "glibc's: a search's workers keep memory" if is_glibc() else "as the system has it"),
        ("cache", f"{cache_folder()} (set NAS_CACHE_DIR to move it)"),
        ("measured choices", f"{choices.folder()} (delete it to measure again)"),
        ("Python", platform.python_version()),
        *((name, _version(name)) for name in _LIBRARIES),
    ]


def _cuda() -> str:
    names = map(torch.cuda.get_device_name, range(torch.cuda.device_count()))
    return ", ".join(names) or "none: training runs on the CPU"


def _library() -> str:
    sets = library.instruction_sets()
    if not sets:
        return "not built: slower gradients, those of torch; install again with a C compiler present"
    return f"built, uses {library.SETS[sets[0]]}"


def _precision() -> str:
    if library.load() is None:
        return "float32: torch's own gradients are slow in bfloat16"
    kind = "bfloat16" if bf16_is_fast() else "float32"
    answer = choices.stored().get("bfloat16-product")
    if answer is None:
        return f"{kind}: not measured, because nothing can be stored"
    return f"{kind}: a matrix product in bfloat16 is {answer['ratio']:.2f} times as fast"


def _gradients() -> str:
    """How the classes of depthwise convolutions met so far were decided."""
    answers = [found for name, found in choices.stored().items() if name.startswith("depthwise-")]
    if not answers:
        return "no class measured yet; each is when a training first meets it"
    ours = [found["ratio"] for found in answers if found["answer"]]
    told = f"{len(ours)} of {len(answers)} classes measured so far go to the library"
    return told + (f", there {min(ours):.1f} to {max(ours):.1f} times as fast as torch" if ours else "")


def _products() -> str:
    """On which maps pointwise convolutions are products, as far as a training asked."""
    told = [
        f"{name.removeprefix('pointwise-').replace('-map', ' on maps to ')}: "
        f"{'products' if found['answer'] else 'as such'} ({found['ratio']:.2f})"
        for name, found in choices.stored().items()
        if name.startswith("pointwise-")
    ]
    return ", ".join(told) or "no size of map measured yet; each is when a training first meets it"


def _backends() -> Iterator[tuple[str, str]]:
    """What latency can be measured with, or why not."""
    for name, backend in BACKENDS.items():
        reason = backend.missing()
        yield f"latency {name}", f"none: {reason}" if reason else backend.version()


def _version(name: str) -> str:
    try:
        import_module("sklearn" if name == "scikit-learn" else name)
        return metadata.version(name)
    except Exception as error:  # a broken installation may fail in any way: that is what is asked
        return f"cannot be imported ({type(error).__name__}: {briefly(error, 100)})"


if __name__ == "__main__":
    from nas.console import commands as console

    console.run(main)
