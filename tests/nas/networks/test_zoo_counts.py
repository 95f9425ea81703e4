"""What the hand-designed networks count, against counts of the official code."""

import pytest

from blocks import Bottleneck, Stem
from nas import cost
from search_spaces import Arch, zoo

COUNTS = {  # multiply-adds and parameters in millions at 224x224 and 1000 classes
    "mobilenet_v1": (568.74, 4.232),
    "mobilenet_v2": (300.77, 3.505),
    "mobilenet_v3_large": (216.59, 5.483),
    "mobilenet_v3_small": (56.51, 2.543),
    "mobilenet_v3_large_minimalistic": (209.1, 3.924),
    "mobilenet_v3_small_minimalistic": (52.3, 2.045),
    "mobilenext": (311.34, 3.535),
    "mobilenext_id2": (311.34, 3.535),
    "shufflenet_v1_g1": (143.08, 1.532),
    "shufflenet_v1_g2": (140.84, 1.734),
    "shufflenet_v1_g3": (137.46, 1.866),
    "shufflenet_v1_g4": (134.34, 1.968),
    "shufflenet_v1_g8": (138.37, 2.435),
    "shufflenet_v1_g1_x0.25": (13.16, None),
    "shufflenet_v1_g3_x0.25": (13.30, None),
    "shufflenet_v2_x0.5": (40.48, 1.366),
    "shufflenet_v2": (145.81, 2.279),
    "shufflenet_v2_x1.5": (298.97, 3.507),
    "shufflenet_v2_x2": (590.78, 7.403),
    "shufflenet_v2_figure_x0.5": (40.48, 1.367),
    "shufflenet_v2_figure": (144.91, 2.279),
    "shufflenet_v2_figure_x1.5": (295.76, 3.504),
    "shufflenet_v2_figure_x2": (583.25, 7.394),
    "mnasnet_a1": (311.6, 3.887),
    "efficientnet_lite0": (385.19, 4.652),
    "mobilenet_v3_large_x0.75": (154.6, 3.994),
    "mobilenet_v3_large_x1.25": (355.2, 7.552),
    "mobilenet_v3_small_x1.25": (91.24, 3.645),
}
EXACT = {  # parameters: MobileNeXt's own log; torchvision's and timm's modules
    "mobilenet_v1": 4_231_976,
    "mobilenext": 3_535_416,
    "mobilenet_v2": 3_504_872,
    "mobilenet_v3_large": 5_483_032,
    "mobilenet_v3_small": 2_542_856,
    "shufflenet_v2_figure": 2_278_604,
    "mnasnet_b1_x0.5": 2_218_512,
    "mnasnet_b1_x0.75": 3_170_208,
    "mnasnet_b1": 4_383_312,
    "mnasnet_b1_x1.3": 6_282_256,
    "mnasnet_a1": 3_887_038,
    "efficientnet_b0": 5_288_548,
    "efficientnet_lite0": 4_652_008,  # timm's
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_agree_to_a_thousandth(name: str) -> None:
    counted, (macs, params) = cost(zoo.get(name)), COUNTS[name]
    assert counted.macs / 1e6 == pytest.approx(macs, rel=1e-3)
    assert params is None or counted.params / 1e6 == pytest.approx(params, rel=1e-3)


@pytest.mark.parametrize("name", EXACT)
def test_parameters_are_exact(name: str) -> None:
    assert cost(zoo.get(name)).params == EXACT[name]


@pytest.mark.parametrize(("first", "macs"), [(False, 4089e6), (True, 3858e6)])
def test_resnet_50_of_bottlenecks(first: bool, macs: float) -> None:
    """The stride in the 3x3 (torchvision) and in the first 1x1 (the paper)."""
    blocks = [
        Bottleneck(out, stride=2 if i == 0 and out > 256 else 1, stride_first=first)
        for out, repeats in ((256, 3), (512, 4), (1024, 6), (2048, 3))
        for i in range(repeats)
    ]
    counted = cost(Arch(Stem(64, kernel=7, pool=True), tuple(blocks)))
    assert counted.macs == pytest.approx(macs, rel=1e-3)
    assert counted.params == 25_557_032  # torchvision's resnet50
