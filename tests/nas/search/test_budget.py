"""nas.search.budget: what is read, what is refused, and what counts as too much."""

import math
import re

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nas.common.errors import UserError
from nas.networks.counting import Cost
from nas.search.budget import Budget, find_board, parse_budgets, with_board, within, worst_violation
from nas.zoo import published

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


@given(
    st.text(max_size=12)
    | st.from_regex(r"[0-9.eE+-]{1,6} ?[kMGT]?(FLOPs|Params|ms|s|i?B[-: ]?(RAM|fp32|int4)?)?", fullmatch=True)
)
@example("60-MFLOPs")
@example("80-60MFLOPs")
@example("0-0KB")
@example("320KBRAMs")
@example("320KB  RAM")
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
    number, of = r"[0-9.]+", "(weights|flash|int8|fp32|float32|ram|sram|memory)"
    units = rf"[kmg](flops|madds|macs|params)|ms|[kmg]i?b([-: ]?{of})?"
    assert re.fullmatch(rf"({number}\s*-\s*)?{number}\s*({units})", text.strip().lower())
    assert (budget.quantity == "params") == (
        "params" in text.lower() or text.lower().endswith(("fp32", "float32"))
    )


@pytest.mark.parametrize("text", ["300", "300MFLOP", "300 M", "FLOPs", "300FLOPs", "15 seconds", "0MFLOPs"])
def test_rubbish_is_named(text: str) -> None:
    with pytest.raises(UserError, match=re.escape(repr(text))):
        Budget.parse(text)


@pytest.mark.parametrize(
    ("text", "quantity", "limit"),
    [
        ("512KB", "weights", 512 * 1024),
        ("512 kB", "weights", 512 * 1024),
        ("1MiB", "weights", 1024**2),
        ("1MBflash", "weights", 1024**2),
        ("0.5KB-Weights", "weights", 512),
        ("512KBint8", "weights", 512 * 1024),
        ("512KBfp32", "params", 512 * 256),
        ("2MB float32", "params", 512 * 1024),
        ("320KBRAM", "memory", 320 * 1024),
        ("320KB-SRAM", "memory", 320 * 1024),
        ("320kb:memory", "memory", 320 * 1024),
    ],
)
def test_bytes_are_of_weights_unless_memory_is_said(text: str, quantity: str, limit: int) -> None:
    budget = Budget.parse(text)
    assert (budget.quantity, budget.limit, budget.least) == (quantity, limit, 0)
    of = {"weights": "weights at int8", "params": "weights at float32", "memory": "peak memory at int8"}[
        quantity
    ]
    assert budget.said == f"{text} ({of}, KB of 1024 bytes)"


def test_a_window_has_two_ends() -> None:
    budget = Budget.parse("60-80MFLOPs")
    assert (budget.quantity, budget.least, budget.limit, budget.said) == ("macs", 60e6, 80e6, "60-80MFLOPs")
    costs = [Cost(macs * 10**6, 0, 0) for macs in (30, 60, 70, 80, 120)]
    assert [budget.violation(cost) <= 0 for cost in costs] == [False, True, True, True, False]
    assert [budget.violation(cost) for cost in (costs[0], costs[-1])] == [0.5, 0.5]
    assert Budget.parse("1 - 2ms").least == 1.0
    assert Budget.parse("0.1-0.2GMAdds") == Budget("macs", 2e8, "0.1-0.2GMAdds", 1e8)


def test_rows_outside_of_a_window_are_not_kept() -> None:
    trials = pd.DataFrame({"macs": [1e6, 3e6, 5e6], "memory": [1.0, 1.0, math.nan]})
    assert within(trials, parse_budgets(["2-4MFLOPs"])).tolist() == [False, True, False]
    assert within(trials, parse_budgets(["2KBRAM"])).tolist() == [True] * 3  # not known is not over
    timed = pd.DataFrame(
        {"latency_ms": [5.0] * 3, "measured_low": [4, 1, math.nan], "measured_high": [6, 1.5, math.nan]}
    )
    assert within(timed, parse_budgets(["2-3ms"])).tolist() == [False, False, False]
    assert within(timed, parse_budgets(["1-4ms"])).tolist() == [True, True, False]


def test_two_plain_kilobytes_are_told_how_memory_is_written() -> None:
    with pytest.raises(UserError, match="as in 320KBRAM"):
        parse_budgets(["320KB", "512KB"])


# Boards ----------------------------------------------------------------------------------------------------


def test_a_boards_memories_are_budgets() -> None:
    found = find_board("STM32F746")
    assert found.budgets == ("1024KBflash", "320KBRAM") and "DS10916" in str(found)
    assert with_board((), found) == found.budgets
    assert with_board(("256KBRAM", "9MFLOPs"), found) == ("256KBRAM", "9MFLOPs", "1024KBflash")
    assert find_board("Nano 33 BLE").budgets == ("1024KBflash", "256KBRAM")
    assert find_board("rp2040").budgets == ("264KBRAM",)


def test_every_board_can_be_told() -> None:
    every = published.boards()
    assert every["board"].is_unique and every[["chip", "ram_kb", "source"]].notna().all(axis=None)
    for name in every["board"]:
        assert parse_budgets(find_board(name).budgets)


def test_an_unknown_board_gets_the_nearest_names() -> None:
    with pytest.raises(UserError, match=r"'stm32f747'; the nearest are .*stm32f746"):
        find_board("stm32f747")


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
