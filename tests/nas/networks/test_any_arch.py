"""Random archs over every primitive: they run, train, script, trace, export, and are read back from their text."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from blocks import BLOCKS, Block, UserError
from nas import build
from search_spaces import Arch, zoo
from tests import strategies
from tests.examples import few
from tests.families import FAMILIES
from tests.references import randomise


def pictures(resolution: int, batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, resolution, resolution, generator=torch.Generator().manual_seed(0))


def reduction(arch: Arch) -> int:
    result = arch.stem.reduction
    for block in arch.blocks:
        result *= block.stride
    return result


def explodes(arch: Arch, logits: Tensor) -> bool:
    """Whether an h-swish without its bound, which grows as the square of its input, went beyond numbers."""
    finite = bool(logits.isfinite().all())
    assert finite or "HSopen" in str(arch)
    return not finite


@settings(max_examples=few(20))
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
        assert logits.shape == (2, classes)
        if explodes(arch, logits):
            continue
        logits.square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


def check_forms(arch: Arch) -> None:
    """Scripted, traced and exported it is the same function; scripted, at another resolution and in training too.

    A trace holds at its resolution, and so does an export where nothing says that sizes may change.
    """
    assert Arch.parse(str(arch)) == arch
    try:
        module = randomise(build(arch, 3, 37, final=1)).float()
    except UserError:
        return
    scripted: nn.Module = torch.jit.script(module)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for resolution in (24, 37):
            x = pictures(resolution)
            if explodes(arch, module(x)):
                return
            torch.testing.assert_close(scripted(x), module(x))
        traced = torch.jit.trace(module, pictures(37) + 1, check_trace=False)  # type: ignore[no-untyped-call]
        torch.testing.assert_close(traced(x), module(x))
    exported = torch.export.export(module, (x,)).module()
    torch.testing.assert_close(exported(x), module(x))
    slopes = []
    for form in (module, scripted):
        form.train().zero_grad()
        form(x).square().mean().backward()
        slopes.append([p.grad.clone() for p in form.parameters() if p.grad is not None])  # they share theirs
    assert len(slopes[0]) == len(slopes[1]) == len(list(module.parameters()))
    largest = max(slope.abs().max().item() for slope in slopes[0])
    torch.testing.assert_close(slopes[1], slopes[0], rtol=1e-3, atol=1e-4 * largest)


@settings(max_examples=few(2))
@given(strategies.medleys())
def test_it_can_be_scripted_traced_and_exported(arch: Arch) -> None:
    check_forms(arch)


@pytest.mark.slow
@settings(max_examples=few(8))
@given(st.one_of(strategies.medleys(), strategies.archs()))
def test_many_can_be_scripted_traced_and_exported(arch: Arch) -> None:
    check_forms(arch)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_the_zoo_can_be_scripted_traced_and_exported(name: str) -> None:
    check_forms(zoo.get(name))


@pytest.mark.parametrize("kind", BLOCKS.values(), ids=BLOCKS)
@settings(max_examples=few(15))
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
