"""The known wrong copies of docs/traps.md as components, and other options that blocks have by themselves.

Each is one option of the blocks (with `ends`, of stem and head too) and the values that it replaces, by label.
"""

from dataclasses import replace

from blocks import Block
from nas.ablate.stages import mapped, swapped
from nas.ablate.study import Component, Made, attempt
from nas.ablate.switches import OFF, ON, option
from search_spaces.arch import DEFAULT_EPS, Arch


def squeeze(arch: Arch) -> Made:
    """The squeeze of squeeze-excite as a quarter of the block's input (MnasNet) or of its inner width (V3)."""

    def quarter_of_input(block: Block, channels: int, narrow: int) -> Block:
        return block.with_options({"squeeze": max(1, channels // 4)})

    quarter_of_inner = dict.fromkeys({getattr(block, "squeeze", 0) for block in arch.blocks}, 0)
    return {
        "from input": attempt(mapped, arch, quarter_of_input),  # without effect where there is none
        "from inner": attempt(swapped, arch, "squeeze", quarter_of_inner),
    }


def stride_first(arch: Arch) -> Made:
    """The stride on a SandGlass's first depthwise, which it then needs, and on a bottleneck's first 1x1."""

    def change(block: Block, channels: int, narrow: int) -> Block:
        options = {"stride_first": True, "first_depthwise": True}
        return block.with_options(options) if block.stride > 1 else block

    return {"on": attempt(mapped, arch, change)}


def eps(arch: Arch) -> Made:
    """The batch norms' eps of V2 and of V3."""
    return {f"{value:g}": replace(arch, eps=value) for value in (DEFAULT_EPS, 1e-3)}


TRAPS = (
    option(
        "h_swish",
        "h-swish as it is miscopied: from the smooth sigmoid, or without the upper bound",
        "activation",
        {"sigmoid": {"HS": "SI"}, "unbounded": {"HS": "HSopen"}},
        ends=True,
    ),
    option(
        "gate",
        "squeeze-excite's gate: the smooth sigmoid, or a hard one without its upper bound",
        "gate",
        {"sigmoid": {"hsig": "sig"}, "unbounded": {"hsig": "hsigopen"}},
    ),
    option(
        "relu6",
        "ReLU bounded at 6, or not",
        "activation",
        {"RE -> RE6": {"RE": "RE6"}, "RE6 -> RE": {"RE6": "RE"}},
        ends=True,
    ),
    option(
        "relu_after_depthwise",
        "an activation behind ShuffleNetV1's depthwise",
        "relu_after_depthwise",
        {"on": ON},
    ),
    option("shuffle", "the channel shuffle between grouped convolutions", "shuffle", {"off": OFF}),
    option(
        "dense_first", "ShuffleNetV1's first pointwise left dense, or grouped", "dense_first", {"off": OFF}
    ),
    option("layout", "ShuffleNetV2's layout of the paper's figure", "figure", {"figure": ON, "code": OFF}),
    option("first_depthwise", "a first depthwise in every SandGlass", "first_depthwise", {"on": ON}),
    option("identity", "the shortcut of a SandGlass for half of the channels", "identity", {"half": {1: 2}}),
    option("conv_shortcut", "a convolution in the BlazeBlock's shortcut", "conv_shortcut", {"on": ON}),
    Component("stride_first", "the stride in a block's first convolution", stride_first),
    Component("squeeze", "the width from which squeeze-excite's is a quarter", squeeze),
    Component("eps", "batch norm's eps: 1e-5 or 0.001", eps, by_stage=False),
)
