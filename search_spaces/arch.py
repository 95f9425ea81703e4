"""An architecture is a value: stem, blocks, head. Its one line of text is its identity.

    stem16_HS-ir16-ir24_t4_s2-ir24_t3-2xir40_k5_t3_se-head960_f1280_HS

Parts are joined by hyphens, runs of equal blocks carry a count, options at their defaults are not
written, and options without effect are dropped before identity: one network has one text. The text needs
no quoting in a shell.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from typing import Self

from blocks import BLOCKS, Block, Head, Stem, UserError
from blocks.options import decode
from blocks.sizes import Size, shrunk, smaller, told

DEFAULT_EPS = 1e-5
MOST_BLOCKS = 1000  # a mistyped count must not fill the memory
_PART = re.compile(r"((?P<count>[0-9]{1,18})x)?(?P<token>[a-z]+)(?P<options>\S*)")
_EPS = re.compile(r"0\.[0-9]+")


@dataclass(frozen=True)
class Arch:
    """A network without its number of classes and its resolution: frozen, hashable, printable.

    `eps` is the batch norms' (1e-5 in torch and V2, 1e-3 in V3). Blocks are made canonical on
    construction, so that equal networks compare equal. Raises UserError where blocks do not fit together.
    """

    stem: Stem
    blocks: tuple[Block, ...]
    head: Head = Head()
    eps: float = DEFAULT_EPS

    def __post_init__(self) -> None:
        if not self.blocks:
            raise UserError("an arch needs at least one block between stem and head")
        if not 0 < self.eps < 1:
            raise UserError(f"eps is {self.eps!r}, expected a number between 0 and 1")
        channels, canonical = self.stem.out, []
        for index, block in enumerate(self.blocks, 1):
            try:
                canonical.append(_canonical(block, channels))
            except UserError as error:
                raise UserError(f"block {index} ({block} behind {channels} channels): {error}") from None
            channels = block.out
        object.__setattr__(self, "blocks", tuple(canonical))
        object.__setattr__(self, "head", self.head.canonical())

    def __str__(self) -> str:
        parts = [str(self.stem)]
        for text, run in groupby(map(str, self.blocks)):
            count = len(list(run))
            parts.append(text if count == 1 else f"{count}x{text}")
        if self.head != Head():
            parts.append(str(self.head))
        if self.eps != DEFAULT_EPS:
            parts.append(f"eps{Decimal(repr(self.eps)):f}")  # every digit, no exponent
        return "-".join(parts)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The arch that `text` says; `Arch.parse(str(arch)) == arch`.

        Raises UserError with the position and what was expected there.
        """
        stem: Stem | None = None
        blocks: list[Block] = []
        head, eps = None, None
        position = 0
        for part in text.split("-"):
            match = _PART.fullmatch(part)
            if match is None:
                raise UserError(f"at position {position}: {part!r} is no part of an arch; {_grammar()}")
            token, count = match["token"], int(match["count"] or 1)
            start = position + match.start("token")
            body = part[match.start("token") :]
            if (head is not None and token != "eps") or eps is not None:
                raise UserError(f"at position {position}: {part!r} stands behind the end; {_grammar()}")
            misplaced = (stem is None) != (token == "stem")
            counted_end = match["count"] and token in ("stem", "head", "eps")
            if misplaced or counted_end or not 0 < count <= MOST_BLOCKS:
                raise UserError(f"at position {position}: {part!r} cannot stand here; {_grammar()}")
            if token == "stem":
                stem = decode(Stem, body, start)
            elif token == "head":
                head = decode(Head, body, start)
            elif token == "eps":
                eps = _eps(match["options"], start)
            elif token in BLOCKS:
                blocks += [decode(BLOCKS[token], body, start)] * count
            else:
                raise UserError(f"at position {start}: {token!r} is no block; {_grammar()}")
            position += len(part) + 1
        assert stem is not None  # the first part is the stem or was refused
        return cls(stem, tuple(blocks), head or Head(), eps or DEFAULT_EPS)

    @property
    def channels(self) -> int:
        """Width of the last map, before the head."""
        return self.blocks[-1].out

    def walk(self, resolution: Size) -> Iterator[tuple[Block, int, Size]]:
        """Each block with its input channels and the size of its input map."""
        channels, size = self.stem.out, shrunk(resolution, self.stem.reduction)
        for block in self.blocks:
            yield block, channels, size
            channels, size = block.out, shrunk(size, block.stride)

    def final_size(self, resolution: Size) -> Size:
        """Size of the last map for images of this resolution."""
        size = shrunk(resolution, self.stem.reduction)
        for block in self.blocks:
            size = shrunk(size, block.stride)
        return size

    def fitted(self, resolution: Size, final: int = 2) -> Self:
        """The arch as it is built for small images: strides are removed from the last block backward.

        Until the smaller side of the last map is at least `final`; the stem keeps its stride. Unchanged where the
        map is large enough (224 x 224 leaves 7 x 7). Raises UserError where even that is not enough.
        """
        blocks = list(self.blocks)
        index = len(blocks)
        arch = self
        while smaller(arch.final_size(resolution)) < final:
            index = next((i for i in reversed(range(index)) if blocks[i].stride > 1), -1)
            if index < 0:
                raise UserError(
                    f"a resolution of {resolution} is too small for {self}: the stem alone leaves "
                    f"{_left(arch.final_size(resolution))}, {final} are needed"
                )
            blocks[index] = replace(blocks[index], stride=1)
            arch = replace(self, blocks=tuple(blocks))
        return arch


def _left(size: Size) -> str:
    return (
        f"{size} pixels" if isinstance(size, int) else f"{told(size)} pixels of which the smaller side counts"
    )


@lru_cache(maxsize=65536)
def _canonical(block: Block, in_channels: int) -> Block:
    return block.canonical(in_channels)


def _eps(digits: str, position: int) -> float:
    if not _EPS.fullmatch(digits) or not float(digits):
        raise UserError(f"at position {position}: eps is {digits!r}, expected a decimal such as eps0.001")
    return float(digits)


def _grammar() -> str:
    kinds = ", ".join(BLOCKS)
    return f"expected stem, then blocks ({kinds}; 2xir24 for two alike), then optionally head, then eps"
