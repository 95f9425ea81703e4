"""The wrong copies of docs/traps.md as components."""

from pathlib import Path

import pytest

import nas
from blocks import UserError
from nas.ablate.components import get, variants
from nas.ablate.traps import TRAPS
from search_spaces import Arch, zoo

ROOT = Path(__file__).parents[3]


def switched(network: str, component: str, label: str) -> Arch:
    arch = Arch.parse(network) if network.startswith("stem") else zoo.get(network)
    (made,) = [v.arch for v in variants(get(component), arch) if v.label == label]
    assert made is not None and made != arch
    return made


def test_the_page_of_traps_names_the_components() -> None:
    page = (ROOT / "docs" / "traps.md").read_text(encoding="utf-8")
    for component in TRAPS:
        assert f"`{component.name}`" in page, component.name


@pytest.mark.parametrize(
    ("network", "component", "label", "token"),
    [
        ("mobilenet_v3_large", "h_swish", "sigmoid", "_SI"),
        ("mobilenet_v3_large", "h_swish", "unbounded", "_HSopen"),
        ("mobilenet_v3_large", "gate", "sigmoid", "_se_sig"),
        ("mobilenet_v3_large", "gate", "unbounded", "_se_hsigopen"),
        ("mobilenet_v1", "relu6", "RE -> RE6", "_RE6"),
        ("shufflenet_v1_g3", "relu_after_depthwise", "on", "_dwact"),
        ("shufflenet_v1_g3", "shuffle", "off", "_noshuffle"),
        ("shufflenet_v2", "layout", "figure", "_figure"),
        ("mobilenext", "stride_first", "on", "_stride1"),
        ("stem32-rb64_s2", "stride_first", "on", "_stride1"),
        ("mobilenext", "identity", "half", "_id2"),
        ("stem24-bz48_s2", "conv_shortcut", "on", "_convskip"),
    ],
)
def test_each_is_switched_by_its_words(network: str, component: str, label: str, token: str) -> None:
    assert token in str(switched(network, component, label))


def test_the_first_pointwise_of_shufflenet_is_grouped() -> None:
    """docs/traps.md: 134.5 M instead of 137.5 M."""
    assert nas.cost(switched("shufflenet_v1_g3", "dense_first", "off")).macs / 1e6 == pytest.approx(
        134.5, abs=0.1
    )


def test_mobilenexts_stride_in_the_first_depthwise() -> None:
    """docs/traps.md: 238.5 M instead of 311.3 M."""
    assert nas.cost(switched("mobilenext", "stride_first", "on")).macs / 1e6 == pytest.approx(238.5, abs=0.1)


def test_the_squeeze_from_the_wrong_width() -> None:
    """docs/traps.md: V3-Large from the input 215.4 M, MnasNet-A1 from the inner width 312.8 M."""
    for network, label, macs in (
        ("mobilenet_v3_large", "from input", 215.4),
        ("mnasnet_a1", "from inner", 312.8),
    ):
        assert nas.cost(switched(network, "squeeze", label)).macs / 1e6 == pytest.approx(macs, abs=0.1)


def test_eps_and_first_depthwise() -> None:
    assert switched("mobilenet_v3_large", "eps", "1e-05").eps == 1e-5
    assert "nodw1" not in str(switched("mobilenext", "first_depthwise", "on"))


def test_what_the_stride_needs_is_no_reason_to_fail() -> None:
    for name in ("mobilenext", "mobilenext_x0.35"):
        for variant in variants(get("stride_first"), zoo.get(name)):
            assert variant.arch is not None, variant.reason
    with pytest.raises(UserError):
        Arch.parse("stem32-sg96_s2_nodw1_stride1")
