"""What this machine is: its processor's name and the cores that are ours. Needs the standard library alone."""

import os
import platform
from functools import cache
from pathlib import Path


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """The name of the processor's model."""
    return _facts().get("model name") or platform.processor() or platform.machine()


def exact_processor() -> str:
    """The model's name; where that tells none from another ("AMD EPYC"), with its family and number."""
    name, facts = processor(), _facts()
    if any(character.isdigit() for character in name) or not {"cpu family", "model"} <= facts.keys():
        return name
    return f"{name} (family {facts['cpu family']}, model {facts['model']})"


def board() -> str:
    """What the board calls itself; else the processor."""
    try:
        name = Path("/proc/device-tree/model").read_text(encoding="utf-8", errors="replace")
    except OSError:
        name = ""
    return name.strip("\0\n ") or processor()


@cache
def _facts() -> dict[str, str]:
    """The first processor's entry in /proc/cpuinfo; empty where there is none."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
