"""What can be switched in the blocks of a network: each component a function from an arch to archs by label.

A function gives every label it knows: one that changes nothing gives the arch itself (and is reported as
identical), one that cannot be built gives the error that says why.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from blocks import Block, UserError
from nas.ablate.stages import inputs, mapped, swapped
from nas.ablate.study import Component, Made, attempt
from search_spaces.arch import Arch

ON, OFF = {False: True}, {True: False}
_SQUEEZE = ("squeeze", "squeeze_activation", "gate")


def option(
    name: str,
    label: str,
    option: str,
    values: Mapping[str, Mapping[Any, Any]],
    plain: Mapping[Any, Any] | None = None,
    *,
    ends: bool = False,
) -> Component:
    """A component that replaces values of one option of the blocks (with `ends`, of stem and head too), by label."""
    swap = partial(swapped, option=option, ends=ends)

    def make(arch: Arch) -> Made:
        return {key: attempt(partial(swap, values=new), arch) for key, new in values.items()}

    return Component(name, label, make, None if plain is None else partial(swap, values=plain))


def squeeze_excite(arch: Arch) -> Made:
    """Off everywhere, on everywhere; where it is new it is like the arch's own, else MobileNetV3's."""
    return {"off": without_squeeze_excite(arch), "on": attempt(_with_squeeze_excite, arch)}


def without_squeeze_excite(arch: Arch) -> Arch:
    """No squeeze-excite."""
    return swapped(arch, "squeeze_excite", OFF)


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


def rectified(arch: Arch) -> Arch:
    """ReLU for every smooth activation."""
    return swapped(arch, "activation", dict.fromkeys(("HS", "SI", "HSopen"), "RE"), ends=True)


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


def ungrouped(arch: Arch) -> Arch:
    """Dense pointwise convolutions."""
    return swapped(arch, "groups", dict.fromkeys(range(2, 65), 1))
