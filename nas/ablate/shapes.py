"""What can be changed in the shape of a network: expansion, ends, depth, width.

As in `switches`, each function gives its archs by label, and the reason where one cannot be built.
"""

from dataclasses import replace

from blocks import InvertedResidual, UserError
from nas.ablate.stages import Span, explicit, inputs, mapped, runs, scaled, stages, with_stem
from nas.ablate.study import Made, attempt
from search_spaces.arch import Arch


def expansion(arch: Arch) -> Made:
    """The same t everywhere, 3, 4 or 6; blocks without an expansion keep none.

    It is taken of the narrow width before the block, as in the spaces; a SandGlass gets wider maps between.
    """

    def fixed(t: int) -> Arch:
        return mapped(arch, lambda block, channels, narrow: block.expanded(t, channels, narrow))

    return {f"t = {t}": attempt(fixed, t) for t in (3, 4, 6)}


def last_stage(arch: Arch) -> Made:
    """MobileNetV3's efficient last stage to the one that it replaced (section 5.1, figure 5), and back.

    The original has one more block, to twice the width, and its last convolution before the pooling.
    """
    return {
        "efficient -> original": original_last_stage(arch),
        "original -> efficient": _efficient_last_stage(arch),
    }


def original_last_stage(arch: Arch) -> Arch:
    """The arch itself where its last stage is not the efficient one."""
    head, width = arch.head, arch.channels
    if not (head.conv and head.features):
        return arch
    block = InvertedResidual(2 * width, inner=head.conv, activation=head.activation)
    return replace(arch, blocks=(*arch.blocks, block), head=replace(head, conv=head.features, features=0))


def _efficient_last_stage(arch: Arch) -> Arch:
    """The arch itself where it does not end in an expanding block of its own stage and one convolution."""
    *blocks, last = explicit(arch)
    *_, (_, members) = runs(arch)
    head, channels = arch.head, inputs(arch)[-1]
    inner = last.inner_width(channels) or 0
    wider = last.expands == "inside" and last.stride == 1 and inner > last.out
    if not blocks or len(members) > 1 or not wider or not head.conv or head.features:
        return arch
    return replace(arch, blocks=tuple(blocks), head=replace(head, conv=inner, features=head.conv))


def stem(arch: Arch) -> Made:
    """Twice and half as wide: 16 -> 32 is what MobileNetV3 saves."""
    out = arch.stem.out
    others = [2 * out, out // 2] if out % 16 == 0 else [2 * out]
    return {f"{out} -> {new}": attempt(with_stem, arch, replace(arch.stem, out=new)) for new in others}


def depth(arch: Arch) -> Made:
    """One block more and one less, in each stage; the new one is the last one again, at stride 1."""
    blocks, channels = explicit(arch), inputs(arch)

    def longer(end: int) -> Arch:
        more = blocks[end - 1].again(channels[end - 1])
        return replace(arch, blocks=(*blocks[:end], more, *blocks[end:]))

    def shorter(stage: Span) -> Arch:
        if stage.end - stage.start == 1:
            raise UserError(f"{stage} has only the block that begins it")
        return replace(arch, blocks=(*blocks[: stage.end - 1], *blocks[stage.end :]))

    made: dict[str, Arch | UserError] = {}
    for stage in stages(arch):
        made[f"+1 in stage {stage.number}"] = attempt(longer, stage.end)
        made[f"-1 in stage {stage.number}"] = attempt(shorter, stage)
    return made


def width(arch: Arch) -> Made:
    """All widths at 0.75 and 1.25 times, in steps of 8."""
    return {f"x {factor:g}": attempt(scaled, arch, factor) for factor in (0.75, 1.25)}
