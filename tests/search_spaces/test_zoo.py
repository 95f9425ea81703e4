"""The hand-designed networks against their papers' tables. What they cost is in tests/nas/test_costs.py."""

import pytest

from blocks import GroupShuffle, Head, InvertedResidual, SandGlass, SplitShuffle, UserError
from blocks.inverted_residual import expanded_width
from blocks.sandglass import reduced_width
from search_spaces import Arch, zoo
from search_spaces.zoo import ZOO
from tests.references import rounded

VARIANTS = zoo.names()


def inverted(arch: Arch) -> list[tuple[int, int, int, bool, str, int]]:
    """Kernel, expanded, out, squeeze-excite, activation, stride of each block: MobileNetV3's columns."""
    rows, channels = [], arch.stem.out
    for block in arch.blocks:
        assert isinstance(block, InvertedResidual) and block.groups == 1 and block.gate == "hsig"
        inner = block.inner or expanded_width(channels, block.expansion)
        rows.append((block.kernel, inner, block.out, block.squeeze_excite, block.activation, block.stride))
        channels = block.out
    return rows


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_written_and_read(name: str) -> None:
    arch = zoo.get(name)
    assert Arch.parse(str(arch)) == arch
    assert arch.final_size(224) == 7


def test_variants_are_different_networks() -> None:
    assert len({zoo.get(name) for name in VARIANTS}) == len(VARIANTS) >= 75
    assert {zoo.split(name)[0] for name in VARIANTS} == set(ZOO)


# V3's tables 1 and 2, version 5 of the paper, as kernel exp out SE NL stride.
LARGE = """3 16 16 - RE 1|3 64 24 - RE 2|3 72 24 - RE 1|5 72 40 SE RE 2|5 120 40 SE RE 1|5 120 40 SE RE 1
3 240 80 - HS 2|3 200 80 - HS 1|3 184 80 - HS 1|3 184 80 - HS 1|3 480 112 SE HS 1|3 672 112 SE HS 1
5 672 160 SE HS 2|5 960 160 SE HS 1|5 960 160 SE HS 1"""
SMALL = """3 16 16 SE RE 2|3 72 24 - RE 2|3 88 24 - RE 1|5 96 40 SE HS 2|5 240 40 SE HS 1|5 240 40 SE HS 1
5 120 48 SE HS 1|5 144 48 SE HS 1|5 288 96 SE HS 2|5 576 96 SE HS 1|5 576 96 SE HS 1"""


@pytest.mark.parametrize(
    ("name", "table", "head"),
    [
        ("mobilenet_v3_large", LARGE, Head(960, 1280, "HS")),
        ("mobilenet_v3_small", SMALL, Head(576, 1024, "HS")),
    ],
)
def test_mobilenet_v3(name: str, table: str, head: Head) -> None:
    rows = [row.split() for row in table.replace("\n", "|").split("|")]
    expected = [(int(k), int(e), int(o), se == "SE", nl, int(s)) for k, e, o, se, nl, s in rows]
    arch = zoo.get(name)
    assert inverted(arch) == expected
    assert str(arch.stem) == "stem16_HS" and arch.head == head and arch.eps == 0.001


@pytest.mark.parametrize("width", [0.35, 0.5, 0.75, 1.25])
def test_mobilenet_v3_scales_as_table_9(width: float) -> None:
    """The expansion is the table's ratio times the rounded scaled input; 1280 stays."""
    arch, base = zoo.get("mobilenet_v3_large", width=width), inverted(zoo.get("mobilenet_v3_large"))
    inputs = [16, *(row[2] for row in base)]
    channels = rounded(16 * width)
    assert arch.stem.out == channels
    for row, told, nominal in zip(inverted(arch), base, inputs[:-1], strict=True):
        assert row[1] in (rounded(channels * told[1] / nominal), channels)
        assert row[2] == rounded(told[2] * width)
        channels = row[2]
    assert arch.head.conv == rounded(960 * width)
    assert arch.head.features == 1280


def test_mobilenet_v2() -> None:
    """Table 2: t c n s; the unit of t = 1 has no expansion; the stride is on the first of n."""
    rows = inverted(zoo.get("mobilenet_v2"))
    expected, channels = [], 32
    for t, c, n, s in [
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
        (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ]:  # fmt: skip
        for i in range(n):
            expected.append((3, t * channels, c, False, "RE6", s if i == 0 else 1))
            channels = c
    assert rows == expected and len(rows) == 17
    arch = zoo.get("mobilenet_v2")
    assert str(arch.stem) == "stem32_RE6" and arch.head == Head(1280, 0, "RE6") and arch.eps == 1e-5


@pytest.mark.parametrize(
    ("width", "last"), [(0.35, 1280), (0.5, 1280), (0.75, 1280), (1.3, 1664), (1.4, 1792)]
)
def test_mobilenet_v2_keeps_its_last_width_below_1(width: float, last: int) -> None:
    assert zoo.get("mobilenet_v2", width=width).head.conv == last


def test_mobilenext() -> None:
    """Input, hidden, out, stride, first and last depthwise of the official code's blocks."""
    arch = zoo.get("mobilenext")
    rows, channels = [], arch.stem.out
    for block in arch.blocks:
        assert isinstance(block, SandGlass) and block.activation == "RE6" and not block.squeeze_excite
        inner = block.inner or reduced_width(block.out, block.expansion)
        rows.append((channels, inner, block.out, block.stride, block.first_depthwise, block.last_depthwise))
        channels = block.out
    assert rows == [
        (32, 16, 96, 2, True, True),
        (96, 32, 144, 1, True, True),
        (144, 32, 192, 2, False, True),
        *[(192, 32, 192, 1, True, True)] * 2,
        (192, 48, 288, 2, False, True),
        *[(288, 48, 288, 1, True, True)] * 2,
        (288, 64, 384, 1, False, False),
        *[(384, 64, 384, 1, True, True)] * 3,
        (384, 96, 576, 2, False, True),
        *[(576, 96, 576, 1, True, True)] * 3,
        (576, 160, 960, 1, False, False),
        *[(960, 160, 960, 1, True, True)] * 2,
        (960, 208, 1280, 1, True, True),
    ]
    assert arch.head == Head() and arch.eps == 1e-5


@pytest.mark.parametrize(("groups", "out"), [(1, 144), (2, 200), (3, 240), (4, 272), (8, 384)])
def test_shufflenet_v1(groups: int, out: int) -> None:
    """Table 1: stages of 4, 8 and 4 units, doubling; only the very first pointwise is not grouped."""
    arch = zoo.get("shufflenet_v1", groups=groups)
    first = GroupShuffle(out, stride=2, groups=groups, dense_first=groups > 1)
    expected = [first, *[GroupShuffle(out, groups=groups)] * 3]
    expected += [GroupShuffle(2 * out, stride=2, groups=groups), *[GroupShuffle(2 * out, groups=groups)] * 7]
    expected += [GroupShuffle(4 * out, stride=2, groups=groups), *[GroupShuffle(4 * out, groups=groups)] * 3]
    assert list(arch.blocks) == expected
    assert str(arch.stem) == "stem24_pool" and arch.head == Head()


@pytest.mark.parametrize(
    ("groups", "width", "stem", "out"),
    [
        (3, 0.5, 12, 120),
        (8, 0.5, 16, 192),
        (3, 1.5, 24, 360),
        (8, 1.5, 24, 576),
        (3, 2, 48, 480),
        (8, 2, 48, 768),
    ],
)
def test_shufflenet_v1_official_widths(groups: int, width: float, stem: int, out: int) -> None:
    arch = zoo.get("shufflenet_v1", width=width, groups=groups)
    assert arch.stem.out == stem
    assert [arch.blocks[i].out for i in (0, 4, 12)] == [out, 2 * out, 4 * out]


@pytest.mark.parametrize(
    ("width", "outs", "last"),
    [
        (0.5, [48, 96, 192], 1024),
        (1.0, [116, 232, 464], 1024),
        (1.5, [176, 352, 704], 1024),
        (2.0, [244, 488, 976], 2048),
    ],
)
@pytest.mark.parametrize("figure", [False, True])
def test_shufflenet_v2(width: float, outs: list[int], last: int, figure: bool) -> None:
    """Table 5, in the official code's layout and in torchvision's."""
    arch = zoo.get("shufflenet_v2_figure" if figure else "shufflenet_v2", width=width)
    expected: list[SplitShuffle] = []
    for out, units in zip(outs, (4, 8, 4), strict=True):
        expected += [
            SplitShuffle(out, stride=2, figure=figure),
            *[SplitShuffle(out, figure=figure)] * (units - 1),
        ]
    assert list(arch.blocks) == expected
    assert str(arch.stem) == "stem24_pool" and arch.head == Head(last)
    assert arch == zoo.shufflenet_v2(width, figure)


# Names ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "width", "groups", "same"),
    [
        ("mobilenet_v2", None, None, "mobilenet_v2_x1"),
        ("mobilenet_v2", 0.5, None, "mobilenet_v2_x0.5"),
        ("mobilenet_v2_x0.5", 0.5, None, "mobilenet_v2_x0_5"),
        ("shufflenet_v2_x1_0", None, None, "shufflenet_v2"),
        ("shufflenet_v2_figure", 1.5, None, "shufflenet_v2_figure_x1_5"),
        ("shufflenet_v1", None, None, "shufflenet_v1_g3"),
        ("shufflenet_v1", 0.5, 8, "shufflenet_v1_g8_x0.5"),
        ("shufflenet_v1_g8", 0.5, None, "shufflenet_v1_g8_x0.5"),
    ],
)
def test_variants_by_name_and_by_argument(
    name: str, width: float | None, groups: int | None, same: str
) -> None:
    assert zoo.get(name, width, groups) == zoo.get(same)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mobilenet_v4", "mobilenet_v2"),
        ("mobilnet_v3_small", "mobilenet_v3_small"),
        ("MobileNet_V2", "mobilenet_v2"),
        ("shufflenet", "shufflenet_v1"),
        ("shufflenet_v2_x1.0_figure", "shufflenet_v2_figure"),
        ("resnet50", "mobilenext"),
        ("", "mobilenet_v2"),
        ("mobilenet_v2_x", "mobilenet_v2"),
        ("mobilenet_v2_x0.5 ", "mobilenet_v2"),
        ("mobilenet_v2_x-1", "mobilenet_v2"),
        ("mobilenet_v2_x0", "width is 0"),
        ("mobilenet_v2_x99", "width is 99"),
        ("mobilenet_v2_g3", "no groups"),
        ("efficientnet_b0_x0.5", "width 1 only"),
        ("shufflenet_v2_x0.75", "0.5, 1, 1.5, 2"),
        ("shufflenet_v2_figure_x3", "0.5, 1, 1.5, 2"),
        ("shufflenet_v1_g5", "1, 2, 3, 4, 8"),
        ("shufflenet_v1_g0", "1, 2, 3, 4, 8"),
        ("shufflenet_v1_g4_x0.5", "g = 3, 8"),
        ("shufflenet_v1_g" + "9" * 5000, "shufflenet_v1"),
        ("mobilenet_v2_x" + "9" * 400, "mobilenet_v2"),
        ("mobilenet_v2_x٣", "mobilenet_v2"),
    ],
)
def test_a_name_that_is_none_is_refused_with_what_there_is(name: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        zoo.get(name)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("name", "width", "groups"),
    [
        ("mobilenet_v2_x0.5", 1.0, None),
        ("shufflenet_v1_g3", None, 8),
        ("mobilenet_v2", float("nan"), None),
        ("mobilenet_v2", -1.0, None),
        ("mobilenet_v2", None, 0),
        ("shufflenet_v1", None, 0),
    ],
)
def test_arguments_that_cannot_be_are_refused(name: str, width: float | None, groups: int | None) -> None:
    with pytest.raises(UserError):
        zoo.get(name, width, groups)
