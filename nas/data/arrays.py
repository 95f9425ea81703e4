"""Arrays on disk that are written once, whole, and then read by many processes as memory maps.

An entry is a folder: some .npy files and `entry.json`, which says what they must look like. It is
built in a temporary folder beside its place and renamed there when all of it is on disk, so nobody
ever sees half an entry, and two processes that build the same one at once both end with a whole one.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np
import numpy.typing as npt

from nas.common.decode import parsed
from nas.common.files import writing

ENTRY = "entry.json"
_BUILDING = "building-"
_ABANDONED_SECONDS = 24 * 3600.0
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES, errno.EPERM)
_ELSEWHERE = "; set the environment variable NAS_CACHE_DIR to a folder that can be written to"


@dataclass(frozen=True)
class StoredArray:
    """What a .npy file must look like: its size in bytes, its rows and the SHA-256 of its elements."""

    size: int
    rows: int
    sha256: str


@dataclass(frozen=True)
class StoredEntry:
    """A whole entry: its folder, what its builder wrote down about it (JSON), and its arrays by name."""

    folder: Path
    info: dict[str, Any]
    arrays: dict[str, StoredArray]

    def open(self, name: str) -> npt.NDArray[Any]:
        """Memory-map array `name`, read-only."""
        return np.asarray(np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False))


class ArrayWriter:
    """Write a .npy file row by row, without knowing beforehand how many rows there will be.

    Ordinary writes and not a writable memory map: on a full disk they raise OSError, where storing
    into a map of a sparse file kills the process with SIGBUS.
    """

    def __init__(self, folder: Path, name: str, row_shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        self.path = folder / f"{name}.npy"
        self.rows = 0
        self._row_shape = row_shape
        self._dtype = np.dtype(dtype)
        self._hash = hashlib.sha256()
        self._file = self.path.open("wb")
        self._write_header()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, rows: npt.ArrayLike) -> None:
        """Write rows of the agreed shape and type."""
        block = np.ascontiguousarray(rows, dtype=self._dtype)
        if block.shape[1:] != self._row_shape:
            raise ValueError(f"{self.path.name} has rows of shape {self._row_shape}, not {block.shape[1:]}")
        self._hash.update(block.data)
        self._file.write(block.data)
        self.rows += len(block)

    def finish(self) -> StoredArray:
        """Write the header with the final number of rows and wait until the file is on disk."""
        self._file.seek(0)
        self._write_header()
        self._file.flush()
        os.fsync(self._file.fileno())
        size = os.fstat(self._file.fileno()).st_size
        self._file.close()
        return StoredArray(size, self.rows, self._hash.hexdigest())

    def _write_header(self) -> None:
        # numpy leaves room in the header for the first axis to grow, so the second header fits the first.
        shape = (self.rows, *self._row_shape)
        descr = np.lib.format.dtype_to_descr(self._dtype)
        header = {"descr": descr, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)


def write_array(folder: Path, name: str, rows: npt.NDArray[Any]) -> StoredArray:
    """Write a whole array into a .npy file."""
    with ArrayWriter(folder, name, rows.shape[1:], rows.dtype) as writer:
        writer.append(rows)
        return writer.finish()


def find(folder: Path, verify: Iterable[str] = ()) -> StoredEntry | None:
    """Return the entry in `folder`, or None if there is none or it is damaged.

    The size of every array is checked, and the content of those named in `verify` (about 1 GB a second).
    """
    try:
        notes = parsed((folder / ENTRY).read_bytes())
        arrays = msgspec.convert(notes["arrays"], dict[str, StoredArray])
        entry = StoredEntry(folder, dict(notes["info"]), arrays)
        for name, stored in arrays.items():
            if (folder / f"{name}.npy").stat().st_size != stored.size:
                return None
        for name in verify:
            array, stored = entry.open(name), arrays[name]
            if len(array) != stored.rows or hashlib.sha256(array.data).hexdigest() != stored.sha256:
                return None
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None  # absent or unreadable: the caller builds it again
    return entry


def publish(
    folder: Path, build: Callable[[Path], tuple[dict[str, Any], dict[str, StoredArray]]]
) -> StoredEntry:
    """Build an entry and put it at `folder`, in the place of a damaged one if there is one.

    `build` gets an empty folder, writes arrays into it and returns (info, arrays). Whatever it raises
    (a full disk is an OSError) leaves nothing behind. Raises UserError if the cache cannot be written to.
    """
    work = folder.parent / f"{_BUILDING}{uuid.uuid4().hex}"
    with writing(f"the cache folder {folder.parent}", _ELSEWHERE):
        work.mkdir(parents=True)
    try:
        _remove_abandoned(folder.parent)
        info, arrays = build(work)
        fields = {name: vars(stored) for name, stored in arrays.items()}
        with (work / ENTRY).open("w", encoding="utf-8") as file:
            json.dump({"info": info, "arrays": fields}, file)
            file.flush()
            os.fsync(file.fileno())
        _move(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return StoredEntry(folder, info, arrays)


def remove_oldest(folder: Path, pattern: str, keep: int) -> None:
    """Remove all but the `keep` youngest entries of `folder` whose names match the glob `pattern`."""
    with suppress(OSError):  # another process may be doing the same
        entries = sorted(folder.glob(pattern), key=lambda entry: entry.stat().st_mtime, reverse=True)
        for old in entries[keep:]:
            shutil.rmtree(old, ignore_errors=True)


def _move(work: Path, folder: Path) -> None:
    """Rename `work` to `folder`; if a whole entry is there already, another process was quicker: keep it."""
    for attempt in range(10):
        try:
            work.rename(folder)
            return
        except OSError as error:
            if error.errno not in _TAKEN or attempt == 9:
                raise
            present = find(folder)
            if present and find(folder, present.arrays):
                return
            damaged = work.with_name(f"{work.name}-damaged")
            with suppress(OSError):
                folder.rename(damaged)
            shutil.rmtree(damaged, ignore_errors=True)


def _remove_abandoned(folder: Path) -> None:
    """Remove what a killed process left half-built, once it is old enough to be nobody's."""
    for left in folder.glob(f"{_BUILDING}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
