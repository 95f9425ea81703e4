"""The drawing of a network."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from nas.common.errors import UserError
from nas.describe.drawing import columns, page, svg
from nas.describe.layers import describe
from search_spaces import Arch, zoo
from tests import strategies
from tests.examples import few

SVG = "{http://www.w3.org/2000/svg}"


def shapes(text: str, tag: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(text).findall(f".//{SVG}{tag}")


def test_stages_kernels_squeeze_and_widths_can_be_seen() -> None:
    found = describe(zoo.get("mobilenet_v3_large"))
    drawn = svg(found, "mobilenet_v3_large")
    assert len(shapes(drawn, "polygon")) == len(found.layers)
    squeezes = sum(layer.squeeze_excite for layer in found.layers)
    assert len(shapes(drawn, "circle")) == squeezes + 1  # one in the legend
    words = [element.text for element in shapes(drawn, "text")]
    kernels = [t.text for t in shapes(drawn, "text") if t.get("fill") == "white"]
    assert kernels.count("5") == 6 and kernels.count("3") == 10
    assert {"112x112", "7x7", "960", "HS"} <= set(words)
    assert "mobilenet_v3_large at 224x224: 216.6 M multiply-adds" in str(words[0])


def test_a_bulge_and_a_waist() -> None:
    bulging = columns(describe(zoo.get("mobilenet_v2")).layers)[5].heights
    waisted = columns(describe(zoo.get("mobilenext")).layers)[5].heights
    assert bulging[1] > max(bulging[0], bulging[2])
    assert waisted[1] < min(waisted[0], waisted[2])


@settings(max_examples=few(15))
@given(strategies.archs())
def test_any_arch_is_drawn_within_its_frame(arch: Arch) -> None:
    try:
        found = describe(arch, 64, 10)
    except UserError:
        return
    root = ElementTree.fromstring(svg(found))
    wide, high = float(root.get("width", "0")), float(root.get("height", "0"))
    for polygon in root.findall(f".//{SVG}polygon"):
        for x, y in (map(float, pair.split(",")) for pair in polygon.get("points", "").split()):
            assert 0 <= x <= wide and 60 <= y <= high
    for text in root.findall(f".//{SVG}text"):
        assert 0 <= float(text.get("x", "-1")) <= wide and 0 <= float(text.get("y", "-1")) <= high


@pytest.mark.parametrize("name", ["shufflenet_v1_g3", "efficientnet_b0"])
def test_columns_do_not_overlap(name: str) -> None:
    placed = columns(describe(zoo.get(name)).layers)
    for before, after in pairwise(placed):
        assert before.x + before.width <= after.x + 1e-6


def test_a_page_shows_the_drawing_and_the_tables() -> None:
    found = describe(zoo.get("mobilenet_v2"), 96, 10)
    made = page(found, "<b>", "<table>1 &amp; 2</table>")
    assert "&lt;b&gt;" in made and "<b>" not in made and "<table>1 &amp; 2</table>" in made
    assert found.note in made and re.search("<svg.*</svg>", made, re.DOTALL) and "<script src" not in made
