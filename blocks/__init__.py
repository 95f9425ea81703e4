"""The primitives, as options and torch modules. This package knows nothing of searching.

Names are imported when they are first asked for: torch takes seconds, which the help of a command or a message
about a wrong option need not cost.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from blocks.errors import UserError

if TYPE_CHECKING:
    from blocks.base import Block
    from blocks.blaze import Blaze
    from blocks.bottleneck import Bottleneck
    from blocks.ends import Head, Stem
    from blocks.inception import Inception
    from blocks.inverted_residual import InvertedResidual
    from blocks.layers import make_divisible
    from blocks.register import BLOCKS
    from blocks.sandglass import SandGlass
    from blocks.separable import Separable
    from blocks.shufflenet import GroupShuffle, SplitShuffle
    from blocks.xception import Xception

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


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'blocks' has no attribute {name!r}")
    home = {"Head": "ends", "Stem": "ends", "make_divisible": "layers"}.get(name, "register")
    return getattr(import_module(f"blocks.{home}"), name)
