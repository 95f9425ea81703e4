"""From the inverted residual to the SandGlass and back, so that nothing but the kind changes.

A stage has a narrow width c and an expansion t. The inverted residual carries c between its blocks and c * t
inside, the SandGlass c * t between and c inside: the shortcut moves from the narrow maps to the wide ones. A
SandGlass that begins a stage lacks its first depthwise, as MobileNeXt's does, unless a squeeze-excite
needs it. A stage without an expansion stays as it is: it has no bottleneck to move.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median_low
from typing import Any

from blocks import Block, InvertedResidual, SandGlass, make_divisible
from nas.ablate.stages import Span, inputs, is_plain, narrow_inputs, runs
from search_spaces.arch import Arch

_SHARED = ("kernel", "stride", "squeeze_excite", "gate", "activation", "groups", "shuffle")
_UNDONE = ("activated_bottleneck", "shortcut")


def to_sandglass(arch: Arch) -> Arch:
    """Every stage of inverted residuals as one of SandGlasses; UserError where it cannot be built."""
    channels, narrow = inputs(arch), narrow_inputs(arch)
    blocks: list[Block] = []
    for stage, members in runs(arch):
        expansion = _expansion(stage, members, channels, narrow)
        for index, block in enumerate(members):
            if expansion and isinstance(block, InvertedResidual):
                blocks.append(_sandglass(block, make_divisible(stage.width * expansion), index == 0))
            else:
                blocks.append(block)
    return replace(arch, blocks=tuple(blocks))


def to_inverted_residual(arch: Arch) -> Arch:
    """Every SandGlass as an inverted residual of its stage's widths; UserError where it cannot be built."""
    narrow = narrow_inputs(arch)
    blocks: list[Block] = []
    for stage, members in runs(arch):
        for block, before in zip(members, narrow[stage.start : stage.end], strict=True):
            if isinstance(block, SandGlass):
                inner = make_divisible(before * block.out / block.inner)
                blocks.append(InvertedResidual(block.inner, inner=inner, **_common(block)))
            else:
                blocks.append(block)
    return replace(arch, blocks=tuple(blocks))


def _expansion(
    stage: Span, members: Sequence[Block], channels: Sequence[int], narrow: Sequence[int]
) -> float | None:
    """The t of a stage: the lower median of its blocks', the first one's only where it is alone."""
    found = []
    for index, block in enumerate(members, stage.start):
        if not isinstance(block, InvertedResidual) or is_plain(block, channels[index]):
            continue
        found.append((index, block.inner / narrow[index]))
    rest = [t for index, t in found if index > stage.start]
    return median_low(rest or [t for _, t in found]) if found else None


def _sandglass(block: InvertedResidual, wide: int, first: bool) -> SandGlass:
    depthwise = not first or block.squeeze_excite
    return SandGlass(wide, inner=block.out, first_depthwise=depthwise, **_common(block))


def _common(block: InvertedResidual | SandGlass) -> dict[str, Any]:
    """The options that both kinds have."""
    return {name: getattr(block, name) for name in (*_SHARED, *_UNDONE)}
