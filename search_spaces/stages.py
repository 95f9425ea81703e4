"""The values of which a space is made: what a stage leaves to choose, one choice, the block that choices make.

A stage has a narrow width c and an expansion t. The inverted residual carries
c between its blocks and c * t inside, the SandGlass carries c * t between and c inside, so that switching
the kind moves the shortcut and changes nothing else. The first block of a stage changes width and
resolution: it takes the stage's kind, expansion and activation and is otherwise plain (3x3, ungrouped,
without squeeze-excite; a SandGlass without its first depthwise, as MobileNeXt's). That keeps the number of
distinct (block, input, resolution) entries, and with it the tables of costs and latencies, small.

A stage may list any other primitive as a kind. They carry c * t between them, as the SandGlass does: ResNet's
bottleneck and ShuffleNetV1's unit with c inside, those without an expansion of their own as wide as the others are at
their widest. Each takes the options that it has, and a choice that it lacks has no effect on it. ShuffleNetV1's unit is
grouped where it begins a stage too, and where no unit can stand, since it only ever widens, a depthwise-separable
convolution does. A stage of one block has that plain one alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from itertools import product
from typing import Any

from blocks import BLOCKS, Block, InvertedResidual, SandGlass, UserError
from blocks.base import Place
from blocks.errors import shown
from blocks.layers import ACTIVATIONS

Value = str | int | float | bool
Params = Mapping[str, Value]
"""A point: one choice a live dimension, `{"s1.width": 24, "s1.depth": 2, "s1.block": "ir", ...}`."""

KINDS = (InvertedResidual.token, SandGlass.token)
MOST_CHOICES = 64
"""Of one kind."""
FIRST = ("block", "expansion", "activation")
"""What the first block of a stage takes from its stage, besides what its kind `begins_with`."""


_REST = ("activation", "kernel", "squeeze_excite", "groups")
"""What the other blocks take from it."""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@dataclass(frozen=True)
class Choices:
    """What each block of a stage may be."""

    block: tuple[str, ...] = KINDS
    kernel: tuple[int, ...] = (3, 5)
    expansion: tuple[float, ...] = (2, 3, 4, 6)
    squeeze_excite: tuple[bool, ...] = (False, True)
    activation: tuple[str, ...] = ("RE", "HS")
    groups: tuple[int, ...] = (1, 2, 4)

    def __post_init__(self) -> None:
        known: dict[str, tuple[Value, ...]] = {
            "block": tuple(BLOCKS),
            "kernel": (3, 5, 7),
            "squeeze_excite": (False, True),
            "activation": tuple(ACTIVATIONS),
            "groups": (1, 2, 3, 4, 8),  # 3 asks for widths that it divides, the others for none
        }
        for spec in fields(self):
            values = getattr(self, spec.name)
            for value in values:
                allowed = known.get(spec.name, ())
                if allowed and not any(type(value) is type(a) and value == a for a in allowed):
                    expected = ", ".join(map(str, allowed))
                    raise UserError(f"space: {spec.name} {shown(value)}, expected one of {expected}")
                if not allowed and not (_is_number(value) and 1 <= value <= 64):
                    raise UserError(f"space: {spec.name} {shown(value)}, expected a number from 1 to 64")
            if not 0 < len(values) == len(set(values)) <= MOST_CHOICES:
                raise UserError(f"space: {spec.name} is {shown(list(values))}, expected distinct choices")

    @property
    def first(self) -> tuple[str, ...]:
        """The names of those that the first block of a stage has an effect of, whatever its kind."""
        more = {name for kind in self.block for name in BLOCKS[kind].begins_with}
        return (*FIRST, *sorted(more))

    def all(self, names: Sequence[str] | None = None) -> Iterator[dict[str, Value]]:
        """Every combination, of all of them or of these."""
        names = [spec.name for spec in fields(self)] if names is None else names
        for values in product(*(getattr(self, name) for name in names)):
            yield dict(zip(names, values, strict=True))

    def live(self, *, first: bool) -> Iterator[dict[str, Value]]:
        """Every combination of what has an effect, of the first block of a stage or of any other, kind by kind."""
        for kind in self.block:
            yield from replace(self, block=(kind,)).all(live_options(kind, first=first))


@cache
def live_options(kind: str, *, first: bool) -> tuple[str, ...]:
    """The names of the choices that a block of this kind has an effect of; `first`: where it begins a stage."""
    block = BLOCKS[kind]
    names = ("activation", *block.begins_with) if first else _REST
    return "block", "expansion", *(name for name in names if name in block.names())


@dataclass(frozen=True)
class Stage:
    """Narrow widths (multiples of 8) and numbers of blocks to choose from; the stride of the first block."""

    width: tuple[int, ...]
    depth: tuple[int, ...]
    stride: int = 1
    choices: Choices = Choices()

    def __post_init__(self) -> None:
        for name, values, least, step in (("width", self.width, 8, 8), ("depth", self.depth, 1, 1)):
            good = all(type(v) is int and least <= v <= 4096 and v % step == 0 for v in values)
            if not (good and 0 < len(values) == len(set(values)) <= MOST_CHOICES):
                steps = f" in steps of {step}" if step > 1 else ""
                expected = f"at most {MOST_CHOICES} distinct numbers from {least}{steps}"
                raise UserError(f"space: {name} is {shown(list(values))}, expected {expected}")
        if type(self.stride) is not int or self.stride not in (1, 2):
            raise UserError(f"space: stride is {shown(self.stride)}, expected 1 or 2")


@dataclass(frozen=True)
class Dimension:
    """One choice to make: an option of a stage (the head counts as the last), or of one block of it, from 0."""

    name: str
    choices: tuple[Value, ...]
    stage: int
    option: str
    block: int | None = None


def stage_block(
    choice: Mapping[str, Value], narrow: int, width: int, stride: int, *, first: bool, channels: int
) -> Block:
    """A block of a stage of `width` behind a narrow width and so many channels.

    The first one is plain and carries the stride.
    """
    name = str(choice["block"])
    kind, expansion = BLOCKS[name], float(choice["expansion"])
    options: dict[str, Any] = {option: choice[option] for option in live_options(name, first=first)[2:]}
    if first:
        options["stride"] = stride
    return kind.in_stage(Place(narrow, width, expansion, channels, first), options)
