"""Which values in the child are still those of the parent, channel by channel: their norms' statistics hold.

Every value gets a number by how it is computed; the same computation from the same values has the same number. What
only chooses or moves channels keeps the number, for each layer's own channels were compared as it was carried.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from blocks.layers import SqueezeExcite
from nas.networks.inherit.carrying import Carried
from nas.networks.inherit.pieces import Flow, Piece, PieceLayer

_ZERO = 0
_IDEMPOTENT = (nn.ReLU, nn.ReLU6)  # once is as good as twice
Table = dict[tuple[object, ...], int]


class Meaning(Flow[int]):
    """Numbers the values of a network into a table that may hold another's.

    carried: by the layer's name, what a child was given; None for the parent itself. opened: its squeeze-excites that
    start open. behind: the numbers behind its layers, before their norms; after: behind its pieces.
    """

    def __init__(
        self, table: Table, carried: Mapping[str, Carried] | None = None, opened: Collection[str] = ()
    ) -> None:
        self.table, self.carried, self.opened = table, carried, opened
        self.behind: dict[str, int] = {}
        self.after: list[int] = []
        self._told: dict[int, tuple[object, ...]] = {number: told for told, number in table.items()}

    def over(self, pieces: Sequence[Piece]) -> "Meaning":
        """All pieces numbered."""
        x = self.number("image")
        for piece in pieces:
            x = self.through([piece], x)
            self.after.append(x)
        return self

    def number(self, *told: object) -> int:
        """Of a computation."""
        number = self.table.setdefault(told, len(self.table) + 1)
        self._told[number] = told
        return number

    def layer(self, layer: PieceLayer, x: int) -> int:
        """The parent's where nothing that its channels read is lost."""
        self.behind[layer.name] = self._layer(layer, x)
        return self.behind[layer.name]

    def _layer(self, layer: PieceLayer, x: int) -> int:
        if self.carried is None:
            return self.number("layer", layer.name, x)
        found = self.carried.get(layer.name)
        if found is None or not found.whole:
            return self.number("new", layer.name)
        return self.number("layer", found.source.name, x)

    def norm(self, layer: PieceLayer | None, name: str, module: nn.BatchNorm2d, x: int) -> int:
        """Nothing at all where a branch that was made anew starts closed."""
        anew = self.carried is not None and (layer is None or layer.name not in self.carried)
        if anew and not (module.weight.any() or module.bias.any()):
            return _ZERO
        return self.number("norm", module.eps, x)

    def squeeze(self, name: str, module: SqueezeExcite, layers: Sequence[PieceLayer], x: int) -> int:
        """The same value where it starts open."""
        if name in self.opened:
            return x
        inner = self.layer(layers[0], x)
        inner = self.layer(layers[1], self.number("each", str(module.activation), inner))
        return self.number("gate", str(module.gate), inner, x)

    def each(self, what: str, module: nn.Module | None, x: int) -> int:
        """Nothing stays nothing, and what was rectified stays so."""
        if x == _ZERO and (module is None or not module(torch.zeros(1, 1, 1, 1)).any()):
            return _ZERO
        if isinstance(module, _IDEMPOTENT) and self._told.get(x, ())[:2] == ("each", what):
            return x
        return self.number("each", what, x)

    def merge(self, what: str, a: int, b: int) -> int:
        """Nothing adds nothing."""
        if what == "add" and _ZERO in (a, b):
            return a or b
        return self.number("merge", what, a, b)

    def join(self, parts: Sequence[int]) -> int:
        """One behind the other."""
        return self.number("join", *parts)

    def move(self, x: int, how: Callable[[Tensor], Tensor]) -> int:
        """The same values."""
        return x
