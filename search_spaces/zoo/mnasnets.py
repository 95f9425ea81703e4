"""MnasNet-A1 and B1, and EfficientNet-B0, which was found in the same space.

Batch-norm eps is torch's 1e-5, as in torchvision's and timm's weights; the official code trained with 1e-3.
"""

from typing import NamedTuple

from blocks import Block, Head, InvertedResidual, Stem, make_divisible
from search_spaces.arch import Arch


class _Stage(NamedTuple):
    expansion: int
    kernel: int
    out: int
    repeats: int
    stride: int
    squeeze_excite: bool = False


_A1 = (
    _Stage(1, 3, 16, 1, 1),
    _Stage(6, 3, 24, 2, 2),
    _Stage(3, 5, 40, 3, 2, True),
    _Stage(6, 3, 80, 4, 2),
    _Stage(6, 3, 112, 2, 1, True),
    _Stage(6, 5, 160, 3, 2, True),
    _Stage(6, 3, 320, 1, 1),
)
_B1 = (
    _Stage(1, 3, 16, 1, 1),
    _Stage(3, 3, 24, 3, 2),
    _Stage(3, 5, 40, 3, 2),
    _Stage(6, 5, 80, 3, 2),
    _Stage(6, 3, 96, 2, 1),
    _Stage(6, 5, 192, 4, 2),
    _Stage(6, 3, 320, 1, 1),
)
_EFFICIENTNET_B0 = (
    _Stage(1, 3, 16, 1, 1, True),
    _Stage(6, 3, 24, 2, 2, True),
    _Stage(6, 5, 40, 2, 2, True),
    _Stage(6, 3, 80, 3, 2, True),
    _Stage(6, 5, 112, 3, 1, True),
    _Stage(6, 5, 192, 4, 2, True),
    _Stage(6, 3, 320, 1, 1, True),
)


def _network(stages: tuple[_Stage, ...], width: float, activation: str) -> Arch:
    """The squeeze is a quarter of the block's *input* width, its gate a sigmoid; 1280 never scales."""
    blocks: list[Block] = []
    stem = channels = make_divisible(32 * width)
    for stage in stages:
        for index in range(stage.repeats):
            squeeze = max(1, channels // 4) if stage.squeeze_excite else 0
            channels_in, channels = channels, make_divisible(stage.out * width)
            blocks.append(
                InvertedResidual(
                    channels,
                    kernel=stage.kernel,
                    inner=channels_in * stage.expansion,
                    stride=stage.stride if index == 0 else 1,
                    squeeze_excite=stage.squeeze_excite,
                    squeeze=squeeze,
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
