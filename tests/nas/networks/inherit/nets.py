"""Networks for the tests of inheriting: trained-looking parents, children as built, archs that contain others."""

from dataclasses import replace
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from blocks import BLOCKS, Block, UserError
from nas import build
from nas.networks.building import Network
from search_spaces import Arch
from tests import strategies
from tests.references import randomise

SIDE = 24
CLASSES = 5


def parent_of(arch: Arch, classes: int = CLASSES, side: int = SIDE) -> Network:
    """With random numbers at which every layer puts out values of unit scale, in double precision."""
    network = randomise(build(arch, classes, side, final=1))
    assert isinstance(network, Network)
    return network


def child_of(arch: Arch, classes: int = CLASSES, side: int = SIDE) -> Network:
    """As it is built, branches that start closed included, but with other numbers of unit scale."""
    network = build(arch, classes, side, final=1).double().eval()
    closed = {
        name: module.weight.detach() == 0
        for name, module in network.named_modules()
        if isinstance(module, nn.BatchNorm2d)
    }
    randomise(network, seed=1)
    with torch.no_grad():
        for name, where in closed.items():
            for leaf in ("weight", "bias"):
                network.get_parameter(f"{name}.{leaf}")[where] = 0
    return network


def pictures(count: int = 4, side: int = SIDE) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(count, 3, side, side, generator=draw, dtype=torch.float64)


@st.composite
def of_kind(draw: st.DrawFn, kind: type[Block]) -> Arch:
    """A stem, runs of blocks of one kind, a head."""
    stem = draw(strategies.stems)
    width, blocks = stem.out, list[Block]()
    for _ in range(draw(st.integers(1, 2))):
        block = draw(strategies.blocks_behind(width, kind)).canonical(width)
        blocks.append(block)
        width = block.out
        if (after := _following(block.explicit(stem.out), width)) is not None:
            blocks += [after] * draw(st.integers(0, 2))
    return Arch(stem, tuple(blocks), draw(strategies.heads))


def _following(block: Block, width: int) -> Block | None:
    """What may stand behind a block in its stage, if anything."""
    try:
        after = block.again(width)
        after.canonical(width)
    except UserError:
        return None
    return after


@st.composite
def grown(draw: st.DrawFn, arch: Arch) -> Arch:
    """An arch that contains another: wider, with larger kernels, more connections, more blocks, squeeze-excite."""
    # Of units that split their channels anew each time, other widths split them otherwise after a few.
    splits = sum(block.token == "ss" for block in arch.blocks)
    factor = draw(st.sampled_from((1, 2))) if splits <= 2 else 1
    blocks: list[Block] = []
    walked = list(arch.walk(1))
    for place, (block, channels, _) in enumerate(walked):
        larger = draw(_larger(block, channels, factor))
        blocks.append(larger)
        follower = walked[place + 1][0] if place + 1 < len(walked) else None
        ends_stage = follower is None or follower.stride > 1 or follower.out != block.out
        if ends_stage and _closes(larger) and draw(st.booleans()):
            after = _following(larger.explicit(channels * factor), larger.out)
            blocks += [after] * draw(st.integers(1, 2)) if after is not None else []
    stem = replace(
        arch.stem, out=arch.stem.out * factor, kernel=draw(st.sampled_from(_from(arch.stem.kernel)))
    )
    head = replace(
        arch.head, conv=arch.head.conv * draw(st.integers(1, 2)), features=arch.head.features * factor
    )
    return Arch(stem, tuple(blocks), head, arch.eps)


def _from(kernel: int) -> tuple[int, ...]:
    return tuple(size for size in (3, 5, 7) if size >= kernel)


@st.composite
def _larger(draw: st.DrawFn, block: Block, channels: int, factor: int) -> Block:
    explicit: Any = block.explicit(channels)
    names, groups = block.names(), getattr(block, "groups", 1)
    changes: dict[str, Any] = {"out": block.out * factor}
    if "kernel" in names:
        changes["kernel"] = draw(st.sampled_from(_from(explicit.kernel)))
    inner = block.inner_width(channels)
    if "inner" in names and inner and (block.token != "bz" or explicit.inner):
        # Shuffled groups of another width read other channels: no larger one contains them.
        times = draw(st.sampled_from((1, 2))) if groups == 1 else 1
        plain = block.token == "ir" and block.is_plain(channels)
        changes["inner"] = channels * factor if plain else inner * times
    if block.token == "inc":
        widths = explicit.widths()
        for name in ("one", "reduce_three", "three", "reduce_wide", "wide"):
            changes[name] = getattr(widths, name) * factor
    if groups > 1:
        changes["groups"] = draw(st.sampled_from((groups, 1)))
    if "squeeze_excite" in names and getattr(block, "first_depthwise", True) and draw(st.booleans()):
        changes["squeeze_excite"] = True
    larger: Any = replace(explicit, **changes)
    if larger.is_plain(channels * factor) != block.is_plain(channels):
        larger = replace(larger, inner=larger.inner * 2)
    return larger  # type: ignore[no-any-return]


def _closes(block: Block) -> bool:
    """Whether a copy behind it starts as its shortcut, whatever comes in."""
    rectified = getattr(block, "activation", "RE") in ("RE", "RE6")
    return {
        "ir": getattr(block, "shortcut", False) and not getattr(block, "activated_bottleneck", False),
        "sg": getattr(block, "shortcut", False)
        and getattr(block, "identity", 1) == 1
        and getattr(block, "last_depthwise", False),
        "xc": True,
        "rb": rectified,
        "gs": rectified,
        "bz": rectified,
    }.get(block.token, False)


KINDS = tuple(BLOCKS.values())
