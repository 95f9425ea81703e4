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
from blocks.errors import briefly, shown
from blocks.options import decode
from blocks.sizes import Size, shrunk, smaller, told

DEFAULT_EPS = 1e-5
MOST_BLOCKS = 1000  # in all; a mistyped count must not fill the memory
MOST_TEXT = 100_000  # characters of an arch: more than a thousand blocks with all their options take
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
        if len(self.blocks) > MOST_BLOCKS:
            raise UserError(f"an arch of {len(self.blocks)} blocks: expected at most {MOST_BLOCKS} in all")
        if not 0 < self.eps < 1:
            raise UserError(f"eps is {shown(self.eps)}, expected a number between 0 and 1")
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
        if len(text) > MOST_TEXT:
            raise UserError(f"a text of {len(text)} characters is no arch: expected at most {MOST_TEXT}")
        for part in text.split("-"):
            match = _PART.fullmatch(part)
            if match is None:
                raise UserError(f"at position {position}: {shown(part)} is no part of an arch; {_grammar()}")
            token, count = match["token"], int(match["count"] or 1)
            start = position + match.start("token")
            body = part[match.start("token") :]
            if (head is not None and token != "eps") or eps is not None:
                raise UserError(f"at position {position}: {shown(part)} stands behind the end; {_grammar()}")
            misplaced = (stem is None) != (token == "stem")
            counted_end = match["count"] and token in ("stem", "head", "eps")
            if misplaced or counted_end or not 0 < count <= MOST_BLOCKS:
                raise UserError(f"at position {position}: {shown(part)} cannot stand here; {_grammar()}")
            if token == "stem":
                stem = decode(Stem, body, start)
            elif token == "head":
                head = decode(Head, body, start)
            elif token == "eps":
                eps = _eps(match["options"], start)
            elif token in BLOCKS and len(blocks) + count <= MOST_BLOCKS:
                blocks += [decode(BLOCKS[token], body, start)] * count
            elif token in BLOCKS:
                raise UserError(f"at position {position}: more than {MOST_BLOCKS} blocks in all")
            else:
                raise UserError(f"at position {start}: {shown(token)} is no block; {_grammar()}")
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
        size, small = shrunk(resolution, self.stem.reduction), False
        blocks = list(self.blocks)
        for index, block in enumerate(blocks):
            if block.stride > 1:
                left = shrunk(size, block.stride)
                small = small or smaller(left) < final  # one that goes takes all behind it along
                if small:
                    blocks[index] = replace(block, stride=1)
                else:
                    size = left
        if smaller(size) < final:
            raise UserError(
                f"a resolution of {resolution} is too small for {briefly(self)}: the stem alone leaves "
                f"{_left(size)}, {final} are needed"
            )
        return replace(self, blocks=tuple(blocks)) if small else self


def _left(size: Size) -> str:
    return (
        f"{size} pixels" if isinstance(size, int) else f"{told(size)} pixels of which the smaller side counts"
    )


@lru_cache(maxsize=65536)
def _canonical(block: Block, in_channels: int) -> Block:
    return block.canonical(in_channels)


def _eps(digits: str, position: int) -> float:
    if not _EPS.fullmatch(digits) or not float(digits):
        raise UserError(
            f"at position {position}: eps is {shown(digits)}, expected a decimal such as eps0.001"
        )
    return float(digits)


def _grammar() -> str:
    kinds = ", ".join(BLOCKS)
    return f"expected stem, then blocks ({kinds}; 2xir24 for two alike), then optionally head, then eps"
