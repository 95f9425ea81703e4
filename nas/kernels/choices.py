"""Yes or no by measurement: asked once on a machine, stored, and never asked again.

An answer decides between two ways of computing the same, which round differently; so it must not change
while runs are to repeat. Each is one small file in the cache folder, put there whole and by whoever is first;
all others, then and later, read it. Where nothing can be stored, a fixed answer is given unmeasured. Delete
the folder to measure again.
"""

import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import torch

from nas.common.cache import cache_folder
from nas.common.decode import parsed
from nas.common.machine import processor
from nas.kernels import library

_ROUNDS = 9
_CLEAR = 3.0  # a first ratio above this, or below its inverse, needs no second look
_known: dict[Path, bool] = {}  # what this process has read: fixed, whatever becomes of the files


def folder() -> Path:
    """Where this machine's answers are: one folder for each processor, torch and library."""
    facts = [processor(), torch.__version__, torch.backends.cpu.get_cpu_capability()]
    facts += [f"library {library.VERSION}", *map(str, library.instruction_sets())]
    return cache_folder() / "machine" / hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def decide(question: str, ratio: Callable[[], float], at_least: float, otherwise: bool) -> bool:
    """The stored answer to a question, or whether `ratio()`, measured now, is at least so much.

    `question` is a file name. `otherwise` is the answer where none can be stored.
    """
    path = folder() / f"{question}.json"
    if path not in _known:
        answer = _read(path)
        if answer is None and _storable(path.parent):
            measured = ratio()
            _store(path, {"answer": measured >= at_least, "ratio": round(measured, 3), "at_least": at_least})
            answer = _read(path)
        _known[path] = otherwise if answer is None else bool(answer["answer"])
    return _known[path]


def stored() -> dict[str, dict[str, float | bool]]:
    """All answers of this machine so far, by question, with the measured ratio."""
    files = sorted(folder().glob("*.json"))
    return {path.stem: answer for path in files if (answer := _read(path)) is not None}


def _read(path: Path) -> dict[str, float | bool] | None:
    with suppress(OSError, ValueError):
        answer = parsed(path.read_text("utf-8"))
        return answer if isinstance(answer, dict) and "answer" in answer else None
    return None


def _storable(where: Path) -> bool:
    """Whether files can be made here and linked: if not, do not even measure."""
    with suppress(OSError):
        where.mkdir(parents=True, exist_ok=True)
    return os.access(where, os.W_OK) and hasattr(os, "link")


def _store(path: Path, answer: dict[str, float | bool]) -> None:
    """Put the file there, whole, unless there is one: a link, unlike a renaming, never replaces."""
    draft = path.with_name(f"{uuid.uuid4().hex}.tmp")
    with suppress(OSError):  # FileExistsError: another process was quicker, and its answer holds
        draft.write_text(json.dumps(answer), "utf-8")
        os.link(draft, path)
    with suppress(OSError):
        draft.unlink()


def ramp(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Something to measure with, in channels-last memory, without drawing random numbers."""
    count = torch.Size(shape).numel()
    return torch.linspace(-1, 1, count).view(shape).to(dtype).contiguous(memory_format=torch.channels_last)


def speed_ratio(theirs: Callable[[], object], ours: Callable[[], object]) -> float:
    """How many times as fast `ours` is, measured as `seconds_in_turn` does."""
    return _ratio(seconds_in_turn(theirs, ours))


def seconds_in_turn(
    theirs: Callable[[], object], ours: Callable[[], object], until_clear: bool = True
) -> tuple[float, float]:
    """Seconds of each at its best, by processor time of one thread, taken in turn.

    until_clear: stop as soon as one is clearly faster, which says who, but not well by how much.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        best = [float("inf"), float("inf")]
        for done in range(_ROUNDS + 1):
            for side, work in enumerate((theirs, ours)):
                start = time.thread_time()
                work()
                taken = time.thread_time() - start
                if done:  # the first round warms up
                    best[side] = min(best[side], taken)
            if until_clear and done and not 1 / _CLEAR < _ratio(best) < _CLEAR:
                break
        return best[0], best[1]
    finally:
        torch.set_num_threads(threads)


def _ratio(seconds: Sequence[float]) -> float:
    return max(seconds[0], 1e-9) / max(seconds[1], 1e-9)
