"""What changes a network's shape, against the networks that the papers derive from each other."""

import pytest

import nas
from blocks import InvertedResidual, SandGlass, UserError
from nas.ablate import shapes
from nas.ablate.stages import stages
from nas.ablate.study import Made
from search_spaces import Arch, zoo

LARGE, V2 = zoo.get("mobilenet_v3_large"), zoo.get("mobilenet_v2")


def built(made: Made, label: str) -> Arch:
    arch = made[label]
    assert isinstance(arch, Arch)
    return arch


def test_a_fixed_expansion() -> None:
    """V2 has t = 6 but for its first block, so that 6 changes nothing."""
    assert shapes.expansion(V2)["t = 6"] == V2
    for t in (3, 4, 6):
        arch = built(shapes.expansion(LARGE), f"t = {t}")
        ratios = {b.expansion for b in arch.blocks[1:] if isinstance(b, InvertedResidual)}
        assert ratios == {float(t)} and str(arch).startswith("stem16_HS-ir16-")


def test_the_expansion_of_a_sandglass_widens_what_it_carries() -> None:
    arch = built(shapes.expansion(Arch.parse("stem16-sg96_t6_s2-sg96_t6")), "t = 3")
    assert str(arch) == "stem16-sg48_t3_s2-sg48_t3"


def test_the_original_last_stage() -> None:
    """Section 5.1, figure 5: 160, expanded to 960, to 320, to 1280, and only then pooled."""
    made = built(shapes.last_stage(LARGE), "efficient -> original")
    assert str(made).endswith("-ir320_t6_HS-head1280_HS-eps0.001")
    assert shapes.last_stage(made)["original -> efficient"] == LARGE, "and back"
    saved = nas.cost(made).macs - nas.cost(LARGE).macs
    assert 25e6 < saved < 45e6, "the paper speaks of 30 million"


def test_v2_gets_the_efficient_last_stage() -> None:
    made = built(shapes.last_stage(V2), "original -> efficient")
    assert str(made).endswith("2xir160_t6_RE6-head960_f1280_RE6")
    assert shapes.last_stage(V2)["efficient -> original"] == V2


@pytest.mark.parametrize("name", ["mobilenet_v1", "shufflenet_v2", "mobilenext"])
def test_other_last_stages_are_left_alone(name: str) -> None:
    arch = zoo.get(name)
    assert set(shapes.last_stage(arch).values()) == {arch}


def test_the_stem() -> None:
    made = shapes.stem(LARGE)
    assert list(made) == ["16 -> 32", "16 -> 8"]
    assert str(built(made, "16 -> 32")).startswith("stem32_HS-ir16-ir24_t4_s2-ir24_t3-")
    narrow = built(shapes.stem(V2), "32 -> 16")
    assert str(narrow).startswith("stem16_RE6-ir16_RE6-ir24_t6_s2_RE6-")


def test_a_block_more_and_a_block_less() -> None:
    made = shapes.depth(LARGE)
    assert len(made) == 2 * len(stages(LARGE))
    more, less = built(made, "+1 in stage 6"), built(made, "-1 in stage 6")
    assert more.blocks == (*LARGE.blocks, LARGE.blocks[-1]) and less.blocks == LARGE.blocks[:-1]
    assert isinstance(made["-1 in stage 1"], UserError)
    twice = built(made, "+1 in stage 1")
    assert str(twice).startswith("stem16_HS-2xir16-")


def test_a_block_behind_the_only_one_of_its_stage_keeps_its_expansion() -> None:
    made = built(shapes.depth(V2), "+1 in stage 7")
    assert str(made).endswith("2xir320_t6_RE6-head1280_RE6")
    sandglass = built(shapes.depth(Arch.parse("stem16-sg96_t6_s2_nodw1")), "+1 in stage 1")
    assert sandglass.blocks[1] == SandGlass(96, expansion=6.0)


def test_width() -> None:
    assert built(shapes.width(zoo.get("mobilenet_v1")), "x 0.75") == zoo.get("mobilenet_v1", 0.75)
    assert isinstance(shapes.width(zoo.get("shufflenet_v1", groups=3))["x 1.25"], UserError)
