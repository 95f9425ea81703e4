"""The closest point of a space to an arch from outside."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks import InvertedResidual, SandGlass, Stem, UserError
from search_spaces import Arch, spaces, zoo
from search_spaces.stages import Value
from tests import strategies
from tests.examples import few

BASELINES = ("mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "mobilenext")


@pytest.mark.parametrize("granularity", ["stage", "block"])
@settings(max_examples=few(30))
@given(data=st.data())
def test_an_arch_of_the_space_is_its_own_nearest(granularity: str, data: st.DataObject) -> None:
    space = spaces.get("mobile", granularity)
    arch = space.arch(data.draw(strategies.points(space)))
    found = space.nearest(arch)
    assert found.arch is arch and found.differences == ()
    assert space.arch(found.params) == arch


@settings(max_examples=few(60))
@given(st.data())
def test_what_no_choice_concerns_leads_to_the_same_point(data: st.DataObject) -> None:
    """Stem, eps and a foreign activation are no reason to choose another block."""
    space = spaces.get()
    point = data.draw(strategies.points(space))
    arch = space.arch(point)
    found = space.nearest(replace(arch, eps=0.001))
    assert found.params == point and found.arch == arch
    assert found.differences == ("eps: 0.001 -> 1e-05",)
    kin = {"RE": "RE6", "HS": "SI"}
    blocks = []
    for block in arch.blocks:
        assert isinstance(block, (InvertedResidual, SandGlass))
        blocks.append(replace(block, activation=kin[block.activation]))
    found = space.nearest(replace(arch, blocks=tuple(blocks)))
    assert found.params == point
    assert all("activation" in line or "before" in line for line in found.differences)
    assert len(found.differences) == 6


@settings(max_examples=few(80))
@given(strategies.archs())
def test_the_nearest_is_a_point_of_the_space(arch: Arch) -> None:
    space = spaces.get()
    if any(not isinstance(block, (InvertedResidual, SandGlass)) for block in arch.blocks):
        with pytest.raises(UserError, match="neither"):
            space.nearest(arch)
        return
    found = space.nearest(arch)
    assert space.arch(found.params) == found.arch and space.contains(found.arch)
    assert found.differences, "archs of other ends differ at least in them"


@pytest.mark.parametrize("granularity", ["stage", "block"])
@pytest.mark.parametrize("name", BASELINES)
def test_the_baselines_have_one(name: str, granularity: str) -> None:
    space = spaces.get("mobile", granularity)
    found = space.nearest(zoo.get(name))
    assert space.contains(found.arch) and space.params(found.arch) == found.params
    assert space.nearest(found.arch).differences == ()
    assert found.differences


def stages(params: dict[str, Value], option: str) -> list[Value]:
    return [params[f"s{stage}.{option}"] for stage in range(1, 6)]


def test_mobilenet_v3_large_by_stage() -> None:
    """Widths 24 40 80 112 160 in 2 3 4 2 3 blocks; ratios 4/3, 3, 6/2.5/2.3/2.3, 6, 6; kernels 3 5 3 3 5."""
    params = spaces.get().nearest(zoo.get("mobilenet_v3_large")).params
    assert stages(params, "width") == [24, 40, 80, 112, 160]
    assert stages(params, "depth") == [2, 3, 4, 2, 3]
    assert stages(params, "block") == ["ir"] * 5
    assert stages(params, "kernel") == [3, 5, 3, 3, 5]
    assert stages(params, "squeeze_excite") == [False, True, False, True, True]
    assert stages(params, "activation") == ["RE", "RE", "HS", "HS", "HS"]
    assert stages(params, "groups") == [1] * 5
    assert params["s1.expansion"] in (3, 4)
    assert params["s2.expansion"] == 3 and params["s3.expansion"] in (2, 3)
    assert stages(params, "expansion")[3:] == [6, 6]


def test_mobilenet_v3_large_by_block_has_its_own_expansions() -> None:
    params = spaces.get("mobile", "block").nearest(zoo.get("mobilenet_v3_large")).params
    assert [params[f"s3.b{b}.expansion"] for b in (1, 2, 3, 4)] == [6, 3, 2, 2]
    assert [params[f"s1.b{b}.expansion"] for b in (1, 2)] == [4, 3]


def test_mobilenet_v3_small_by_stage() -> None:
    """Its first block of stride 2 (width 16, one block, no expansion) comes to the smallest first stage."""
    params = spaces.get().nearest(zoo.get("mobilenet_v3_small")).params
    assert stages(params, "width") == [16, 24, 40, 48, 96]
    assert stages(params, "depth") == [2, 2, 3, 2, 3]
    assert stages(params, "kernel")[1:] == [3, 5, 5, 5]
    assert stages(params, "squeeze_excite") == [True, False, True, True, True]
    assert stages(params, "activation") == ["RE", "RE", "HS", "HS", "HS"]


def test_mobilenet_v2_by_stage() -> None:
    params = spaces.get().nearest(zoo.get("mobilenet_v2")).params
    assert stages(params, "width")[0] == 24 and stages(params, "width")[4] == 160
    assert stages(params, "depth") == [2, 3, 4, 3, 4]
    assert stages(params, "expansion") == [6] * 5
    assert stages(params, "kernel") == [3] * 5
    assert stages(params, "squeeze_excite") == [False] * 5
    assert stages(params, "activation") == ["RE"] * 5


def test_mobilenext_by_stage() -> None:
    params = spaces.get().nearest(zoo.get("mobilenext")).params
    assert stages(params, "block") == ["sg"] * 5
    assert stages(params, "expansion") == [6] * 5
    assert stages(params, "kernel") == [3] * 5


def test_differences_name_stage_option_and_both_values() -> None:
    found = spaces.get().nearest(zoo.get("mobilenet_v3_large"))
    lines = dict(line.split(": ", 1) for line in found.differences)
    assert lines["s3.expansion"] == "6 2.5 2.3 2.3 -> 3"
    assert lines["s1.expansion"] == "4 3 -> 4"
    assert lines["eps"] == "0.001 -> 1e-05"
    assert not any(name.startswith("s4.width") for name in lines)
    v2 = dict(line.split(": ", 1) for line in spaces.get().nearest(zoo.get("mobilenet_v2")).differences)
    assert v2["s2.width"] == "32 -> 40"
    assert v2["stem"] == "stem32_RE6 -> stem16_HS"


def test_other_blocks_have_no_nearest() -> None:
    with pytest.raises(UserError, match="gs240"):
        spaces.get().nearest(zoo.get("shufflenet_v1"))


def test_a_network_without_stages_still_has_one() -> None:
    """All of it lies before the first stage's resolution."""
    space = spaces.get()
    found = space.nearest(Arch(Stem(16, activation="HS"), (InvertedResidual(16),)))
    assert space.contains(found.arch)
    assert "s1.depth: 0 -> 2" in found.differences
