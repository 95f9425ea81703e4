"""The register of components: what each says of any arch, by stage, and a user's own."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings

import nas
from blocks import InvertedResidual, UserError
from nas.ablate.components import COMPONENTS, TRAPS, BadComponent, get, variants
from nas.ablate.stages import stages
from search_spaces import Arch, zoo
from tests import strategies
from tests.examples import few

ROOT = Path(__file__).parents[3]
LARGE = zoo.get("mobilenet_v3_large")


@settings(max_examples=few(25))
@given(strategies.archs())
def test_no_component_ever_raises(arch: Arch) -> None:
    """Of any arch, each gives archs of the language, or says why not."""
    for component in COMPONENTS.values():
        found = variants(component, arch, per_stage=True)
        assert len({variant.name for variant in found}) == len(found)
        for variant in found:
            assert variant.component == component.name
            if variant.arch is None:
                assert variant.reason
            else:
                assert Arch.parse(str(variant.arch)) == variant.arch and not variant.reason


@pytest.mark.parametrize("name", COMPONENTS)
def test_every_component_changes_some_network(name: str) -> None:
    networks = ["mobilenet_v3_large", "shufflenet_v1_g3", "shufflenet_v2", "mobilenext", "mnasnet_a1"]
    archs = [*map(zoo.get, networks), Arch.parse("stem24-bz48_s2"), Arch.parse("stem32-rb64_s2")]
    changed = [v for arch in archs for v in variants(COMPONENTS[name], arch) if v.arch not in (None, arch)]
    assert changed


@pytest.mark.parametrize("name", [name for name, component in COMPONENTS.items() if component.plain])
def test_the_plain_form_lacks_the_component(name: str) -> None:
    """Taking it out of its own plain form changes nothing, and out of any network leaves a network."""
    component = COMPONENTS[name]
    assert component.plain is not None
    for network in zoo.names()[::7]:
        plain = component.plain(zoo.get(network))
        assert component.plain(plain) == plain


def test_one_stage_at_a_time_adds_up_to_everywhere() -> None:
    """Which stage profits from squeeze-excite? Those that have it, one by one."""
    found = variants(get("se"), LARGE, per_stage=True)
    off = {v.stage: v.arch for v in found if v.label == "off"}
    assert list(off) == [0, 3, 5, 6]
    for number, arch in off.items():
        assert arch is not None
        for stage in stages(LARGE):
            changed = arch.blocks[stage.start : stage.end] != LARGE.blocks[stage.start : stage.end]
            assert changed == (number == stage.number or (number == 0 and stage.number in off))
        assert (arch.stem, arch.head) == (LARGE.stem, LARGE.head)


def test_changes_of_stem_and_depth_are_not_asked_by_stage() -> None:
    for name in ("stem", "depth", "width", "last_stage", "eps"):
        assert all(v.stage == 0 for v in variants(get(name), LARGE, per_stage=True))


def test_an_unknown_component_names_the_nearest() -> None:
    with pytest.raises(UserError, match="kernel"):
        get("kernels")
    with pytest.raises(UserError, match="module:function"):
        get("zzz")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "my_parts.py").write_text(
        "from dataclasses import replace\n"
        "from blocks import UserError\n"
        "number = 7\n"
        "def no_head_features(arch):\n    return replace(arch, head=replace(arch.head, features=0))\n"
        "def heads(arch):\n    return {f'{n}': replace(arch, head=replace(arch.head, conv=n)) for n in (8, 16)}\n"
        "def never(arch):\n    raise UserError('not today')\n"
        "def wrong(arch):\n    return 'stem16'\n"
        "def empty(arch):\n    return {}\n"
        "def unlabelled(arch):\n    return {1: arch}\n"
        "def failing(arch):\n    return 1 / 0\n"
        "def of_two(arch, other):\n    return arch\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("my_parts", None)


@pytest.mark.usefixtures("own")
def test_a_users_own_component_is_one_function() -> None:
    component = get("my_parts:no_head_features")
    (variant,) = variants(component, LARGE)
    assert (component.name, variant.label) == ("my_parts:no_head_features", "on")
    assert variant.arch is not None and variant.arch.head.features == 0
    assert [v.label for v in variants(get("my_parts:heads"), LARGE)] == ["8", "16"]
    (never,) = variants(get("my_parts:never"), LARGE)
    assert never.arch is None and never.reason == "not today"


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    "name", ["my_parts:absent", "my_parts:number", "no_such_module:x", "my_parts:", ":x"]
)
def test_what_is_no_function_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="component"):
        get(name)


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("name", ["wrong", "empty", "unlabelled", "failing", "of_two"])
def test_what_gives_no_arch_is_refused_at_once(name: str) -> None:
    with pytest.raises(BadComponent, match=f"my_parts:{name}") as refused:
        variants(get(f"my_parts:{name}"), LARGE)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("name", ["my_broken:x", ".relative:x"])
def test_a_module_that_cannot_be_imported_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_broken.py").write_text("def x(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BadComponent, match="cannot be imported"):
        get(name)


def test_the_residual_and_the_linear_bottleneck() -> None:
    (off,) = variants(get("residual"), LARGE)
    (activated,) = variants(get("bottleneck"), LARGE)
    assert off.arch is not None and activated.arch is not None
    blocks = [b for b in off.arch.blocks if isinstance(b, InvertedResidual)]
    shortcuts = [b.out == c for b, c in zip(blocks, [16, *(b.out for b in blocks[:-1])], strict=True)]
    assert [not b.shortcut for b in blocks] == [
        s and b.stride == 1 for b, s in zip(blocks, shortcuts, strict=True)
    ]
    assert str(activated.arch).count("bnact") == len(str(activated.arch).split("-")) - 3


def test_a_users_own_and_a_built_in_of_one_name_are_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_se.py").write_text("def se(arch):\n    return arch\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert get("my_se:se").name != get("se").name


def only(network: str, component: str, label: str) -> Arch:
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
    assert token in str(only(network, component, label))


def test_the_first_pointwise_of_shufflenet_is_grouped() -> None:
    """docs/traps.md: 134.5 M instead of 137.5 M."""
    assert nas.cost(only("shufflenet_v1_g3", "dense_first", "off")).macs / 1e6 == pytest.approx(
        134.5, abs=0.1
    )


def test_mobilenexts_stride_in_the_first_depthwise() -> None:
    """docs/traps.md: 238.5 M instead of 311.3 M."""
    assert nas.cost(only("mobilenext", "stride_first", "on")).macs / 1e6 == pytest.approx(238.5, abs=0.1)


def test_the_squeeze_from_the_wrong_width() -> None:
    """docs/traps.md: V3-Large from the input 215.4 M, MnasNet-A1 from the inner width 312.8 M."""
    for network, label, macs in (
        ("mobilenet_v3_large", "from input", 215.4),
        ("mnasnet_a1", "from inner", 312.8),
    ):
        assert nas.cost(only(network, "squeeze", label)).macs / 1e6 == pytest.approx(macs, abs=0.1)


def test_eps_and_first_depthwise() -> None:
    assert only("mobilenet_v3_large", "eps", "1e-05").eps == 1e-5
    assert "nodw1" not in str(only("mobilenext", "first_depthwise", "on"))


def test_what_the_stride_needs_is_no_reason_to_fail() -> None:
    for name in ("mobilenext", "mobilenext_x0.35"):
        for variant in variants(get("stride_first"), zoo.get(name)):
            assert variant.arch is not None, variant.reason
    with pytest.raises(UserError):
        Arch.parse("stem32-sg96_s2_nodw1_stride1")
