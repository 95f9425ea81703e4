"""The families beyond the first, row by row, and which variants there are."""

import pytest

from blocks import Head, InvertedResidual, SandGlass, Separable, UserError
from blocks.inverted_residual import expanded_width
from blocks.sandglass import reduced_width
from search_spaces import zoo


@pytest.mark.parametrize("width", [0.25, 0.5, 0.75, 1.0])
def test_mobilenet_v1(width: float) -> None:
    """Table 1, the strides with their misprint mended; slim cuts widths off."""
    table = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    arch = zoo.get("mobilenet_v1", width)
    assert list(arch.blocks) == [Separable(int(c * width), stride=s) for c, s in table]
    assert arch.stem.out == int(32 * width) and arch.head == Head()


def test_minimalistic_keeps_the_sizes() -> None:
    """3x3, ReLU and no squeeze-excite throughout."""
    for size in ("large", "small"):
        full, plain = zoo.get(f"mobilenet_v3_{size}"), zoo.get(f"mobilenet_v3_{size}_minimalistic")
        assert (plain.stem.activation, plain.head.activation) == ("RE", "RE")
        for a, b in zip(full.blocks, plain.blocks, strict=True):
            assert isinstance(a, InvertedResidual) and isinstance(b, InvertedResidual)
            assert (a.out, a.expansion, a.inner, a.stride) == (b.out, b.expansion, b.inner, b.stride)
            assert (b.kernel, b.activation, b.squeeze_excite) == (3, "RE", False)


@pytest.mark.parametrize(("size", "last", "features"), [("large", 80, 640), ("small", 48, 512)])
def test_a_reduced_tail_is_half(size: str, last: int, features: int) -> None:
    full, reduced = zoo.get(f"mobilenet_v3_{size}"), zoo.get(f"mobilenet_v3_{size}_reduced_tail")
    assert reduced.blocks[:-3] == full.blocks[:-3]
    assert [block.out for block in reduced.blocks[-3:]] == [last] * 3
    assert reduced.head == Head(6 * last, features, "HS")


def test_squeeze_follows_the_input_in_mnasnet_and_efficientnet() -> None:
    squeezes = [
        (channels, block.squeeze or 8)  # the one that is a quarter of the inner width as well
        for name in ("mnasnet_a1", "efficientnet_b0")
        for block, channels, _ in zoo.get(name).walk(224)
        if isinstance(block, InvertedResidual) and block.squeeze_excite
    ]
    assert squeezes and all(squeeze == channels // 4 for channels, squeeze in squeezes)
    activations = {b.squeeze_activation for b in zoo.get("efficientnet_b0").blocks}  # type: ignore[attr-defined]
    assert activations == {"SI"}


@pytest.mark.parametrize("name", ["mnasnet_a1", "mnasnet_b1", "efficientnet_b0"])
def test_the_mnasnet_family_ends_in_1280_at_any_width(name: str) -> None:
    for width in zoo.ZOO[name].widths:
        assert zoo.get(name, width).head.conv == 1280


@pytest.mark.parametrize("width", [0.35, 0.5, 0.75, 1.4])
def test_mobilenext_scales_as_its_code_does(width: float) -> None:
    """Each bottleneck is the input's sixth, or the output's sixth rounded to 16 where that is more."""
    arch = zoo.get("mobilenext", width)
    for block, channels, _ in arch.walk(224):
        assert isinstance(block, SandGlass)
        inner = block.inner or reduced_width(block.out, block.expansion)
        assert inner % 16 == 0 or inner == channels // 6 or block.out == arch.blocks[0].out
        assert inner >= 0.9 * block.out / 6
    assert arch.channels == (1280 if width < 1 else 1792)


def test_identity_div_concerns_the_shortcuts_alone() -> None:
    whole, half = zoo.get("mobilenext"), zoo.get("mobilenext_id2")
    for (a, channels, _), (b, _, _) in zip(whole.walk(224), half.walk(224), strict=True):
        assert isinstance(a, SandGlass) and isinstance(b, SandGlass)
        assert b.identity == (2 if a.stride == 1 and a.out == channels else 1)


@pytest.mark.parametrize(
    ("groups", "width", "said"),
    [
        (2, 0.5, "bottleneck of 25, which 2 groups do not divide"),
        (4, 0.5, "bottleneck of 34"),
        (2, 0.25, "50 wide"),
        (4, 0.25, "bottleneck of 17"),
        (1, 2.0, "no width 2 with 1 groups"),
    ],
)
def test_shufflenet_v1_says_why_it_cannot_be_scaled(groups: int, width: float, said: str) -> None:
    with pytest.raises(UserError, match=said):
        zoo.get("shufflenet_v1", width, groups)


def test_the_expansions_of_mnasnet_b1_are_exact() -> None:
    for block, channels, _ in zoo.get("mnasnet_b1").walk(224):
        assert isinstance(block, InvertedResidual)
        assert expanded_width(channels, block.expansion) in (channels, 3 * channels, 6 * channels)


def test_an_unknown_version_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="mobilenet_v1"):
        zoo.get("mobilenet_v9")
