"""Each primitive's cost formula, as its docstring gives it, against the count on random shapes."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks import (
    BLOCKS,
    Blaze,
    Block,
    Bottleneck,
    GroupShuffle,
    Inception,
    InvertedResidual,
    SandGlass,
    Separable,
    SplitShuffle,
    Xception,
)
from nas.networks.cost import Cost, count
from tests import strategies
from tests.examples import few
from tests.references import rounded


def separable(b: Separable, c: int, big: int, small: int) -> int:
    return (b.kernel**2 * c + c * b.out) * small


def inverted_residual(b: InvertedResidual, c: int, big: int, small: int) -> int:
    inner = b.inner or (c if b.expansion == 1 else rounded(c * b.expansion))
    expand = c * inner * big // b.groups if inner != c else 0
    squeeze = 2 * inner * (b.squeeze or rounded(inner / 4)) if b.squeeze_excite else 0
    return expand + b.kernel**2 * inner * small + inner * b.out * small // b.groups + squeeze


def sandglass(b: SandGlass, c: int, big: int, small: int) -> int:
    inner = b.inner or rounded(b.out / b.expansion)
    before = small if b.stride_first else big
    first = b.kernel**2 * c * before if b.first_depthwise else 0
    last = b.kernel**2 * b.out * small if b.last_depthwise else 0
    squeeze = 2 * c * rounded(c / 4) if b.squeeze_excite else 0
    return first + (c * inner + inner * b.out) * before // b.groups + last + squeeze


def group_shuffle(b: GroupShuffle, c: int, big: int, small: int) -> int:
    inner, branch = b.inner or b.out // 4, b.out - c or b.out
    first = c * inner * big // (1 if b.dense_first else b.groups)
    return first + b.kernel**2 * inner * small + inner * branch * small // b.groups


def split_shuffle(b: SplitShuffle, c: int, big: int, small: int) -> int:
    h, k = b.out // 2, b.kernel
    if b.stride == 1 and c == b.out:
        return (2 * h * h + k * k * h) * small
    left = h if b.figure else c
    return (k * k * c + c * left) * small + c * h * big + (k * k * h + h * (b.out - left)) * small


def bottleneck(b: Bottleneck, c: int, big: int, small: int) -> int:
    inner = b.inner or b.out // 4
    shortcut = c * b.out * small if b.stride > 1 or c != b.out else 0
    first = c * inner * (small if b.stride_first else big)
    return first + (b.kernel**2 * inner**2 + inner * b.out) * small + shortcut


def inception(block: Inception, channels: int, big: int, small: int) -> int:
    w, k = block.widths(), block.kernel
    a, b, c, d, e, f = w.one, w.reduce_three, w.three, w.reduce_wide, w.wide, w.pooled
    if block.form == "line":
        rest = k * (b * b + b * c) + k * (3 * d * d + d * e)
    else:
        rest = 9 * b * c + (9 * (d * e + e * e) if block.form == "pair" else k * k * d * e)
    return small * (channels * (a + b + d + f) + rest)


def xception(b: Xception, c: int, big: int, small: int) -> int:
    widths = [c] + [c if b.grow_last else b.out] * (b.depth - 1) + [b.out]
    total = sum((b.kernel**2 * x + x * y) * big for x, y in pairwise(widths))
    return total + (c * b.out * small if b.stride > 1 or c != b.out else 0)


def blaze(b: Blaze, c: int, big: int, small: int) -> int:
    shortcut = c * b.out * small if b.conv_shortcut else 0
    if not b.inner:
        return (b.kernel**2 * c + c * b.out) * small + shortcut
    k = b.kernel**2
    return (k * c + c * b.inner + k * b.inner + b.inner * b.out) * small + shortcut


FORMULAS = {
    Blaze: blaze,
    Bottleneck: bottleneck,
    GroupShuffle: group_shuffle,
    Inception: inception,
    InvertedResidual: inverted_residual,
    SandGlass: sandglass,
    Separable: separable,
    SplitShuffle: split_shuffle,
    Xception: xception,
}


def counted(block: Block, channels: int, size: int) -> Cost:
    return count(block.canonical(channels), channels, size)


def test_every_primitive_has_a_formula() -> None:
    assert set(FORMULAS) == set(BLOCKS.values())
    assert all("Multiply-adds" in str(kind.__doc__) for kind in BLOCKS.values())


@pytest.mark.parametrize("kind", BLOCKS.values(), ids=BLOCKS)
@settings(max_examples=few(12))
@given(data=st.data(), size=st.sampled_from((5, 8)), channels=strategies.channels)
def test_the_formula_is_the_count(kind: type[Block], data: st.DataObject, size: int, channels: int) -> None:
    block = data.draw(strategies.blocks_behind(channels, kind)).canonical(channels)
    after = -(-size // block.stride)
    assert counted(block, channels, size).macs == FORMULAS[kind](block, channels, size**2, after**2)  # type: ignore[operator]


@given(st.integers(1, 64).map(lambda n: 8 * n), st.sampled_from((3, 5, 7)))
@settings(max_examples=few(20))
def test_the_saving_of_a_separable_convolution(out: int, kernel: int) -> None:
    """1 / N + 1 / k^2 of a full convolution, MobileNetV1 section 3.1."""
    channels, size = 24, 6
    full = kernel**2 * channels * out * size**2
    share = counted(Separable(out, kernel=kernel), channels, size).macs / full
    assert share == pytest.approx(1 / out + 1 / kernel**2)


@pytest.mark.parametrize("groups", [2, 3, 4, 8])
def test_groups_divide_the_pointwise_convolutions(groups: int) -> None:
    """The rest is the depthwise: a grouped unit costs 1 / g of the dense one's pointwise part."""
    dense, grouped = (counted(GroupShuffle(96, groups=g), 96, 8).macs for g in (1, groups))
    depthwise = 9 * 24 * 64
    assert groups * (grouped - depthwise) == dense - depthwise


def test_dilation_costs_nothing() -> None:
    assert counted(Separable(32, dilation=4), 16, 14) == counted(Separable(32), 16, 14)
