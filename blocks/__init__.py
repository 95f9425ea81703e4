"""The primitives, as options and torch modules. This package knows nothing of searching.

`BLOCKS` is the register: a new primitive is one new file here and one line in it.
"""

from blocks.base import Block
from blocks.blaze import Blaze
from blocks.bottleneck import Bottleneck
from blocks.ends import Head, Stem
from blocks.errors import UserError
from blocks.inception import Inception
from blocks.inverted_residual import InvertedResidual
from blocks.layers import make_divisible
from blocks.sandglass import SandGlass
from blocks.separable import Separable
from blocks.shufflenet import GroupShuffle, SplitShuffle
from blocks.xception import Xception

BLOCKS: dict[str, type[Block]] = {
    block.token: block
    for block in (
        InvertedResidual,
        SandGlass,
        GroupShuffle,
        SplitShuffle,
        Separable,
        Bottleneck,
        Inception,
        Xception,
        Blaze,
    )
}

__all__ = [
    "BLOCKS",
    "Blaze",
    "Block",
    "Bottleneck",
    "GroupShuffle",
    "Head",
    "Inception",
    "InvertedResidual",
    "SandGlass",
    "Separable",
    "SplitShuffle",
    "Stem",
    "UserError",
    "Xception",
    "make_divisible",
]
