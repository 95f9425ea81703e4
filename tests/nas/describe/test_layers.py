"""A network as a table."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas import cost
from nas.common.errors import UserError
from nas.describe.__main__ import told_bytes
from nas.describe.layers import describe
from nas.networks.references import reference
from nas.runs.naming import resolve
from search_spaces import Arch, zoo
from tests import strategies
from tests.examples import few


def test_the_rows_of_mobilenet_v3_small_are_table_2() -> None:
    """Input, expansion, out, squeeze-excite, activation, stride; version 5 of the paper."""
    found = describe(zoo.get("mobilenet_v3_small"))
    rows = [
        (f"{x.size}x{x.channels}", x.expansion, x.out, x.squeeze_excite, x.activation, x.stride)
        for x in found.layers
    ]
    assert rows[0] == ("224x3", None, 16, False, "HS", 2)
    assert rows[1] == ("112x16", 16, 16, True, "RE", 2)
    assert rows[3] == ("28x24", 88, 24, False, "RE", 1)
    assert rows[9] == ("14x48", 288, 96, True, "HS", 2)
    assert rows[12:] == [
        ("7x96", None, 576, False, "HS", 1),
        ("7x576", None, 576, False, "", 1),
        ("1x576", None, 1024, False, "HS", 1),
        ("1x1024", None, 1000, False, "", 1),
    ]
    costs = [(x.macs, x.params) for x in found.layers[12:]]
    head = [(96 * 576 * 49, 576 * 98), (0, 0), (576 * 1024, 577 * 1024), (1024 * 1000, 1025 * 1000)]
    assert costs == head
    assert [x.kernel for x in found.layers][1:6] == [3, 3, 3, 5, 5]
    assert [x.stage for x in found.layers][:5] == [0, 1, 2, 2, 3]


@settings(max_examples=few(20))
@given(strategies.archs(), st.sampled_from((32, 65)), st.integers(1, 12))
def test_the_rows_add_up_and_follow_each_other(arch: Arch, resolution: int, classes: int) -> None:
    try:
        found = describe(arch, resolution, classes)
    except UserError:
        return
    total = cost(arch, resolution, classes)
    assert sum(layer.macs for layer in found.layers) == total.macs == found.total.macs
    assert sum(layer.params for layer in found.layers) == total.params
    assert all(layer.macs >= 0 and layer.params >= 0 for layer in found.layers)
    for before, after in zip(found.layers, found.layers[1:], strict=False):
        assert (before.out, before.out_size) == (after.channels, after.size)
        assert after.stage in (before.stage, before.stage + 1)
    assert found.layers[-1].out == classes


def test_what_was_removed_for_small_images_is_said() -> None:
    assert describe(zoo.get("mobilenet_v2")).note == ""
    note = describe(zoo.get("mobilenet_v2"), 32, 10).note
    assert "strides are removed" in note and "stem32_RE6" in note


@pytest.mark.parametrize("name", ["squeezenet1_1", "shufflenet_v2_x0_5", "mnasnet0_5"])
def test_a_librarys_classifier_adds_up(name: str) -> None:
    model = reference(f"torchvision:{name}")
    found = describe(model, 96, 10)
    assert sum(layer.macs for layer in found.layers) == cost(model, 96, 10).macs
    assert sum(layer.params for layer in found.layers) == cost(model, 96, 10).params
    assert found.layers[0].channels == 3 and found.layers[0].size == 96


def test_a_squeeze_ends_no_stage() -> None:
    pytest.importorskip("timm")
    found = describe(reference("timm:mobilenetv3_small_050"), 64, 10)
    stages = [layer.stage for layer in found.layers]
    assert stages == sorted(stages) and len(set(stages)) > 4


@pytest.mark.parametrize("text", ["mobilenet_v2", "torchvision:resnet18", "torchvision:densenet121"])
def test_one_row_needs_what_the_network_needs(text: str) -> None:
    description = describe(resolve(text), 64, 10)
    assert description.layers[description.peak].memory == description.total.memory
    assert description.in_place <= description.total.memory


def test_the_row_that_needs_most_is_named() -> None:
    said = told_bytes(describe(zoo.get("mobilenet_v2")))
    assert "weights at int8 3525.6 KB" in said
    assert "peak memory at int8 1470.0 KB, batch 1, in row 3 (ir24_t6_s2_RE6)" in said
    assert "1372.0 KB where depthwise convolutions work in place" in said
