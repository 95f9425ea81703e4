"""The cache: whole entries or none, whoever builds them, whatever happens meanwhile."""

import errno
import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.common.errors import UserError
from nas.data import arrays as array_cache
from nas.data.arrays import ArrayWriter, StoredArray, find, publish

ROWS = np.arange(60, dtype=np.uint8).reshape(10, 2, 3)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def build(folder: Path) -> tuple[dict[str, Any], dict[str, StoredArray]]:
    with ArrayWriter(folder, "a", (2, 3), np.uint8) as writer:
        writer.append(ROWS[:7])
        writer.append(ROWS[7:])
        stored = writer.finish()
    return {"made": "by test"}, {"a": stored}


def test_round_trip(tmp_path: Path) -> None:
    publish(tmp_path / "deep" / "entry", build)
    entry = find(tmp_path / "deep" / "entry", ["a"])
    assert entry is not None
    assert entry.info == {"made": "by test"}
    array = entry.open("a")
    assert np.array_equal(array, ROWS)
    assert not array.flags.writeable
    assert names(tmp_path / "deep") == ["entry"]


def test_many_rows_and_none_fit_the_header(tmp_path: Path) -> None:
    for count in (0, 1, 12_345):
        with ArrayWriter(tmp_path, f"n{count}", (), np.int64) as writer:
            writer.append(np.arange(count))
            writer.finish()
        assert np.array_equal(np.load(tmp_path / f"n{count}.npy"), np.arange(count))


def test_rows_of_another_shape_are_refused(tmp_path: Path) -> None:
    with ArrayWriter(tmp_path, "a", (2, 3), np.uint8) as writer, pytest.raises(ValueError, match="shape"):
        writer.append(np.zeros((4, 3, 2)))


def flip_last_byte(entry: Path) -> None:
    data = bytearray((entry / "a.npy").read_bytes())
    data[-1] ^= 1
    (entry / "a.npy").write_bytes(data)


def shorten(entry: Path) -> None:
    os.truncate(entry / "a.npy", 150)


def ruin_notes(entry: Path) -> None:
    (entry / "entry.json").write_text('{"info": {}, "arrays": {"a": 3}}')


def lose_notes(entry: Path) -> None:
    (entry / "entry.json").unlink()


def lose_array(entry: Path) -> None:
    (entry / "a.npy").unlink()


@pytest.mark.parametrize("damage", [flip_last_byte, shorten, ruin_notes, lose_notes, lose_array])
def test_damage_is_found_and_replaced(tmp_path: Path, damage: Any) -> None:
    entry = tmp_path / "entry"
    publish(entry, build)
    damage(entry)
    assert find(entry, ["a"]) is None
    publish(entry, build)
    assert find(entry, ["a"]) is not None
    assert names(tmp_path) == ["entry"]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fill(folder: Path) -> tuple[dict[str, Any], dict[str, StoredArray]]:
        build(folder)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space") as caught:
        publish(tmp_path / "entry", fill)
    assert caught.value.errno == errno.ENOSPC
    assert names(tmp_path) == []


def test_two_at_once_both_succeed(tmp_path: Path) -> None:
    meet = threading.Barrier(4)
    found: list[bool] = []

    def together(folder: Path) -> tuple[dict[str, Any], dict[str, StoredArray]]:
        result = build(folder)
        meet.wait(10)
        return result

    def run() -> None:
        entry = publish(tmp_path / "entry", together)
        found.append(np.array_equal(entry.open("a"), ROWS))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4
    assert names(tmp_path) == ["entry"]


def test_the_slower_of_two_keeps_the_others(tmp_path: Path) -> None:
    def overtaken(folder: Path) -> tuple[dict[str, Any], dict[str, StoredArray]]:
        publish(tmp_path / "entry", build)
        inodes.append((tmp_path / "entry").stat().st_ino)
        return build(folder)

    inodes: list[int] = []
    publish(tmp_path / "entry", overtaken)
    assert (tmp_path / "entry").stat().st_ino == inodes[0]  # somebody may be reading it
    assert names(tmp_path) == ["entry"]


def test_what_a_killed_process_left_goes_after_a_day(tmp_path: Path) -> None:
    for name, age in (("building-old", 2 * 86400), ("building-new", 60)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    publish(tmp_path / "entry", build)
    assert names(tmp_path) == ["building-new", "entry"]


def test_only_the_youngest_are_kept(tmp_path: Path) -> None:
    for i in range(4):
        (tmp_path / f"split-{i}").mkdir()
        os.utime(tmp_path / f"split-{i}", (1000 + i,) * 2)
    (tmp_path / "pixels").mkdir()
    array_cache.remove_oldest(tmp_path, "split-*", 2)
    assert names(tmp_path) == ["pixels", "split-2", "split-3"]


def test_a_cache_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="NAS_CACHE_DIR"):
        publish(tmp_path / "file" / "images" / "entry", build)
