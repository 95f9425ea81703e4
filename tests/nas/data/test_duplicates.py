"""Duplicates: found by content, warned of where they only look the same, dropped by rule."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nas.data.dataset import Dataset, load
from nas.data.duplicates import find_surplus, near, thumbnails
from tests.examples import few

Items = list[tuple[str, int]]
_ITEMS = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 2)), max_size=14)


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@given(_ITEMS, _ITEMS)
@settings(max_examples=few(150))
def test_what_is_left_holds_every_picture_once_and_in_one_class(train: Items, test: Items) -> None:
    gone = find_surplus(train, test)
    left = [
        [one for row, one in enumerate(part) if row not in rows]
        for part, rows in ((train, gone.train), (test, gone.test))
    ]
    digests = [digest for part in left for digest, _ in part]
    assert len(set(digests)) == len(digests)
    classes: dict[str, set[int]] = {}
    for digest, label in [*train, *test]:
        classes.setdefault(digest, set()).add(label)
    unclear = {digest for digest, labels in classes.items() if len(labels) > 1}
    assert {digest for digest, _ in [*train, *test]} - unclear == set(digests)
    assert {digest for digest, _ in test} - unclear == {
        digest for digest, _ in left[1]
    }  # what is held out stays
    assert len(gone.train) + len(gone.test) == gone.held_out + gone.classes + gone.within


def test_which_copy_stays_by_hand() -> None:
    train = [("x", 0), ("y", 0), ("y", 0), ("z", 0), ("z", 1), ("w", 1)]
    gone = find_surplus(train, [("x", 0), ("v", 1), ("v", 1)])
    assert gone.train == (0, 2, 3, 4) and gone.test == (2,)
    assert (gone.held_out, gone.classes, gone.within) == (1, 2, 2)


def photographs(count: int, side: int = 64) -> list[Image.Image]:
    """Pictures unlike each other: soft coloured noise."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 6, 6, 3), dtype=np.uint8)
    return [Image.fromarray(one).resize((side, side), Image.Resampling.BICUBIC) for one in coarse]


def jpeg(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=70)
    return Image.open(buffer).convert("RGB")


def smaller(image: Image.Image) -> Image.Image:
    return image.resize((40, 40), Image.Resampling.BICUBIC).resize(image.size, Image.Resampling.BICUBIC)


def trimmed(image: Image.Image) -> Image.Image:
    return image.crop((1, 1, image.width, image.height)).resize(image.size, Image.Resampling.BICUBIC)


@pytest.mark.parametrize("change", [jpeg, smaller, trimmed])
def test_pictures_that_were_stored_anew_look_the_same_and_others_do_not(
    change: Callable[[Image.Image], Image.Image],
) -> None:
    originals = photographs(200)
    images = [*originals, *map(change, originals[:100])]
    small = thumbnails(np.stack([np.asarray(one) for one in images]))
    pairs = near(small, np.array([0] * 200 + [1] * 100))
    right = [pair for pair in pairs if pair[1] - pair[0] == 200]
    assert len(right) >= 90 and len(pairs) == len(right)


def test_pairs_of_one_group_and_of_known_duplicates_are_left_out() -> None:
    image = np.asarray(photographs(1)[0])
    small = thumbnails(np.stack([image] * 4))
    assert near(small, np.zeros(4, np.int64)) == []
    assert near(small, np.array([0, 0, 1, 1]), ["a", "b", "a", "b"]) == [(0, 3), (1, 2)]
    assert near(small[:1], np.zeros(1, np.int64)) == []


def test_thumbnails_are_means_whatever_the_sides() -> None:
    image = np.random.default_rng(0).integers(0, 256, (2, 27, 40, 3), dtype=np.uint8)
    small = thumbnails(image)
    assert small.shape == (2, 8, 8, 3)
    ends = np.linspace(0, 27, 9).round().astype(int)
    np.testing.assert_allclose(
        small[1, 2, 3], image[1, ends[2] : ends[3], 15:20].mean(axis=(0, 1)), atol=0.51
    )


@pytest.fixture
def doubled(tmp_path: Path) -> Path:
    """Two classes of ten and four images; one in both parts, one in both classes, one twice in a class, one nearly so."""
    root, pictures = tmp_path / "set", iter(photographs(28))
    for part, count in (("train", 10), ("test", 4)):
        for name in ("a", "b"):
            (root / part / name).mkdir(parents=True)
            for number in range(count):
                next(pictures).save(root / part / name / f"{number}.png")
    shutil.copy(root / "train/a/0.png", root / "test/a/copy.png")
    shutil.copy(root / "train/a/1.png", root / "train/b/copy.png")
    shutil.copy(root / "train/b/2.png", root / "train/b/twice.png")
    jpeg(Image.open(root / "train/b/3.png")).save(root / "test/b/again.png")
    return root


def opened(root: Path, said: list[str] | None = None, **options: object) -> Dataset:
    notify = (lambda line: None) if said is None else said.append
    return load(f"folder:{root}", resolution=32, notify=notify, **options)  # type: ignore[arg-type]


def test_duplicates_are_said_and_dropped(doubled: Path) -> None:
    said: list[str] = []
    whole = opened(doubled, said)
    (same,) = [line for line in said if "the same picture" in line]
    assert "1 in training and in test" in same and "1 in two classes" in same and "1 within a class" in same
    (alike,) = [line for line in said if "nearly the same" in line]
    assert "1 pair in training and in test" in alike and "train/b/3.png and test/b/again.png" in alike

    said.clear()
    kept = opened(doubled, said, drop_duplicates=True)
    (line,) = [line for line in said if "dropped" in line]
    assert "4 duplicates dropped: 1 training images that the held-out part has too, 2 in two classes" in line
    assert "1 repeated within a class" in line and "train/a/0.png" in line
    assert not any("the same picture" in line for line in said)
    counts = [len(part) for part in (kept.train(), kept.validation(), kept.test())]
    assert sum(counts[:2]) == 22 - 4 and counts[2] == 10 and kept.dropped == 4
    assert kept.fingerprint != whole.fingerprint and whole.dropped == 0
    assert opened(doubled, drop_duplicates=True) == kept
    assert len(whole.train()) + len(whole.validation()) == 22


def test_without_duplicates_nothing_is_dropped_and_the_data_are_the_same(tmp_path: Path) -> None:
    for number, picture in enumerate(photographs(12)):
        path = tmp_path / "set" / ("train" if number < 8 else "test") / "ab"[number % 2]
        path.mkdir(parents=True, exist_ok=True)
        picture.save(path / f"{number}.png")
    plain, kept = opened(tmp_path / "set"), opened(tmp_path / "set", drop_duplicates=True)
    assert kept.fingerprint == plain.fingerprint and kept.dropped == 0
    assert np.array_equal(kept.train().images, plain.train().images)


@pytest.mark.parametrize("name", ["kept", "pixels"])
def test_what_was_kept_is_made_again_where_it_is_lost(doubled: Path, cache: Path, name: str) -> None:
    dataset = opened(doubled, drop_duplicates=True)
    expected = np.array(dataset.test().images)
    shutil.rmtree(next(cache.glob(f"images/*/{name}")))
    assert np.array_equal(dataset.test().images, expected)
    assert opened(doubled, drop_duplicates=True) == dataset


def test_a_cache_of_an_older_version_is_made_anew(doubled: Path, cache: Path) -> None:
    dataset = opened(doubled)
    (entry,) = cache.glob("images/*/pixels/entry.json")
    entry.write_text(entry.read_text().replace('"surplus"', '"unknown"'))
    assert opened(doubled) == dataset
    assert '"surplus"' in entry.read_text()


# Folds --------------------------------------------------------------------------------------------------------


def test_folds_of_a_data_set_hold_no_test_image_and_every_other_once(doubled: Path) -> None:
    dataset = opened(doubled, drop_duplicates=True, folds=3)
    folds = [dataset.fold(number, 3, 0) for number in range(3)]
    held = [image.tobytes() for fold in folds for image in fold.validation().images]
    known = [image.tobytes() for part in (dataset.train(), dataset.validation()) for image in part.images]
    assert sorted(held) == sorted(known)
    tested = {image.tobytes() for image in dataset.test().images}
    for fold in folds:
        trained = [image.tobytes() for image in fold.train().images]
        assert not tested & {*trained, *held}
        assert not {image.tobytes() for image in fold.validation().images} & set(trained)
        assert np.array_equal(fold.test().images, dataset.test().images)
        assert fold.mean == pytest.approx((fold.train().images / 255).mean(axis=(0, 1, 2)))
        assert fold.fingerprint == dataset.fingerprint
