"""The register of the primitives: a new one is one new file beside this one and one line in `BLOCKS`."""

from blocks.base import Block
from blocks.blaze import Blaze
from blocks.bottleneck import Bottleneck
from blocks.inception import Inception
from blocks.inverted_residual import InvertedResidual
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
