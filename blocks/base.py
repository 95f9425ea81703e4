"""What a primitive of the trunk is: a frozen dataclass of options that builds a torch module."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, fields, replace
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any, ClassVar, Literal, Self

from torch import nn

from blocks.errors import UserError
from blocks.layers import Norm, make_divisible
from blocks.options import check, encode

Change = tuple[int, int]
"""A width before and after a change."""


@dataclass(frozen=True)
class Place:
    """Where a block stands: in a stage of the narrow width `width`, c, and of the expansion t.

    It stands behind `channels` channels and the narrow width `narrow`; `first` says whether it begins the stage.
    """

    narrow: int
    width: int
    expansion: float | Fraction
    channels: int
    first: bool

    @property
    def wide(self) -> int:
        """c * t, to a multiple of 8: between the blocks, or inside, of a stage at its widest."""
        return make_divisible(float(self.width * self.expansion))


class Block(ABC):
    """A primitive of the trunk: float [N, in, H, W] to float [N, out, ceil(H / stride), ceil(W / stride)].

    A subclass is a frozen dataclass whose fields are made by `blocks.options.option`, `out` first, with a
    field `stride`. It does not know its input channels: these come from the block before it.

    What spaces and ablations ask of a block is a method here, with an answer that suits a primitive without an
    expansion; one that has more to say overrides it in its own file. A stage has a narrow width c and an expansion t:
    `expands` says whether c * t lies inside the block (the inverted residual) or between blocks (the SandGlass);
    `begins_with` names the options that the block keeps where it begins a stage, besides its activation.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    token: ClassVar[str]
    expands: ClassVar[Literal["inside", "between"] | None] = None
    begins_with: ClassVar[tuple[str, ...]] = ()
    out: int
    stride: int

    def __post_init__(self) -> None:
        check(self)

    def __str__(self) -> str:
        return encode(self)

    @abstractmethod
    def canonical(self, in_channels: int) -> Self:
        """The same function written the one way it is written: options without effect at their defaults.

        Raises UserError where the block cannot be built behind `in_channels` channels.
        """

    @abstractmethod
    def build(self, in_channels: int, norm: Norm) -> nn.Module:
        """The torch module; `self` must be canonical for `in_channels`."""

    def inner_width(self, in_channels: int) -> int | None:
        """Channels between the block's ends, which tables print as its expansion; None where it has none."""
        return None

    def with_options(self, options: Mapping[str, Any]) -> Self:
        """The same with other values of those of these options that it has."""
        return replace(self, **{name: value for name, value in options.items() if name in self.names()})

    @classmethod
    @cache
    def names(cls) -> frozenset[str]:
        """Of its options."""
        return frozenset(spec.name for spec in fields(cls))

    # In a stage ----------------------------------------------------------------------------------------

    @classmethod
    def in_stage(cls, place: Place, options: Mapping[str, Any]) -> "Block":
        """The block at this place of a stage, with other options.

        A primitive that says nothing else carries c * t: the width that others have at their widest.
        """
        return cls(place.wide, **options)  # type: ignore[call-arg]  # every subclass is a dataclass, `out` first

    def narrow_width(self, in_channels: int) -> int:
        """What counts as its stage's width: the output, unless blocks are wider outside than inside."""
        return self.out

    def ratio(self, in_channels: int, narrow: int) -> float:
        """The expansion t, where it lies inside of the narrow width before the block; 1 without one."""
        return 1.0

    def is_plain(self, in_channels: int) -> bool:
        """Whether it lacks the expansion that its kind may have: t = 1."""
        return False

    # At other widths -----------------------------------------------------------------------------------

    def explicit(self, in_channels: int) -> Self:
        """The same with its inner width as a number, so that it means the same behind another width."""
        return self

    def behind(self, in_channels: int, now: int) -> Self:
        """The explicit block behind `now` channels: without an expansion it keeps none, else nothing changes."""
        return self

    def expanded(self, expansion: int, in_channels: int, narrow: int) -> Self:
        """The explicit block at another expansion, of the narrow width before it; itself where it has none."""
        return self

    def again(self, in_channels: int) -> Self:
        """The block that may follow the explicit one in its stage: the same, at stride 1."""
        return replace(self, stride=1)

    def resized(self, channels: Change, narrow: Change, own: Change) -> Self:
        """The explicit block at another narrow width (`own`), behind other channels and another narrow width.

        The widths that it leaves open at 0 and that are given follow its own.
        """
        old, new = own
        given = {
            spec.name: max(1, round(getattr(self, spec.name) * new / old))
            for spec in fields(self)
            if spec.type is int and spec.metadata["minimum"] == 0 and getattr(self, spec.name)
        }
        return replace(self, out=new, **given)


def in_ratio(width: int, change: Change) -> int:
    """A width that keeps its ratio to one that changes: to a multiple of 8."""
    old, new = change
    return width if old == new else make_divisible(width * new / old)


def need_divisible(kind: str, groups: int, **channels: int) -> None:
    """Raise UserError, naming what it is, where a number of channels is not divisible by the groups."""
    for name, count in channels.items():
        if count % groups:
            raise UserError(f"{kind}: {name} of {count} cannot be divided into {groups} groups")


@lru_cache(maxsize=65536)
def shortest_ratio(width: int, base: int, rule: Callable[[int, float], int]) -> float | None:
    """The expansion with the fewest decimals (two at most) that `rule(base, expansion)` turns into `width`.

    So that one inner width has one text. None where there is no such expansion.
    """
    estimate = max(width, base) / min(width, base)
    for decimals in (0, 1, 2):
        scale = 10**decimals
        nearest = round(estimate * scale)
        for step in (0, -1, 1):
            ratio = (nearest + step) / scale
            if ratio > 0 and rule(base, ratio) == width:
                return ratio
    return None
