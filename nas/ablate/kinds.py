"""From one kind of block with an expansion to another, so that nothing but the kind changes.

A stage has a narrow width c and an expansion t. The inverted residual carries c between its blocks and c * t
inside, the SandGlass c * t between and c inside: the shortcut moves from the narrow maps to the wide ones. A
stage without an expansion stays as it is: it has no bottleneck to move.
"""

from dataclasses import replace
from fractions import Fraction
from itertools import permutations
from statistics import median_low

from blocks import BLOCKS, Block, InvertedResidual
from nas.ablate.stages import inputs, narrow_inputs, runs
from nas.ablate.study import Made, attempt
from search_spaces.arch import Arch

_WIDTHS = {"out", "inner", "expansion"}


def kind(arch: Arch) -> Made:
    """Inverted residuals to SandGlasses and back, and any two others that expand."""
    kinds = [kind for kind in BLOCKS.values() if kind.expands]
    return {
        f"{one.token} -> {other.token}": attempt(switched, arch, one, other)
        for one, other in permutations(kinds, 2)
    }


def to_inverted_residual(arch: Arch) -> Arch:
    """Every block that expands as an inverted residual; UserError where it cannot be built."""
    for kind in BLOCKS.values():
        if kind.expands and kind is not InvertedResidual:
            arch = switched(arch, kind, InvertedResidual)
    return arch


def switched(arch: Arch, source: type[Block], target: type[Block]) -> Arch:
    """Every block of one kind as another, by its stage's narrow width; UserError where it cannot be built.

    What expands inside gets one t a stage: the lower median of its blocks', the first one's only where it is alone.
    """
    options = (source.names() & target.names()) - _WIDTHS
    channels, narrow = inputs(arch), narrow_inputs(arch)
    blocks: list[Block] = []
    for stage, members in runs(arch):
        expanding = {
            place: block.ratio(channels[place], narrow[place])
            for place, block in enumerate(members, stage.start)
            if block.token == source.token and not block.is_plain(channels[place])
        }
        later = [t for place, t in expanding.items() if place > stage.start]
        median = median_low(later or expanding.values()) if expanding else None
        for place, block in enumerate(members, stage.start):
            t = Fraction(block.out, stage.width) if source.expands == "between" else median  # exactly its own
            if block.token != source.token or t is None:
                blocks.append(block)
                continue
            kept = {name: getattr(block, name) for name in options}
            blocks.append(target.in_stage(narrow[place], stage.width, t, kept, first=place == stage.start))
    return replace(arch, blocks=tuple(blocks))
