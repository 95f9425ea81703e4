"""Options and their text form, on a primitive of the test's own."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks import UserError
from blocks.options import check, decode, encode, option


@dataclass(frozen=True)
class Toy:
    token: ClassVar[str] = "toy"
    out: int = option()
    size: int = option(3, "k", choices=(3, 5))
    ratio: float = option(1.0, "t", minimum=0.5)
    flag: bool = option(False, "flag")
    plain: bool = option(True, "noplain")
    mode: str = option("A", choices=("A", "B", "B2"))
    parts: int = option(2, "g")

    def __post_init__(self) -> None:
        check(self)


toys = st.builds(
    Toy,
    st.integers(1, 10**6),
    size=st.sampled_from((3, 5)),
    ratio=st.integers(50, 10**8).map(lambda n: n / 100),
    flag=st.booleans(),
    plain=st.booleans(),
    mode=st.sampled_from(("A", "B", "B2")),
    parts=st.integers(1, 10**6),
)


@given(toys)
def test_decode_is_the_inverse_of_encode(toy: Toy) -> None:
    assert decode(Toy, encode(toy)) == toy


@given(toys, toys)
def test_different_options_have_different_texts(one: Toy, other: Toy) -> None:
    assert (encode(one) == encode(other)) == (one == other)


def test_the_text_has_the_options_in_order_without_defaults() -> None:
    assert encode(Toy(7)) == "toy7"
    assert encode(Toy(7, 5, 2.5, True, False, "B2", 9)) == "toy7_k5_t2.5_flag_noplain_B2_g9"
    assert encode(Toy(7, ratio=4.0)) == "toy7_t4"  # no trailing .0
    assert encode(Toy(7, ratio=1e6)) == "toy7_t1000000"  # no exponent


def test_a_number_written_at_length_is_the_same_value() -> None:
    assert decode(Toy, "toy007_k3_t2.50") == Toy(7, ratio=2.5)


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("toy", 100, "toy24"),  # lacks its number
        ("toy_k5", 100, "toy24"),
        ("toyx", 100, "number"),
        ("toy+3", 100, "number"),
        ("toy٣", 100, "number"),
        ("toy7.0", 100, "number"),
        ("toy7_k4", 100, "4"),  # no choice of it
        ("toy7_z5", 105, "z5"),
        ("toy7_k5_flug", 108, "flug"),
        ("toy7_k5_k5", 108, "repeated"),
        ("toy7_flag_k5", 110, "order"),
        ("toy7_t0.4", 100, "0.5"),
        ("toy7_t1e3", 105, "t1e3"),
        ("toy7_t.5", 105, "t.5"),
        ("toy7_t" + "9" * 18, 100, "ratio"),
        ("toy7_t" + "9" * 400, 105, "t9"),
        ("toy7_g" + "9" * 5000, 105, "g9"),
        ("toy" + "9" * 5000, 100, "number"),
        ("toy0", 100, "0"),
        ("toy7_", 105, "''"),
        ("toy7__k5", 105, "''"),
        ("toy7_b", 105, "'b'"),
    ],
)
def test_malformed_text_is_refused_with_its_position(text: str, where: int, said: str) -> None:
    with pytest.raises(UserError) as error:
        decode(Toy, text, offset=100)
    found = re.match(r"at position (\d+): ", str(error.value))
    assert found and int(found[1]) == where
    assert said in str(error.value)


@pytest.mark.parametrize("text", ["tey24", "xyz24", "24", "", "k5", "sto24"])
def test_the_text_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="toy"):
        decode(Toy, text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("out", 0),
        ("out", -3),
        ("out", 16.0),
        ("out", "16"),
        ("out", True),
        ("out", None),
        ("out", 10**7),
        ("size", 4),
        ("size", 3.0),
        ("ratio", float("nan")),
        ("ratio", float("inf")),
        ("ratio", 0.49),
        ("ratio", "2"),
        ("flag", 1),
        ("flag", "yes"),
        ("mode", "C"),
        ("mode", 3),
    ],
)
def test_a_value_that_cannot_be_names_its_option(name: str, value: Any) -> None:
    with pytest.raises(UserError) as error:
        Toy(**{"out": 16, name: value})
    assert name in str(error.value) and repr(value) in str(error.value)


def test_a_whole_number_serves_as_a_decimal() -> None:
    assert Toy(8, ratio=4) == Toy(8, ratio=4.0) and encode(Toy(8, ratio=4)) == "toy8_t4"
