"""MnasNet-A1 and B1, and EfficientNet-B0 and Lite0, which were found in the same space.

Batch-norm eps is torch's 1e-5, as in torchvision's and timm's weights; the official code trained with 1e-3.
"""

from blocks import Block, Head, InvertedResidual, Stem, make_divisible
from search_spaces.arch import Arch
from search_spaces.zoo.lines import Line

# fmt: off
_A1 = (
    Line(t=1, k=3, c= 16, n=1, s=1, se=False),
    Line(t=6, k=3, c= 24, n=2, s=2, se=False),
    Line(t=3, k=5, c= 40, n=3, s=2, se=True),
    Line(t=6, k=3, c= 80, n=4, s=2, se=False),
    Line(t=6, k=3, c=112, n=2, s=1, se=True),
    Line(t=6, k=5, c=160, n=3, s=2, se=True),
    Line(t=6, k=3, c=320, n=1, s=1, se=False),
)
_B1 = (
    Line(t=1, k=3, c= 16, n=1, s=1, se=False),
    Line(t=3, k=3, c= 24, n=3, s=2, se=False),
    Line(t=3, k=5, c= 40, n=3, s=2, se=False),
    Line(t=6, k=5, c= 80, n=3, s=2, se=False),
    Line(t=6, k=3, c= 96, n=2, s=1, se=False),
    Line(t=6, k=5, c=192, n=4, s=2, se=False),
    Line(t=6, k=3, c=320, n=1, s=1, se=False),
)
_EFFICIENTNET_B0 = (
    Line(t=1, k=3, c= 16, n=1, s=1, se=True),
    Line(t=6, k=3, c= 24, n=2, s=2, se=True),
    Line(t=6, k=5, c= 40, n=2, s=2, se=True),
    Line(t=6, k=3, c= 80, n=3, s=2, se=True),
    Line(t=6, k=5, c=112, n=3, s=1, se=True),
    Line(t=6, k=5, c=192, n=4, s=2, se=True),
    Line(t=6, k=3, c=320, n=1, s=1, se=True),
)
# fmt: on


def _network(table: tuple[Line, ...], width: float, activation: str) -> Arch:
    """The squeeze is a quarter of the block's *input* width, its gate a sigmoid; 1280 never scales."""
    blocks: list[Block] = []
    stem = channels = make_divisible(32 * width)
    for line in table:
        for stride in line.strides:
            before, channels = channels, make_divisible(line.c * width)
            blocks.append(
                InvertedResidual(
                    channels,
                    kernel=line.k,
                    inner=before * line.t,
                    stride=stride,
                    squeeze_excite=line.se,
                    squeeze=max(1, before // 4) if line.se else 0,
                    squeeze_activation=activation,
                    gate="sig",
                    activation=activation,
                )
            )
    return Arch(Stem(stem, activation=activation), tuple(blocks), Head(1280, activation=activation))


def mnasnet_a1(width: float = 1.0) -> Arch:
    """MnasNet-A1, Tan et al. 2019, figure 7; widths of the official repository, timm's semnasnet_100."""
    return _network(_A1, width, "RE")


def mnasnet_b1(width: float = 1.0) -> Arch:
    """MnasNet-B1, Tan et al. 2019: the search without squeeze-excite; torchvision's mnasnet1_0."""
    return _network(_B1, width, "RE")


def efficientnet_b0() -> Arch:
    """EfficientNet-B0, Tan and Le 2019, table 1: SiLU throughout, inside squeeze-excite as well."""
    return _network(_EFFICIENTNET_B0, 1.0, "SI")


def efficientnet_lite0() -> Arch:
    """EfficientNet-Lite0, Liu 2020 (Google's tpu repository): B0 with ReLU6 and without squeeze-excite.

    Of the Lite networks the only one whose widths are B0's. Stem and head never scale.
    """
    plain = tuple(line._replace(se=False) for line in _EFFICIENTNET_B0)
    return _network(plain, 1.0, "RE6")
