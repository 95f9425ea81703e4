"""Folds and the share that is validated on: disjoint, complete, stratified, the same again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.common.errors import UserError
from nas.common.stats import images_half
from nas.data.splitting import (
    LARGEST,
    SHARE,
    WANTED,
    check_folds,
    fold_indices,
    said_of,
    share_for,
    split_indices,
)
from tests.examples import few


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=6),
    st.integers(2, 9),
    st.integers(0, 2**32 - 1),
    st.randoms(use_true_random=False),
)
@settings(max_examples=few(60), deadline=None)
def test_folds_hold_every_image_once_and_every_class_in_its_share(
    counts: list[int], folds: int, seed: int, order: object
) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    order.shuffle(labels)  # type: ignore[attr-defined]
    parts = [fold_indices(labels, folds, number, seed) for number in range(folds)]
    assert sorted(np.concatenate([held for _, held in parts])) == list(range(len(labels)))
    sizes = [len(held) for _, held in parts]
    assert max(sizes) - min(sizes) <= 1
    for train, held in parts:
        assert sorted([*train, *held]) == list(range(len(labels)))
        for label, count in enumerate(counts):
            assert count // folds <= (labels[held] == label).sum() <= -(-count // folds)
        for n in range(1, len(train), 7):  # any first n are stratified, so that a subset is a slice
            for label in range(len(counts)):
                share = (labels[train] == label).mean()
                assert abs((labels[train[:n]] == label).sum() - share * n) <= 1 + share * len(counts) + 1e-9


def test_the_seed_decides_the_folds() -> None:
    labels = np.arange(60) % 3
    first, same, other = (fold_indices(labels, 5, 0, seed) for seed in (1, 1, 2))
    assert np.array_equal(first[0], same[0]) and np.array_equal(first[1], same[1])
    assert set(first[1]) != set(other[1])


def test_the_stream_behind_the_folds_stays() -> None:
    """A resumed run must find the folds it began with, also under another version of numpy."""
    train, held = fold_indices(np.arange(12) % 3, 4, 1, 5)
    assert held.tolist() == [8, 3, 1]
    assert train.tolist() == [5, 0, 10, 7, 2, 9, 6, 4, 11]


@pytest.mark.parametrize("folds", [1, -1, 21, 100])
def test_other_numbers_of_folds_are_refused(folds: int) -> None:
    with pytest.raises(UserError, match=f"--folds {folds}"):
        check_folds(folds)


def test_classes_with_fewer_images_than_folds_are_named_in_one_line() -> None:
    with pytest.raises(UserError, match=r"'rare' has 4[.]") as caught:
        check_folds(5, ("common", "rare"), (200, 4))
    assert "\n" not in str(caught.value) and "common" not in str(caught.value)
    check_folds(4, ("common", "rare"), (200, 4))
    check_folds(0, ("rare",), (1,))


@given(st.integers(1, 200_000))
@settings(max_examples=few(100))
def test_the_share_grows_where_images_are_few_and_never_passes_a_quarter(images: int) -> None:
    share = share_for(images)
    assert SHARE <= share <= LARGEST
    assert share_for(images + 1) <= share
    assert share == SHARE if images >= WANTED / SHARE else share > SHARE


def test_the_share_by_hand() -> None:
    assert [share_for(n) for n in (60, 800, 1000, 1437, 2000, 50_000)] == [0.25, 0.25, 0.2, 0.139, 0.1, 0.1]


def test_what_is_validated_on_means_more_than_a_tenth_did() -> None:
    """At 90 %, Wilson's half interval of 800 images' validation part is 4.7 points and was 8.3."""
    assert 100 * images_half(0.9, round(800 * share_for(800))) == pytest.approx(5.0, abs=0.1)
    assert 100 * images_half(0.9, 80) == pytest.approx(8.5, abs=0.1)


@given(st.lists(st.integers(2, 300), min_size=2, max_size=5), st.integers(0, 2**32 - 1))
@settings(max_examples=few(40), deadline=None)
def test_a_small_set_is_split_in_its_share(counts: list[int], seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    share = share_for(len(labels))
    train, held = split_indices(labels, share, seed)
    assert sorted([*train, *held]) == list(range(len(labels)))
    for label, count in enumerate(counts):
        assert abs((labels[held] == label).sum() - max(1, share * count)) <= 0.5 + 1e-9


def test_what_one_image_is_worth_is_said_where_it_is_more_than_half_a_point() -> None:
    (line,) = said_of("set", ("a", "b"), (30, 10), 120)
    assert "40 images to validate on (25%)" in line and "worth 2.5 percentage points" in line
    assert "--folds 5" in line and "all 160" in line
    assert said_of("set", ("a", "b"), (100, 100), 1800) == []
    (_, few_) = said_of("set", ("a", "rare"), (30, 2), 100)
    assert "rare (2)" in few_ and "a (" not in few_


@pytest.mark.parametrize(("smallest", "said"), [(2, "--folds 2 "), (9, "--folds 5 "), (1, "points")])
def test_no_more_folds_are_recommended_than_the_smallest_class_allows(smallest: int, said: str) -> None:
    line = said_of("set", ("a", "b"), (30, 10), 120, smallest)[0]
    assert said in line and ("--folds" in line) == (smallest > 1)
