"""Random archs over every primitive: they run, train, trace, export, and are read back from their text."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from blocks import BLOCKS, Block, Head, Stem, UserError
from nas import build, cost
from search_spaces import Arch
from tests import strategies
from tests.references import randomise


def pictures(resolution: int, batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, resolution, resolution, generator=torch.Generator().manual_seed(0))


def reduction(arch: Arch) -> int:
    result = arch.stem.reduction
    for block in arch.blocks:
        result *= block.stride
    return result


@settings(max_examples=25)
@given(strategies.archs(), st.integers(2, 5))
def test_forward_and_backward_at_two_resolutions(arch: Arch, classes: int) -> None:
    assert Arch.parse(str(arch)) == arch
    for resolution in (24, 37):
        try:
            module = build(arch, classes, resolution)
        except UserError:
            assert reduction(arch) > 1, "only strides can be too many"
            continue
        logits = module(pictures(resolution))
        assert logits.shape == (2, classes) and logits.isfinite().all()
        logits.square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())
        counted = cost(arch, resolution, classes)
        assert counted.params == sum(p.numel() for p in module.parameters())


@settings(max_examples=10)
@given(strategies.archs(most=3))
def test_a_trace_is_the_network(arch: Arch) -> None:
    """As the cost table and ONNX exporters see it; traced at one resolution, it holds at that."""
    try:
        module = randomise(build(arch, 3, 32))
    except UserError:
        return
    x = pictures(32).double()
    with torch.no_grad():
        traced = torch.jit.trace(module, pictures(32).double() + 1, check_trace=False)  # type: ignore[no-untyped-call]
        torch.testing.assert_close(traced(x), module(x))


@pytest.mark.parametrize("kind", BLOCKS.values(), ids=BLOCKS)
@settings(max_examples=2)
@given(data=st.data())
def test_each_primitive_exports(kind: type[Block], data: st.DataObject) -> None:
    block = data.draw(strategies.blocks_behind(16, kind))
    arch = Arch(Stem(16), (block,), Head(24))
    module = randomise(build(arch, 3, 16, final=1)).float()
    exported = torch.export.export(module, (pictures(16),)).module()
    torch.testing.assert_close(exported(pictures(16)), module(pictures(16)))


@pytest.mark.parametrize("kind", BLOCKS.values(), ids=BLOCKS)
@settings(max_examples=15)
@given(data=st.data(), channels=strategies.channels)
def test_each_primitive_keeps_its_promise_of_a_shape(
    kind: type[Block], data: st.DataObject, channels: int
) -> None:
    """[N, in, H, W] to [N, out, ceil(H / stride), ceil(W / stride)], for maps of any sides."""
    block = data.draw(strategies.blocks_behind(channels, kind)).canonical(channels)
    module = block.build(channels, nn.BatchNorm2d).eval()
    for high, wide in ((1, 1), (7, 4), (6, 9)):
        made = module(torch.zeros(1, channels, high, wide))
        assert made.shape == (1, block.out, -(-high // block.stride), -(-wide // block.stride))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stem16-rb30", "multiple of 4"),
        ("stem16-gs48_g5", "5 groups"),
        ("stem16-ir24_t3_g5", "5 groups"),
        ("stem16-bz8", "do not narrow"),
        ("stem16-inc64_b60", "pooled branch"),
        ("stem16-ds24_d5", "one of 1, 2, 3"),
        ("stem16-ds24_q2", "no option of ds"),
        ("stem16-xc24_n9", "one of 1, 2, 3, 4"),
        ("stem16-inc64_line_pair", "repeated"),
        ("stem16-sg96_t6_s2_nodw1_stride1", "first depthwise carries the stride"),
        ("stem16-sg16_t2_id3", "no shortcut of 16 / 3"),
        ("stem16-cv24", "no block"),
    ],
)
def test_what_cannot_be_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Arch.parse(text)


def test_a_resolution_too_small_for_the_strides_is_refused() -> None:
    with pytest.raises(UserError, match="resolution of 2"):
        build(Arch.parse("stem16-ds24_s2"), 10, 2)
