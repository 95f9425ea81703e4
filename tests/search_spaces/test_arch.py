"""Archs as values, and their text."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks import GroupShuffle, Head, InvertedResidual, SandGlass, Stem, UserError
from search_spaces import Arch, zoo
from tests import strategies
from tests.examples import few

V3_LARGE = (
    "stem16_HS-ir16-ir24_t4_s2-ir24_t3-ir40_k5_t3_s2_se-2xir40_k5_t3_se-ir80_t6_s2_HS-ir80_t2.5_HS-"
    "2xir80_t2.3_HS-ir112_t6_se_HS-ir112_t6_se_HS-ir160_k5_t6_s2_se_HS-2xir160_k5_t6_se_HS-"
    "head960_f1280_HS-eps0.001"
).replace("ir112_t6_se_HS-ir112_t6_se_HS", "2xir112_t6_se_HS")


def test_the_text_of_a_known_network() -> None:
    assert str(zoo.get("mobilenet_v3_large")) == V3_LARGE
    assert Arch.parse(V3_LARGE) == zoo.get("mobilenet_v3_large")


@settings(max_examples=few(120))
@given(strategies.archs())
def test_parse_is_the_inverse_of_str(arch: Arch) -> None:
    text = str(arch)
    again = Arch.parse(text)
    assert again == arch and hash(again) == hash(arch) and str(again) == text
    assert not re.search(r"[\s'\"$&|;<>()*?\\!#~`]", text), "needs quoting in a shell"


@settings(max_examples=few(100))
@given(strategies.archs())
def test_an_arch_is_canonical_from_the_start(arch: Arch) -> None:
    assert Arch(arch.stem, arch.blocks, arch.head, arch.eps) == arch
    width = arch.stem.out
    for block in arch.blocks:
        assert block.canonical(width) == block
        width = block.out
    assert arch.channels == width


@settings(max_examples=few(250))
@given(st.data())
def test_damaged_text_is_refused_or_says_an_arch(data: st.DataObject) -> None:
    """Nothing else than UserError is raised; what is accepted is written and read back to the same."""
    text = data.draw(strategies.damaged(str(data.draw(strategies.archs(most=3)))))
    try:
        arch = Arch.parse(text)
    except UserError as error:
        assert str(error)
        return
    assert Arch.parse(str(arch)) == arch


@settings(max_examples=few(100))
@given(st.text(max_size=40))
def test_any_text_is_refused_or_says_an_arch(text: str) -> None:
    for candidate in (text, f"stem16-{text}", f"stem16-ir16{text}"):
        try:
            arch = Arch.parse(candidate)
        except UserError:
            continue
        assert Arch.parse(str(arch)) == arch


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("", 0, "expected stem"),
        ("ir24", 0, "expected stem"),
        ("stem16", None, "at least one block"),
        ("stem16-head960", None, "at least one block"),
        ("stem16-", 7, "expected stem"),
        ("stem16-ir24-", 12, "expected stem"),
        ("stem16--ir24", 7, "expected stem"),
        ("stem16-ir24-stem16-ir24", 12, "expected stem"),
        ("2xstem16-ir24", 0, "expected stem"),
        ("stem16-ir24-2xhead40", 12, "expected stem"),
        ("stem16-ir24-head40-ir24", 19, "expected stem"),
        ("stem16-ir24-head40-head40", 19, "expected stem"),
        ("stem16-ir24-eps0.1-head40", 19, "expected stem"),
        ("stem16-ir24-eps0.1-eps0.1", 19, "expected stem"),
        ("stem16-foo24", 7, "ir, sg, gs, ss"),
        ("stem16-3xfoo24", 9, "ir, sg, gs, ss"),
        ("stem16-0xir24", 7, "expected stem"),
        ("stem16-1001xir24", 7, "expected stem"),
        ("stem16-" + "9" * 18 + "xir24", 7, "expected stem"),
        ("stem16-" + "9" * 5000 + "xir24", 7, "expected stem"),
        ("stem16-٣xir24", 7, "expected stem"),
        ("stem16-3xir24_q", 14, "expected"),
        ("stem16-ir24_k5_q9", 15, "q9"),
        ("stem16-ir24-eps", 12, "eps0.001"),
        ("stem16-ir24-eps1", 12, "eps0.001"),
        ("stem16-ir24-eps1e-5", 12, "eps0.001"),
        ("stem16-ir24-eps0.", 12, "eps0.001"),
        ("stem16-ir24-eps0.0", 12, "eps0.001"),
        ("stem16-ir24-eps0.0000٣", 12, "eps0.001"),
        ("stem16 -ir24", 0, ""),
        ("Stem16-ir24", 0, "expected stem"),
        ("stem16-ir24_t2-ir24_t2_g5", None, "block 2"),
        ("stem16-ir24-gs16", None, "behind 24 channels"),
    ],
)
def test_malformed_text_is_refused_with_its_position(text: str, position: int | None, said: str) -> None:
    with pytest.raises(UserError) as error:
        Arch.parse(text)
    message = str(error.value)
    found = re.match(r"at position (\d+): ", message)
    assert (int(found[1]) if found else None) == position
    assert said in message


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("stem16-1xir24", "stem16-ir24"),
        ("stem16-ir24-ir24", "stem16-2xir24"),
        ("stem16-ir24-3xir24-ir24", "stem16-5xir24"),
        ("stem16-ir24_g2", "stem16-ir24"),
        ("stem16-ir24_t1.0", "stem16-ir24"),
        ("stem16-ir24_t4.0_e32", "stem16-ir24_t2"),
        ("stem16-2xir24_e96", "stem16-ir24_t6-ir24_t4"),
        ("stem16-ir24_t2-ir24_e48", "stem16-2xir24_t2"),
        ("stem16-ir24-head", "stem16-ir24"),
        ("stem16-ir24-head0_f0", "stem16-ir24"),
        ("stem16-ir24-head_HS", "stem16-ir24"),
        ("stem16-ir24-eps0.00001", "stem16-ir24"),
        ("stem16-ir24-eps0.0010", "stem16-ir24-eps0.001"),
        ("stem016_k3_s2_RE-ir24_RE", "stem16-ir24"),
        ("stem48-sg48_t6_se_nodw1", "stem48-sg48_t6_nodw1"),
        ("stem48-sg48_k5_nodw1_nodw2", "stem48-sg48_nodw1_nodw2"),
        ("stem48-gs48_noshuffle_dense1", "stem48-gs48"),
    ],
)
def test_one_network_has_one_text(text: str, canonical: str) -> None:
    assert str(Arch.parse(text)) == canonical
    assert Arch.parse(text) == Arch.parse(canonical)


@pytest.mark.parametrize("eps", [1e-13, 0.00100000000000001, 0.1 + 0.2, 5e-324, 0.9999999999999999, 1e-5])
def test_eps_is_written_exactly(eps: float) -> None:
    arch = Arch(Stem(16), (InvertedResidual(16),), eps=eps)
    assert Arch.parse(str(arch)).eps == eps


@pytest.mark.parametrize("eps", [0.0, -1e-5, 1.0, float("nan"), float("inf")])
def test_eps_that_is_none_is_refused(eps: float) -> None:
    with pytest.raises(UserError, match="eps"):
        Arch(Stem(16), (InvertedResidual(16),), eps=eps)


def test_blocks_that_do_not_fit_are_named() -> None:
    with pytest.raises(UserError, match=r"block 2 .*behind 24 channels"):
        Arch(Stem(16), (InvertedResidual(24), GroupShuffle(16)))
    with pytest.raises(UserError, match="at least one block"):
        Arch(Stem(16), ())


def test_the_walk_gives_channels_and_sizes() -> None:
    arch = Arch.parse("stem16_pool-ir24_t2_s2-sg96_t6-ir32_t2_s2")
    assert [(str(b), c, s) for b, c, s in arch.walk(225)] == [
        ("ir24_t2_s2", 16, 57),
        ("sg96_t6", 24, 29),
        ("ir32_t2_s2", 96, 29),
    ]
    assert arch.final_size(225) == 15


@settings(max_examples=few(100))
@given(strategies.archs(), st.sampled_from((9, 32, 33, 64, 96, 224)), st.sampled_from((1, 2, 4)))
def test_strides_are_removed_from_the_back_and_no_more_than_needed(arch: Arch, size: int, final: int) -> None:
    if -(-size // arch.stem.reduction) < final:
        with pytest.raises(UserError, match="too small"):
            arch.fitted(size, final)
        return
    fitted = arch.fitted(size, final)
    before, after = ([block.stride for block in a.blocks] for a in (arch, fitted))
    assert fitted.final_size(size) >= final
    assert fitted.stem == arch.stem and fitted.head == arch.head and fitted.eps == arch.eps
    assert [b.out for b in fitted.blocks] == [b.out for b in arch.blocks]
    if fitted == arch:
        return
    assert arch.final_size(size) < final
    removed = [i for i, (s, t) in enumerate(zip(before, after, strict=True)) if s != t]
    assert all(after[i] == 1 for i in range(removed[0], len(after))), "from the last backward"
    one_less = [*after]
    one_less[removed[0]] = before[removed[0]]
    left = -(-size // arch.stem.reduction)
    for stride in one_less:
        left = -(-left // stride)
    assert left < final, "the last removal was needed"
    assert fitted.fitted(size, final) == fitted


@pytest.mark.parametrize(
    ("size", "final", "strides"),
    [
        (224, 2, [1, 2, 2, 2, 2]),
        (64, 2, [1, 2, 2, 2, 2]),  # leaves 2 x 2
        (33, 2, [1, 2, 2, 2, 2]),  # 17, 9, 5, 3, 2
        (32, 2, [1, 2, 2, 2, 1]),
        (32, 4, [1, 2, 2, 1, 1]),
        (16, 2, [1, 2, 2, 1, 1]),
        (4, 2, [1, 1, 1, 1, 1]),
    ],
)
def test_mobilenet_v2_on_small_images(size: int, final: int, strides: list[int]) -> None:
    fitted = zoo.get("mobilenet_v2").fitted(size, final)
    firsts = [0, 1, 3, 6, 13]  # of the stages
    assert [fitted.blocks[i].stride for i in firsts] == strides


@pytest.mark.parametrize("size", [2, 1, 0, -224])
def test_images_too_small_are_refused(size: int) -> None:
    with pytest.raises(UserError, match=f"resolution of {size} is too small"):
        zoo.get("mobilenet_v2").fitted(size)


def test_a_sandglass_keeps_its_depthwise_without_its_stride() -> None:
    arch = Arch(Stem(16), (SandGlass(96, expansion=6.0, stride=2),), Head())
    assert str(arch.fitted(4)) == "stem16-sg96_t6"
