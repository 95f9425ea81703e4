"""What can be switched in the blocks of a network: each component a function from an arch to archs by label.

A function gives every label it knows: one that changes nothing gives the arch itself (and is reported as
identical), one that cannot be built gives the error that says why.
"""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import permutations
from statistics import median_low
from typing import Any

from blocks import BLOCKS, Block, InvertedResidual, UserError
from blocks.base import Place
from nas.ablate.stages import inputs, mapped, narrow_inputs, runs, swapped
from nas.ablate.study import Component, Made, attempt
from search_spaces.arch import DEFAULT_EPS, Arch

ON, OFF = {False: True}, {True: False}
_SQUEEZE = ("squeeze", "squeeze_activation", "gate")


def option(
    name: str,
    values: Mapping[str, Mapping[Any, Any]],
    option: str = "",
    *,
    plain: Mapping[Any, Any] | None = None,
    ends: bool = False,
) -> Component:
    """A component that replaces values of one option of the blocks (with `ends`, of stem and head too), by label.

    The option has the component's name where no other is given.
    """
    swap = partial(swapped, option=option or name, ends=ends)

    def make(arch: Arch) -> Made:
        return {key: attempt(partial(swap, values=new), arch) for key, new in values.items()}

    return Component(name, make, None if plain is None else partial(swap, values=plain))


def squeeze_excite(arch: Arch) -> Made:
    """Off everywhere, on everywhere; where it is new it is like the arch's own, else MobileNetV3's."""
    return {"off": swapped(arch, "squeeze_excite", OFF), "on": attempt(_with_squeeze_excite, arch)}


def _with_squeeze_excite(arch: Arch) -> Arch:
    own = [
        ({name: getattr(block, name) for name in _SQUEEZE if name in block.names()}, channels)
        for block, channels in zip(arch.blocks, inputs(arch), strict=True)
        if getattr(block, "squeeze_excite", False) and "squeeze" in block.names()
    ]
    from_input = bool(own) and all(like["squeeze"] == max(1, channels // 4) for like, channels in own)
    like = own[0][0] if own else {}

    def change(block: Block, channels: int, narrow: int) -> Block:
        if getattr(block, "squeeze_excite", True):  # it has one, or cannot
            return block
        more = {**like, "squeeze": max(1, channels // 4) if from_input else 0}
        return block.with_options({"squeeze_excite": True, **(more if "squeeze" in block.names() else {})})

    return mapped(arch, change)


def activation(arch: Arch) -> Made:
    """HS -> RE and RE -> HS (ReLU6 counts as ReLU), in stem and head too; SiLU to both where there is any."""
    made: dict[str, Arch | UserError] = {
        "HS -> RE": swapped(arch, "activation", {"HS": "RE"}, ends=True),
        "RE -> HS": swapped(arch, "activation", {"RE": "HS", "RE6": "HS"}, ends=True),
    }
    if any(getattr(part, "activation", "") == "SI" for part in (arch.stem, *arch.blocks, arch.head)):
        for other in ("RE", "HS"):
            made[f"SI -> {other}"] = swapped(arch, "activation", {"SI": other}, ends=True)
    return made


def groups(arch: Arch) -> Made:
    """Pointwise convolutions in 2, 4 and 8 groups with and without the shuffle; ungrouped where they are grouped."""
    now = {getattr(block, "groups", 1) for block in arch.blocks} - {1} or {1}
    start = "/".join(map(str, sorted(now)))

    def regrouped(number: int, shuffle: bool) -> Arch:
        options = {"groups": number, "shuffle": shuffle}
        return mapped(arch, lambda block, channels, narrow: block.with_options(options))

    made: dict[str, Arch | UserError] = {}
    for number in (1, 2, 4, 8):
        if now == {number}:
            continue
        made[f"{start} -> {number}"] = attempt(regrouped, number, True)
        if number > 1:
            made[f"{start} -> {number}, no shuffle"] = attempt(regrouped, number, False)
    return made


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


def kind(arch: Arch) -> Made:
    """Inverted residuals to SandGlasses and back, and any two others that expand, nothing but the kind changing.

    The inverted residual carries a stage's narrow width c between its blocks and c * t inside, the SandGlass c * t
    between and c inside: the shortcut moves from the narrow maps to the wide ones. A stage without an expansion
    stays as it is: it has no bottleneck to move.
    """
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
    options = (source.names() & target.names()) - {"out", "inner", "expansion"}
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
            before = blocks[-1].out if blocks else arch.stem.out
            at = Place(narrow[place], stage.width, t, before, first=place == stage.start)
            blocks.append(target.in_stage(at, kept))
    return replace(arch, blocks=tuple(blocks))
