"""Data sets: splits that hold what they promise, caches that repair themselves, faults that are named."""

import errno
import os
import pickle
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nas.common.errors import UserError
from nas.data import arrays as array_cache
from nas.data import entries
from nas.data.dataset import Dataset, Split, load
from nas.data.splitting import split_indices
from tests.examples import few


def silent(message: str) -> None:
    pass


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three classes of 20, 10 and 5 training and 2 test images; red says which image of its class it is,
    green which class, blue which part."""
    root = tmp_path / "my pictures"
    for label, (name, count) in enumerate([("ant", 20), ("bee", 10), ("cat", 5)]):
        for blue, (part, total) in enumerate([("train", count), ("test", 2)]):
            (root / part / name).mkdir(parents=True)
            for i in range(total):
                colour = (i, label, blue)
                Image.new("RGB", (12, 9), colour).save(root / part / name / f"{i:02d}.png")
    return root


def identities(split: Split) -> list[tuple[int, ...]]:
    return [tuple(image[0, 0].tolist()) for image in split.images]


def decoded_folders(cache: Path) -> list[Path]:
    return sorted(cache.glob("images/*/pixels"))


def open_folder(folder: Path, **options: object) -> Dataset:
    """By default with a tenth to validate on, as larger sets have."""
    options = {"validation": 0.1, **options}
    return load(f"folder:{folder}", resolution=8, notify=silent, **options)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------ splits


def test_a_folder_is_split_into_three(pictures: Path) -> None:
    dataset = open_folder(pictures, validation=0.2)
    assert dataset.name == "my pictures"
    assert dataset.classes == ("ant", "bee", "cat")
    train, validation, test = dataset.train(), dataset.validation(), dataset.test()
    assert (len(train), len(validation), len(test)) == (28, 7, 6)
    for split in (train, validation, test):
        assert split.images.shape == (len(split), 8, 8, 3)
        assert split.images.dtype == np.uint8
        assert split.labels.dtype == np.int64
        assert not split.images.flags.writeable
        assert not split.labels.flags.writeable
        assert [green for _, green, _ in identities(split)] == split.labels.tolist()
    assert np.bincount(validation.labels).tolist() == [4, 2, 1]
    together = identities(train) + identities(validation)
    assert sorted(together) == sorted((i, c, 0) for c, n in enumerate([20, 10, 5]) for i in range(n))
    assert sorted(identities(test)) == [(i, c, 1) for i in range(2) for c in range(3)]


def test_mean_and_deviation_are_the_training_parts(pictures: Path) -> None:
    dataset = open_folder(pictures)
    units = dataset.train().images / 255
    assert dataset.mean == pytest.approx(units.mean(axis=(0, 1, 2)))
    assert dataset.std[0] == pytest.approx(units.std(axis=(0, 1, 2))[0])
    assert dataset.std[2] == pytest.approx(1 / 255)  # blue never varies: nothing may be divided by 0


@given(
    st.lists(st.integers(2, 60), min_size=2, max_size=8),
    st.floats(0.01, 0.99),
    st.integers(0, 2**40),
)
@settings(max_examples=few(60), deadline=None)
def test_the_split_is_stratified(counts: list[int], validation: float, seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    train, held = split_indices(labels, validation, seed)
    assert sorted([*train, *held]) == list(range(len(labels)))
    for label, count in enumerate(counts):
        aside = int((labels[held] == label).sum())
        assert 1 <= aside <= count - 1
        wanted = validation * count
        assert abs(aside - wanted) <= max(0.5, 1 - wanted, wanted - (count - 1)) + 1e-9
    for part in (train, held):
        for n in range(1, len(part), 7):
            for label in range(len(counts)):
                share = (labels[part] == label).mean()
                assert abs((labels[part[:n]] == label).sum() - share * n) <= 1 + share * len(counts) + 1e-9
    again, _ = split_indices(labels, validation, seed)
    assert np.array_equal(train, again)


def test_the_seed_decides_the_split(pictures: Path) -> None:
    first, same, other = (open_folder(pictures, seed=seed) for seed in (1, 1, 2))
    assert identities(first.train()) == identities(same.train())
    assert set(identities(first.validation())) != set(identities(other.validation()))
    assert identities(first.test()) == identities(other.test())


def test_the_stream_behind_the_split_stays() -> None:
    """A resumed run must find the split it began with, also under another version of numpy."""
    train, held = split_indices(np.arange(12) % 3, 0.25, 5)
    assert held.tolist() == [7, 8, 3]
    assert train.tolist() == [11, 4, 6, 0, 5, 10, 9, 2, 1]


# ------------------------------------------------------------------------------------- fingerprint


def test_the_fingerprint_is_of_content(pictures: Path, tmp_path: Path) -> None:
    first = open_folder(pictures)
    elsewhere = tmp_path / "somewhere" / "else"
    shutil.copytree(pictures, elsewhere, copy_function=shutil.copyfile)
    (elsewhere / "test").rename(elsewhere / "val")
    copy = open_folder(elsewhere)
    assert copy.fingerprint == first.fingerprint
    Image.new("RGB", (12, 9), (9, 9, 9)).save(elsewhere / "train/ant/00.png")
    assert open_folder(elsewhere).fingerprint != first.fingerprint


def test_the_fingerprint_is_of_the_request(pictures: Path) -> None:
    datasets = [
        open_folder(pictures),
        open_folder(pictures, seed=1),
        open_folder(pictures, validation=0.3),
        load(f"folder:{pictures}", resolution=16, notify=silent),
        load("digits", resolution=8, notify=silent),
    ]
    assert len({dataset.fingerprint for dataset in datasets}) == len(datasets)
    assert open_folder(pictures, skip_corrupt=True).fingerprint == datasets[0].fingerprint


# ------------------------------------------------------------------------------------------- cache


def test_a_second_load_decodes_nothing(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_folder(pictures)
    monkeypatch.setattr(entries, "decode_all", None)
    assert open_folder(pictures) == first
    assert len(open_folder(pictures, seed=7).train()) == len(first.train())


def test_a_changed_folder_is_decoded_again(pictures: Path, cache: Path) -> None:
    before = open_folder(pictures)
    Image.new("RGB", (4, 4), (99, 0, 0)).save(pictures / "train/ant/99.png")
    after = open_folder(pictures)
    assert (99, 0, 0) in identities(after.train()) + identities(after.validation())
    assert len(before.train()) + len(before.validation()) == 35  # what was loaded before still holds
    assert len(decoded_folders(cache)) == 2


def test_it_travels_without_its_pixels(pictures: Path) -> None:
    dataset = open_folder(pictures)
    packed = pickle.dumps(dataset)
    assert len(packed) < 2000
    unpacked = pickle.loads(packed)
    assert unpacked == dataset
    assert identities(unpacked.train()) == identities(dataset.train())


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def scramble(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[128:] = bytes(255 - byte for byte in content[128:])  # all but the header
    file.write_bytes(content)


@pytest.mark.parametrize("harm", [truncate, scramble, Path.unlink])
@pytest.mark.parametrize("name", ["pixels/train.npy", "split-0-0.1/images.npy", "split-0-0.1/labels.npy"])
def test_a_damaged_cache_is_built_again(
    pictures: Path, cache: Path, harm: Callable[[Path], None], name: str
) -> None:
    expected = identities(open_folder(pictures).train())
    harm(next(cache.glob(f"images/*/{name}")))
    if name.startswith("pixels"):  # its content is only looked at when a split is to be made of it
        shutil.rmtree(next(cache.glob("images/*/split-*")))
    assert identities(open_folder(pictures).train()) == expected


@pytest.mark.parametrize("harm", [truncate, scramble, Path.unlink])
def test_the_test_part_is_not_opened_by_load(
    pictures: Path, cache: Path, harm: Callable[[Path], None]
) -> None:
    dataset = open_folder(pictures)
    expected = identities(dataset.test())
    harm(next(cache.glob("images/*/pixels/test.npy")))
    if harm is scramble:
        assert open_folder(pictures) == dataset
    assert identities(dataset.test()) == expected


def test_a_cleared_cache_is_built_again_by_the_one_who_needs_it(pictures: Path, cache: Path) -> None:
    dataset = open_folder(pictures)
    expected = identities(dataset.validation())
    shutil.rmtree(cache)
    assert identities(dataset.validation()) == expected


def test_other_data_never_takes_its_place(pictures: Path, cache: Path) -> None:
    dataset = open_folder(pictures)
    Image.new("RGB", (4, 4)).save(pictures / "train/ant/00.png")
    shutil.rmtree(cache)
    with pytest.raises(UserError, match="changed"):
        dataset.train()


def test_two_at_once(pictures: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meet = threading.Barrier(2)
    decode = entries.decode_all

    def together(*arguments: object) -> object:
        meet.wait(10)
        return decode(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(entries, "decode_all", together)
    loaded: list[Dataset] = []
    threads = [threading.Thread(target=lambda: loaded.append(open_folder(pictures))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loaded) == 2
    assert loaded[0] == loaded[1]
    assert identities(loaded[0].train()) == identities(loaded[1].train())
    assert not list(cache.glob("images/*/building-*"))


@pytest.mark.parametrize("file", ["train.npy", "images.npy"])
def test_a_full_disk_leaves_nothing_half_written(
    pictures: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    append = array_cache.ArrayWriter.append

    def full(writer: array_cache.ArrayWriter, rows: np.ndarray) -> None:
        if writer.path.name == file:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(writer, rows)

    with monkeypatch.context() as patch:
        patch.setattr(array_cache.ArrayWriter, "append", full)
        with pytest.raises(OSError, match="No space") as caught:
            open_folder(pictures)
    assert caught.value.errno == errno.ENOSPC
    assert not list(cache.glob("images/*/building-*"))
    assert len(open_folder(pictures).train()) == 31


def test_few_splits_are_kept(pictures: Path, cache: Path) -> None:
    first = open_folder(pictures, seed=0)
    for seed in range(1, 8):
        open_folder(pictures, seed=seed)
    assert len(list(cache.glob("images/*/split-*"))) < 8
    assert len(first.train()) == 31


# ------------------------------------------------------------------------------------------ faults


def spoil(folder: Path) -> None:
    (folder / "train/ant/03.png").write_text("not a picture")
    picture = folder / "train/bee/04.png"
    noise = np.random.default_rng(0).integers(0, 256, (12, 9, 3), dtype=np.uint8)
    Image.fromarray(noise).save(picture)
    picture.write_bytes(picture.read_bytes()[:200])
    (folder / "test/cat/00.png").write_bytes(b"")


def test_corrupt_files_are_named(pictures: Path) -> None:
    spoil(pictures)
    for _ in range(2):  # from the files and from the cache
        with pytest.raises(UserError) as caught:
            open_folder(pictures)
        message = str(caught.value)
        assert "3 of the 41" in message
        for name in ("train/ant/03.png", "train/bee/04.png", "test/cat/00.png", "--skip-corrupt"):
            assert name in message
        assert "\n" not in message


def test_corrupt_files_are_skipped_and_counted(pictures: Path) -> None:
    spoil(pictures)
    dataset = open_folder(pictures, skip_corrupt=True)
    assert dataset.skipped == 3
    assert len(dataset.train()) + len(dataset.validation()) == 33
    assert len(dataset.test()) == 5
    for split in (dataset.train(), dataset.validation(), dataset.test()):
        assert [green for _, green, _ in identities(split)] == split.labels.tolist()


def test_many_corrupt_files_make_a_short_message(pictures: Path) -> None:
    for file in (pictures / "train/ant").iterdir():
        file.write_text("x")
    with pytest.raises(UserError) as caught:
        open_folder(pictures)
    assert "20 of the 41" in str(caught.value)
    assert "15 more" in str(caught.value)


@pytest.mark.parametrize("part, left", [("train", 0), ("train", 1), ("test", 0)])
def test_a_class_that_skipping_empties_is_refused(pictures: Path, part: str, left: int) -> None:
    for file in sorted((pictures / part / "bee").iterdir())[left:]:
        file.write_text("not a picture")
    with pytest.raises(UserError, match=rf"'bee'.*{left} readable.*{part}"):
        open_folder(pictures, skip_corrupt=True)


def test_a_class_too_small_to_split_is_refused(pictures: Path) -> None:
    for file in sorted((pictures / "train/cat").iterdir())[1:]:
        file.unlink()
    with pytest.raises(UserError, match=r"'cat'.*at least 2"):
        open_folder(pictures)


@pytest.mark.parametrize(
    "options, word",
    [
        ({"spec": "cifar100"}, "folder:PATH"),
        ({"spec": "folder:"}, "PATH"),
        ({"spec": "folder:/no/such/place"}, "/no/such/place"),
        ({"spec": "digits", "resolution": 4}, "4"),
        ({"spec": "digits", "resolution": 32.0}, "32.0"),
        ({"spec": "digits", "validation": 0.0}, "0.0"),
        ({"spec": "digits", "validation": 1.5}, "1.5"),
        ({"spec": "digits", "validation": float("nan")}, "nan"),
        ({"spec": "digits", "seed": -1}, "-1"),
    ],
)
def test_wrong_arguments(options: dict[str, object], word: str, cache: Path) -> None:
    with pytest.raises(UserError, match=word):
        load(**options)  # type: ignore[arg-type]
    assert not cache.exists()


def test_a_bare_path_gets_a_hint(pictures: Path) -> None:
    with pytest.raises(UserError, match=f"folder:{pictures}"):
        load(str(pictures))


def test_paths_are_resolved(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pictures)
    dataset = load("folder:.", resolution=8, validation=0.1, notify=silent)
    assert dataset == open_folder(pictures)
    monkeypatch.chdir("/")
    assert len(dataset.train()) == 31


# ------------------------------------------------------------------------------------------ digits


def test_digits() -> None:
    first, other = (load("digits", seed=seed, notify=silent) for seed in (0, 1))
    assert first.name == "digits"
    assert first.classes == tuple("0123456789")
    train, validation, test = first.train(), first.validation(), first.test()
    assert len(train) + len(validation) + len(test) == 1797
    assert train.images.shape[1:] == (32, 32, 3)
    assert train.images.max() > 240
    for split, low, high in ((test, 0.19, 0.20), (validation, 0.10, 0.12)):
        share = np.bincount(split.labels) / np.bincount(
            np.concatenate([train.labels, validation.labels, test.labels])
        )
        assert (share > low - 0.01).all()
        assert (share < high + 0.01).all()
    assert np.array_equal(test.images, other.test().images)
    assert not np.array_equal(validation.images, other.validation().images)


def test_a_folder_of_classes_is_split_the_same_by_the_same_seed(tmp_path: Path, cache: Path) -> None:
    for name, colour in (("red", (200, 0, 0)), ("blue", (0, 0, 200))):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(10):
            colours = tuple(min(255, value + number) for value in colour)
            Image.new("RGB", (8, 8), colours).save(tmp_path / "set" / name / f"{number}.png")

    def opened(seed: int = 0, split: str = "0.6/0.2/0.2") -> Dataset:
        return load(f"folder:{tmp_path / 'set'}", resolution=8, seed=seed, split=split, notify=lambda _: None)

    found = opened()
    assert [len(part) for part in (found.train(), found.validation(), found.test())] == [12, 4, 4]
    assert opened() == found and opened(seed=1).fingerprint != found.fingerprint
    assert opened(split="0.4/0.2/0.4").fingerprint != found.fingerprint
    with pytest.raises(UserError, match="--split"):
        load("digits", split="0.6/0.2/0.2")


def test_the_same_picture_in_both_parts_or_two_classes_is_said(tmp_path: Path, cache: Path) -> None:
    paths = [f"{part}/{name}/{n}.png" for part in ("train", "test") for name in ("a", "b") for n in range(3)]
    for number, path in enumerate(paths):
        (tmp_path / "set" / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (10 * number, 0, 0)).save(tmp_path / "set" / path)
    shutil.copy(tmp_path / "set/train/a/0.png", tmp_path / "set/test/a/copy.png")
    shutil.copy(tmp_path / "set/train/a/1.png", tmp_path / "set/train/b/copy.png")
    said: list[str] = []
    load(f"folder:{tmp_path / 'set'}", resolution=8, notify=said.append)
    (line,) = [line for line in said if "the same picture" in line]
    assert "1 in training and in test" in line and "1 in two classes" in line and "train/a/0.png" in line
