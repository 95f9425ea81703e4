"""The primitives, as options and torch modules. This package knows nothing of searching.

`BLOCKS` is the register: a new primitive is one new file here and one line in it.
"""

from blocks.base import Block
from blocks.ends import Head, Stem
from blocks.errors import UserError
from blocks.inverted_residual import InvertedResidual
from blocks.layers import make_divisible
from blocks.sandglass import SandGlass
from blocks.shufflenet import GroupShuffle, SplitShuffle

BLOCKS: dict[str, type[Block]] = {
    block.token: block for block in (InvertedResidual, SandGlass, GroupShuffle, SplitShuffle)
}

__all__ = [
    "BLOCKS",
    "Block",
    "GroupShuffle",
    "Head",
    "InvertedResidual",
    "SandGlass",
    "SplitShuffle",
    "Stem",
    "UserError",
    "make_divisible",
]
