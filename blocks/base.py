"""What a primitive of the trunk is: a frozen dataclass of options that builds a torch module."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any, ClassVar, Self

from torch import nn

from blocks.errors import UserError
from blocks.layers import Norm, make_divisible
from blocks.options import check, encode


class Block(ABC):
    """A primitive of the trunk: float [N, in, H, W] to float [N, out, ceil(H / stride), ceil(W / stride)].

    A subclass is a frozen dataclass whose fields are made by `blocks.options.option`, `out` first, with a
    field `stride`. It does not know its input channels: these come from the block before it.
    """

    token: ClassVar[str]
    out: int
    stride: int

    def __post_init__(self) -> None:
        check(self)  # type: ignore[arg-type]  # every subclass is a dataclass

    def __str__(self) -> str:
        return encode(self)  # type: ignore[arg-type]

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

    # How it stands in a stage: a narrow width c and an expansion t. What follows holds for a primitive that carries
    # c between blocks and has no expansion; another says how it differs, in its own file.

    @classmethod
    def staged(cls, narrow: int, width: int, expansion: float, *, first: bool) -> dict[str, Any]:
        """The options that give it a stage's width, behind a narrow width; `first` where it begins the stage."""
        return {"out": width}

    def narrow_width(self, in_channels: int) -> int:
        """The width that counts as the stage's."""
        return self.out

    def stage_expansion(self, narrow: int, in_channels: int) -> float | None:
        """The t of its stage, `narrow` being the width before it; None where it has none."""
        return None

    def explicit(self, in_channels: int) -> Self:
        """The same with its inner width as a number, so that it means the same behind another width."""
        return self

    def is_plain(self, in_channels: int) -> bool:
        """Whether it could have an expansion and has none."""
        return False

    def behind(self, in_channels: int, now: int) -> Self:
        """An explicit block whose input goes from `in_channels` to `now` and whose own widths stay."""
        return self

    def expanded(self, narrow: int, in_channels: int, expansion: float) -> Self:
        """An explicit block with another t of the narrow width before it; without an expansion it keeps none."""
        return self

    def repeated(self, in_channels: int) -> Self:
        """An explicit block as it follows itself within its stage: at stride 1."""
        return replace(self, stride=1)  # type: ignore[type-var]  # every primitive is a dataclass

    def resized(self, channels: tuple[int, int], narrow: tuple[int, int], width: tuple[int, int]) -> Self:
        """An explicit block in resized surroundings: its input, its narrow input and its stage, each (old, new).

        Widths that it leaves open at 0 and that are given follow its output's.
        """
        old, new = width
        given: dict[str, Any] = {
            spec.name: max(1, round(getattr(self, spec.name) * new / old))
            for spec in fields(self)  # type: ignore[arg-type]
            if spec.type is int and spec.metadata["minimum"] == 0 and getattr(self, spec.name)
        }
        return replace(self, out=new, **given)  # type: ignore[type-var]


def proportional(width: int, old: int, new: int) -> int:
    """A width that follows one which goes from `old` to `new`: a multiple of 8, or itself where nothing changes."""
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
