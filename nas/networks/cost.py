"""What an arch costs: multiply-adds, parameters, activations and bytes, as the sum of a table's entries.

Of the memory that tensors take the largest entry's is needed, and not the sum.

One entry is one part (stem, block, head) behind so many channels at so many pixels. It is counted once
on the built module and kept, in memory and in the user's cache folder, so that thousands of
candidates a second can be priced and a new primitive needs no cost code. The file's name carries a hash of
the code that was counted: an edited primitive is counted anew.
"""

import hashlib
import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

import torch

import blocks
from nas.common.cache import cache_folder
from nas.common.decode import parsed
from nas.common.files import write_text
from nas.common.sizes import Size
from nas.networks import counting, memory
from nas.networks.bounds import check_target
from nas.networks.counting import Cost, Part, count
from search_spaces.arch import Arch

TARGET_RESOLUTION = 224
TARGET_CLASSES = 1000
SAVED_EVERY = 1.0
"""Seconds between writing down what is counted of many entries, at the least."""
SAVING = 0.05
"""The share of the time that this may take: the more there is, the more seldom it is written."""


class Costed(Protocol):
    """A network that says what it costs: a library's classifier."""

    def cost(self, resolution: Size, num_classes: int, channels: int) -> Cost:
        """Its cost at so many pixels, classes and channels of the images."""


def cost(
    model: "Arch | Costed",
    resolution: Size = TARGET_RESOLUTION,
    num_classes: int = TARGET_CLASSES,
    channels: int = 3,
    *,
    final: int = 2,
) -> Cost:
    """The cost of what `build(model, num_classes, resolution, channels, final=final)` builds: an arch or a reference.

    Raises UserError where the resolution is too small for it and for fewer than one class.
    """
    if not isinstance(model, Arch):
        return model.cost(resolution, num_classes, channels)
    return default_table().cost(model, resolution, num_classes, channels, final)


Key = tuple[Part, int, Size, int]
"""A part, its input channels, the size of its input map, and for the head the classes."""


class CostTable:
    """The counted entries; `file` keeps them between processes where it is given."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._entries: dict[Key, Cost] = {}
        self._known: dict[str, Cost] = _read(file) if file else {}
        self._unsaved = 0

    def cost(self, arch: Arch, resolution: Size, num_classes: int, channels: int = 3, final: int = 2) -> Cost:
        """Sum of the entries of the arch as built for `resolution`, `num_classes` and `channels` of the images."""
        macs, params, activations, weights, memory, uncounted = 0, 0, 0, 0, 0, set[str]()
        for part in self.parts(
            arch, resolution, num_classes, channels, final
        ):  # not by +: thousands a second are asked for
            macs += part.macs
            params += part.params
            activations += part.activations
            weights += part.weights
            memory = max(memory, part.memory)
            uncounted.update(part.uncounted)
        return Cost(macs, params, activations, weights, memory, tuple(sorted(uncounted)))

    def parts(
        self, arch: Arch, resolution: Size, num_classes: int, channels: int = 3, final: int = 2
    ) -> list[Cost]:
        """The costs of the stem, of each block and of the head of the arch as built."""
        check_target(resolution, num_classes, channels)
        entry = self._entries
        found = []
        for key in part_keys(arch.fitted(resolution, final), resolution, num_classes, channels):
            counted = entry.get(key)
            found.append(self.entry(key) if counted is None else counted)
        if self._unsaved >= 50:
            self.save()
        return found

    def missing(
        self, archs: Iterable[Arch], resolution: Size, num_classes: int, channels: int = 3
    ) -> list[Key]:
        """What these archs have that is not in the table yet."""
        every = (part_keys(arch.fitted(resolution), resolution, num_classes, channels) for arch in archs)
        return self.unknown(key for keys in every for key in keys)

    def unknown(self, keys: Iterable[Key]) -> list[Key]:
        """Those of the entries that are not in the table yet, each once."""
        return [
            key
            for key in dict.fromkeys(keys)
            if key not in self._entries and key_name(key) not in self._known
        ]

    def fill(
        self,
        missing: Sequence[Key],
        processes: int,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        """Count these entries in so many processes at once; `progress` is told how many of how many.

        What is counted is saved meanwhile: a killed process has not counted for nothing.
        """
        ignore = (signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for this process to answer, in one line
        spawn = get_context("spawn")
        with ProcessPoolExecutor(processes, spawn, signal.signal, ignore) as pool:
            counted = pool.map(count, *zip(*missing, strict=True), chunksize=25)
            due = time.monotonic() + SAVED_EVERY
            for done, (key, cost) in enumerate(zip(missing, counted, strict=True), start=1):
                self._entries[key] = self._known[key_name(key)] = cost
                self._unsaved += 1
                progress(done, len(missing))
                if (began := time.monotonic()) > due:
                    self.save()
                    due = time.monotonic() + max(SAVED_EVERY, (time.monotonic() - began) / SAVING)
        self.save()

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, key: Key) -> Cost:
        """What one part costs; counted where it is new."""
        counted = self._entries.get(key)
        if counted is None:
            counted = self._entries[key] = self.remembered(key_name(key), lambda: count(*key))
        return counted

    def remembered(self, name: str, counted: Callable[[], Cost]) -> Cost:
        """The entry of this name; counted where it is new."""
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = counted()
            self._unsaved += 1
        for operator in known.uncounted:
            _say_uncounted(operator)
        return known

    def save(self) -> None:
        """Write the entries, with those that another process wrote meanwhile. A full disk is no error."""
        if self._file is None or not self._unsaved:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            entries = _read(self._file) | self._known
            counted = {name: astuple(c) for name, c in entries.items()}
            write_text(self._file, json.dumps(counted))
        except OSError as error:  # only a cache: the next process counts again
            logging.getLogger(__name__).warning("cost table not saved: %s", error)
        self._unsaved = 0


def part_keys(fitted: Arch, resolution: Size, num_classes: int, channels: int = 3) -> list[Key]:
    """The entries whose sum an arch is, strides already fitted; `channels` are those of the images."""
    blocks = [(block, width, size, 0) for block, width, size in fitted.walk(resolution)]
    head = (fitted.head, fitted.channels, fitted.final_size(resolution), num_classes)
    return [(fitted.stem, channels, resolution, 0), *blocks, head]


def key_name(key: Key) -> str:
    """The entry's key in a file of entries: part, channels, size, classes, and a hash of foreign code."""
    return " ".join(map(str, (*key, _foreign(type(key[0]).__module__))))


@cache
def default_table() -> CostTable:
    """The table of this process, kept in the user's cache folder ($NAS_CACHE_DIR)."""
    import atexit

    table = CostTable(cache_folder() / f"costs-{_source_hash()}.json")
    atexit.register(table.save)
    return table


def _read(file: Path) -> dict[str, Cost]:
    try:
        entries = parsed(file.read_text()).items()
        return {
            name: Cost(int(macs), int(params), int(activations), int(weights), int(memory), tuple(uncounted))
            for name, (macs, params, activations, weights, memory, uncounted) in entries
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # absent or damaged: only a cache


@cache
def _say_uncounted(operator: str) -> None:
    """Once a process: a budget does not see what cannot be counted."""
    logging.getLogger(__name__).warning("multiply-adds of %s cannot be counted and are left out", operator)


@cache
def _source_hash() -> str:
    """Of the code that is counted and of the counter."""
    digest = hashlib.sha256(torch.__version__.encode())
    for file in (
        Path(counting.__file__),
        Path(memory.__file__),
        *sorted(Path(blocks.__file__).parent.glob("*.py")),
    ):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


@cache
def _foreign(module: str) -> str:
    """A hash of the module of a user's own primitive; nothing for ours, which the file's name covers."""
    if module.startswith("blocks."):
        return ""
    file = getattr(sys.modules[module], "__file__", None)
    source = Path(file).read_bytes() if file else module.encode()
    return hashlib.sha256(source).hexdigest()[:16]
