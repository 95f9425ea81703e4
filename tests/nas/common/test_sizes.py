"""Sizes: one form and one text each, height first, and one clear line for what is none."""

import json
import subprocess
import sys
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import empty, nn

from nas.common.decode import decoded
from nas.common.errors import UserError
from nas.common.sizes import (
    Rectangle,
    Size,
    area,
    check_fit,
    mean_side,
    read_size,
    shrunk,
    sides,
    size_of,
    sized,
    smaller,
    told,
)
from nas.train.recipe import Fidelity

lengths = st.integers(1, 4096)
sizes = st.builds(size_of, lengths, lengths)


@given(lengths, lengths)
def test_a_text_gives_its_size_back(high: int, wide: int) -> None:
    size = size_of(high, wide)
    assert sides(size) == (high, wide)
    for text in (str(size), told(size), f"{high}x{wide}", size):
        assert read_size(text, "--size") == size
    assert isinstance(size, int) == (high == wide)
    assert told(size) == f"{high}x{wide}"
    assert (smaller(size), area(size)) == (min(high, wide), high * wide)
    assert mean_side(size) ** 2 == pytest.approx(high * wide)


@given(sizes)
def test_what_is_stored_reads_again(size: Size) -> None:
    stored = json.dumps(asdict(Fidelity(1.5, resolution=size)))
    assert decoded(stored, Fidelity, "no fidelity") == Fidelity(1.5, resolution=size)


def test_a_square_is_stored_as_it_always_was() -> None:
    old = '{"epochs": 1.5, "subset": 1.0, "resolution": 32}'
    assert json.dumps(asdict(Fidelity(1.5, resolution=read_size("32x32", "")))) == old
    assert decoded(old, Fidelity, "no fidelity").resolution == 32


@pytest.mark.parametrize("stored", ['{"height": 8, "width": 8}', '{"height": 0, "width": 8}', '"8x9"', "8.5"])
def test_what_is_stored_as_no_size_is_refused(stored: str) -> None:
    with pytest.raises(UserError, match="no fidelity"):
        decoded(f'{{"epochs": 1.0, "resolution": {stored}}}', Fidelity, "no fidelity")


@given(st.builds(size_of, st.integers(1, 70), st.integers(1, 70)), st.integers(1, 4))
def test_a_stride_leaves_what_a_convolution_leaves(size: Size, stride: int) -> None:
    convolution = nn.Conv2d(1, 1, 3, stride, padding=1, device="meta")
    assert sides(shrunk(size, stride)) == convolution(empty(1, 1, *sides(size), device="meta")).shape[2:]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "0x64",
            "64x",
            "x64",
            "64x64x3",
            "1e9",
            "64X128",
            "64*128",
            "-64x64",
            "64.0",
            "",
            "4x64",
            "64x4097",
        ),
        *("9" * 5000, "64 x 128", "٦٤", "nan", True),
    ],
)
def test_what_is_no_size_is_one_line(text: str) -> None:
    with pytest.raises(
        UserError, match=r"--size .*: expected 8 to 4096 pixels.*height x width as 64x128"
    ) as no:
        read_size(text, "--size", 8)
    assert "\n" not in str(no.value)


def test_both_ways_round_are_different() -> None:
    assert read_size("64x128", "") == Rectangle(64, 128) != read_size("128x64", "") == Rectangle(128, 64)


def test_how_images_come_to_a_size_is_said_where_they_may_need_to() -> None:
    assert [check_fit(word) for word in ("crop", "pad", "stretch")] == ["crop", "pad", "stretch"]
    with pytest.raises(UserError, match="--fit squeeze: expected crop, pad or stretch"):
        check_fit("squeeze")
    assert sized(32, "crop", "digits") == "32x32"
    assert sized(32, "crop", "folder:/some") == "32x32 (crop)"
    assert sized(Rectangle(32, 64), "pad", "digits") == "32x64 (pad)"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("nas.search --train-resolution 0x64", "--train-resolution 0x64: expected 8 to 1024 pixels"),
        ("nas.search --target-resolution 64x64x3", "--target-resolution 64x64x3: expected 8 to 4096"),
        ("nas.compare mobilenet_v2 --train-resolution 64x", "--train-resolution 64x: expected"),
        ("nas.ablate mobilenet_v2 --train-resolution 1e9", "--train-resolution 1e9: expected"),
        ("nas.train mobilenet_v2 --data digits --resolution 4x64", "--train-resolution 4x64: expected"),
        (
            "nas.train mobilenet_v2 --data digits --fit squeeze",
            "--fit squeeze: expected crop, pad or stretch",
        ),
        ("nas.search --data digits --fit squeeze", "--fit squeeze: expected crop, pad or stretch"),
        ("nas.data digits --resolution 64x0", "--resolution 64x0: expected 8 to 1024 pixels"),
        ("nas.describe mobilenet_v2 --resolution 0", "--resolution 0: expected 1 to 4096 pixels"),
        ("nas.describe stem16-ir16 --resolution 2x900", "a resolution of 2x900 is too small for stem16-ir16"),
        ("nas.describe torchvision:alexnet --resolution 30x300", "does not take images of 30x300"),
        ("nas.latency measure mobilenet_v2 --resolution 64x", "--resolution 64x: expected 1 to 4096 pixels"),
    ],
)
def test_every_command_refuses_it_in_one_line(words: str, said: str) -> None:
    done = subprocess.run([sys.executable, "-m", *words.split()], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and said in line
