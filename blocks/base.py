"""What a primitive of the trunk is: a frozen dataclass of options that builds a torch module."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import lru_cache
from typing import ClassVar, Self

from torch import nn

from blocks.errors import UserError
from blocks.layers import Norm
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
