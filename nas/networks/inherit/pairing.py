"""Which block of the parent a child's block is, and which layer is which within them."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from blocks import Block
from nas.networks.inherit.pieces import Piece, PieceLayer
from search_spaces.arch import Arch

Pairs = dict[int, int]
"""Places of the child's by those of the parent's that they inherit from, both from 0."""


@dataclass(frozen=True)
class BlockPlace:
    """A block and where it stands: maps are 1 / level of the image; its rank counts the blocks since the last change
    of width or level.
    """

    block: Block
    channels: int
    before: int
    after: int
    rank: int

    @property
    def changes(self) -> bool:
        """Whether its input cannot be added to its output."""
        return self.block.stride > 1 or self.channels != self.block.out


def standings(arch: Arch) -> list[BlockPlace]:
    """Of the blocks of an arch."""
    found, level, rank = list[BlockPlace](), arch.stem.reduction, 0
    for block, channels, _ in arch.walk(1):
        rank = 0 if block.stride > 1 or channels != block.out else rank + 1
        found.append(BlockPlace(block, channels, level, level * block.stride, rank))
        level *= block.stride
    return found


def likeness(parent: BlockPlace, child: BlockPlace) -> float:
    """How well a block may inherit from another; 0 where it cannot: of another kind.

    What changes width or level inherits from what does, at the same level. Of blocks that follow one another the first
    are kept, whatever their options.
    """
    if type(parent.block) is not type(child.block):
        return 0.0
    same_place = (parent.before == child.before) + (parent.after == child.after)
    widths = sorted((parent.block.out, child.block.out))
    far = 0.1 * min(5, abs(parent.rank - child.rank))
    return 1 + same_place + 2 * (parent.changes == child.changes) + 0.5 * widths[0] / widths[1] - far


def paired_blocks(parent: Arch, child: Arch) -> Pairs:
    """The pairs of blocks, in the order of both, that are most alike together."""
    theirs, mine = standings(parent), standings(child)
    return aligned(len(mine), len(theirs), lambda i, j: likeness(theirs[j], mine[i]))


def paired_layers(parent: Piece, child: Piece) -> list[tuple[PieceLayer, PieceLayer]]:
    """The parent's and the child's layers of one piece that have the same label, in the order of both."""
    theirs, mine = parent.layers, child.layers
    pairs = aligned(len(mine), len(theirs), lambda i, j: _equal(mine[i].label, theirs[j].label))
    return [(theirs[j], mine[i]) for i, j in pairs.items()]


def _equal(a: Hashable, b: Hashable) -> float:
    return float(a == b)


def aligned(mine: int, theirs: int, score: Callable[[int, int], float]) -> Pairs:
    """The pairs (i, j), both rising, with the largest sum of scores; those of 0 are no pairs.

    Needleman and Wunsch 1970, gaps for nothing. Of equally good ones the pairs that come first.
    """
    best = [[0.0] * (theirs + 1) for _ in range(mine + 1)]
    scores = [[score(i, j) for j in range(theirs)] for i in range(mine)]
    for i in reversed(range(mine)):
        for j in reversed(range(theirs)):
            together = scores[i][j] + best[i + 1][j + 1] if scores[i][j] > 0 else 0.0
            best[i][j] = max(together, best[i + 1][j], best[i][j + 1])
    pairs: Pairs = {}
    i = j = 0
    while i < mine and j < theirs:
        if scores[i][j] > 0 and best[i][j] == scores[i][j] + best[i + 1][j + 1]:
            pairs[i] = j
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def paired(parent: Arch, child: Arch, theirs: Sequence[Piece], mine: Sequence[Piece]) -> Pairs:
    """The pairs of pieces: stem and stem, blocks as `paired_blocks` says, head and head."""
    blocks = {i + 1: j + 1 for i, j in paired_blocks(parent, child).items()}
    return {0: 0, **blocks, len(mine) - 1: len(theirs) - 1}
