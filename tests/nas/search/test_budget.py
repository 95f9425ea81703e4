"""nas.search.budget: what is read, what is refused, and what counts as too much."""

import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nas.common.errors import UserError
from nas.networks.counting import Cost
from nas.search.budget import Budget, parse_budgets, worst_violation

UNITS = {"FLOPs": "macs", "MAdds": "macs", "MACs": "macs", "Params": "params"}
SCALES = {"k": 1e3, "K": 1e3, "M": 1e6, "m": 1e6, "G": 1e9}


@given(
    st.integers(1, 10**7),
    st.sampled_from(sorted(UNITS)),
    st.sampled_from(sorted(SCALES)),
    st.sampled_from(("", " ", "  ")),
    st.sampled_from((str, str.upper, str.lower)),
)
def test_round_values_in_every_unit(number: int, unit: str, scale: str, gap: str, case: type[str]) -> None:
    budget = Budget.parse(f" {number}{gap}{scale}{case(unit)} ")
    assert (budget.quantity, budget.limit) == (UNITS[unit], number * SCALES[scale])
    assert Budget.parse(str(budget)) == budget


@given(st.integers(1, 10**6))
def test_milliseconds_bound_the_latency(number: int) -> None:
    assert Budget.parse(f"{number}ms") == Budget("latency_ms", float(number), f"{number}ms")


@given(st.integers(1, 10**5), st.integers(0, 999))
@example(2, 26)  # 2.026 * 1e9 falls short
def test_decimals_are_those_of_the_larger_unit(whole: int, thousandths: int) -> None:
    larger = Budget.parse(f"{whole}.{thousandths:03d}GFLOPs")
    smaller = Budget.parse(f"{whole * 1000 + thousandths}MFLOPs")
    assert larger.limit == smaller.limit == whole * 10**9 + thousandths * 10**6


@given(st.text(max_size=12) | st.from_regex(r"[0-9.eE+-]{1,6} ?[kMGT]?(FLOPs|Params|ms|s)?", fullmatch=True))
@example("")
@example("300")
@example("300FLOPs")
@example("-300MFLOPs")
@example("1e3MFLOPs")
@example("0MFLOPs")
@example("0.000MParams")
@example("nanMFLOPs")
@example("infMFLOPs")
@example("300MFLOPs 4MParams")
@example("300MFLOPs\n")
@example("300TFLOPs")
@example("3,5MParams")
@example("٣٠٠MFLOPs")
@example("4MParam\u017f")  # a long s is an s to a regular expression that ignores case
@example("9" * 400 + "MFLOPs")
@example("0." + "0" * 400 + "1MFLOPs")
def test_anything_is_read_as_a_sound_bound_or_refused(text: str) -> None:
    try:
        budget = Budget.parse(text)
    except UserError as error:
        assert "300MFLOPs" in str(error)  # what to write instead
        return
    assert math.isfinite(budget.limit) and budget.limit > 0
    assert re.fullmatch(r"[0-9.]+ *([kmg](flops|madds|macs|params)|ms)", text.strip().lower())
    assert (budget.quantity == "params") == ("params" in text.lower())


@pytest.mark.parametrize("text", ["300", "300MFLOP", "300 M", "FLOPs", "300FLOPs", "15 seconds", "0MFLOPs"])
def test_rubbish_is_named(text: str) -> None:
    with pytest.raises(UserError, match=re.escape(repr(text))):
        Budget.parse(text)


def test_what_is_exactly_at_the_limit_is_within() -> None:
    budget = Budget.parse("2kFLOPs")
    assert [budget.violation(Cost(macs, 0, 0)) for macs in (1000, 2000, 3000)] == [-0.5, 0.0, 0.5]


def test_the_worst_of_several_counts() -> None:
    budgets = parse_budgets(["2kFLOPs", "1kParams"])
    assert worst_violation(budgets, Cost(1000, 3000, 0)) == 2.0
    assert worst_violation(budgets, Cost(1000, 500, 10**9)) == -0.5
    assert worst_violation((), Cost(1, 1, 1)) == -math.inf


@pytest.mark.parametrize("texts", [["1MFLOPs", "2MMACs"], ["1MParams", "1MParams"], ["1MFLOPs", "x"]])
def test_bounds_that_cannot_be_kept_together_are_refused(texts: list[str]) -> None:
    with pytest.raises(UserError):
        parse_budgets(texts)
