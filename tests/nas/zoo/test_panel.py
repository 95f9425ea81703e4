"""nas.zoo.panel: what others have published, as a panel."""

import pytest

from nas.common.quantities import MACS, PARAMS, Quantity
from nas.figures.layout import LEFT, RIGHT, label_spots
from nas.zoo import published
from nas.zoo.panel import published_panel
from tests.nas.figures.test_labels import boxes, overlapping


def test_published_lines_are_one_model_each_at_224() -> None:
    panel = published_panel(published.imagenet(), MACS)
    small = next(line for line in panel.series if line.name == "MobileNetV3-Small")
    assert (57.0, 67.5) in zip(small.x, small.y, strict=True)
    assert (74.0, 68.5) not in zip(small.x, small.y, strict=True)  # at 256 pixels
    for line in panel.series:
        assert list(line.x) == sorted(line.x)
    assert panel.y_axis.low < min(y for line in panel.series for y in line.y)


def test_without_a_table_it_says_so() -> None:
    assert published_panel(published.imagenet()[:0], MACS).notice


@pytest.mark.parametrize("objective", [MACS, PARAMS], ids=["macs", "params"])
def test_the_published_labels_do_not_overlap(objective: Quantity) -> None:
    panel = published_panel(published.imagenet(), objective)
    width, height = RIGHT.size
    anchors = [(panel.x_axis.place(a.x) * width, panel.y_axis.place(a.y) * height) for a in panel.labels]
    assert len(anchors) == 7
    assert not overlapping(boxes([a.text for a in panel.labels], anchors, label_spots(panel, RIGHT)))
    assert LEFT.right < RIGHT.left
