"""What holds for every primitive of the register."""

from dataclasses import fields, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from blocks import BLOCKS, Block, UserError, make_divisible
from blocks.base import need_divisible, shortest_ratio
from blocks.inverted_residual import expanded_width
from blocks.options import decode
from blocks.sandglass import reduced_width
from tests import references, strategies
from tests.examples import few


def picture(channels: int, size: int = 8, batch: int = 2) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(batch, channels, size, size, dtype=torch.float64, generator=draw) * 3


def shapes(module: nn.Module) -> list[torch.Size]:
    return [tensor.shape for tensor in module.state_dict().values()]


def test_the_register_names_each_kind_by_its_token() -> None:
    assert set(BLOCKS) >= {"ir", "sg", "gs", "ss"}
    assert all(kind.token == token for token, kind in BLOCKS.items())
    assert all(fields(kind)[0].name == "out" for kind in BLOCKS.values())  # type: ignore[arg-type]


@settings(max_examples=few(300))
@given(st.data(), strategies.channels)
def test_canonical_is_written_back_and_final(data: st.DataObject, channels: int) -> None:
    block = data.draw(strategies.blocks_behind(channels))
    canonical = block.canonical(channels)
    assert canonical.canonical(channels) == canonical
    assert decode(type(block), str(canonical)) == canonical
    assert (canonical.out, canonical.stride) == (block.out, block.stride)


@settings(max_examples=few(120))
@given(st.data(), strategies.channels, st.sampled_from((5, 8)))
def test_a_module_is_what_the_paper_says(data: st.DataObject, channels: int, size: int) -> None:
    """All kinds and options against plain functions; shuffle, shortcut, stride and squeeze included."""
    block = data.draw(strategies.blocks_behind(channels)).canonical(channels)
    module = references.randomise(block.build(channels, nn.BatchNorm2d), spread=2.0)
    x, numbers = picture(channels, size), references.Numbers(module)
    kept = x.clone()
    with torch.no_grad():
        made, expected = module(x), references.block_output(block, x, numbers)
    numbers.end()
    torch.testing.assert_close(made, expected)
    assert made.shape == (2, block.out, -(-size // block.stride), -(-size // block.stride))
    assert torch.equal(x, kept), "a block must not change its input"
    assert made.std() > 0.05  # of something


@settings(max_examples=few(300))
@given(st.data(), strategies.channels)
def test_an_option_that_is_written_has_an_effect(data: st.DataObject, channels: int) -> None:
    """Change one option: either the text stays the same, or the function or its parameters differ."""
    block = data.draw(strategies.blocks_behind(channels)).canonical(channels)
    spec = data.draw(st.sampled_from(fields(block)))  # type: ignore[arg-type]
    try:
        other = replace(block, **{spec.name: data.draw(strategies.values(spec))}).canonical(channels)  # type: ignore[type-var]
    except UserError:
        return
    if str(other) == str(block):
        return
    one, two = (b.build(channels, nn.BatchNorm2d) for b in (block, other))
    if shapes(one) != shapes(two):
        return
    x = picture(channels)
    for seed in range(
        4
    ):  # a squeeze of few channels may stay below the bound that tells two activations apart
        references.randomise(one, seed, spread=4.0)
        references.randomise(two, seed, spread=4.0)  # the same seed and shapes: the same numbers
        with torch.no_grad():
            y, z = one(x), two(x)
        if y.shape != z.shape or not torch.allclose(y, z):
            return
    raise AssertionError(f"{block} and {other} are one function")


@pytest.mark.parametrize("kind", BLOCKS.values(), ids=BLOCKS)
@settings(max_examples=few(15))
@given(data=st.data())
def test_training_is_finite_and_reaches_every_parameter(kind: type[Block], data: st.DataObject) -> None:
    block = data.draw(strategies.blocks_behind(16, kind)).canonical(16)
    module = references.randomise(block.build(16, nn.BatchNorm2d)).train()
    x = picture(16).requires_grad_()
    module(x).square().mean().backward()
    assert x.grad is not None and x.grad.isfinite().all() and x.grad.abs().max() > 0
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


@given(st.integers(1, 3000), st.integers(1, 300))
def test_the_shortest_ratio_makes_the_width(width: int, base: int) -> None:
    for rule in (expanded_width, reduced_width):
        ratio = shortest_ratio(width, base, rule)
        if ratio is not None:
            assert rule(base, ratio) == width
            assert round(ratio, 2) == ratio


@given(st.integers(1, 40).map(lambda n: 8 * n), st.integers(10, 100).map(lambda n: n / 10))
def test_the_shortest_ratio_is_found_and_short(base: int, expansion: float) -> None:
    width = expanded_width(base, expansion)
    ratio = shortest_ratio(width, base, expanded_width)
    assert ratio is not None, "an expansion of one decimal must be found again"
    if float(expansion).is_integer() and expansion > 1:
        assert float(ratio).is_integer()


def test_no_ratio_where_there_is_none() -> None:
    assert shortest_ratio(20, 16, expanded_width) is None  # no multiple of 8
    assert shortest_ratio(make_divisible(64), 16, expanded_width) == 4.0
    assert shortest_ratio(72, 24, expanded_width) == 3.0
    assert shortest_ratio(88, 24, expanded_width) == 3.7  # MobileNetV3-Small, row 3: 88 / 24 = 3.67


def test_widths_that_do_not_divide_are_named() -> None:
    need_divisible("ir", 4, input=16, output=24)
    with pytest.raises(UserError, match=r"ir: output of 18 .* 4 groups"):
        need_divisible("ir", 4, input=16, output=18)
