"""Which channel of the parent a child's channel is.

Channels that the same paired layers make and read are one class. A child's class takes the channels of the parent's
class that it has a maker in common with: all of them in their order where it is as wide or wider, else the most
important ones. One choice holds wherever both classes meet, so that a width is cut alike along every shortcut and
through every shuffle; of grouped layers each group inherits from its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd

import torch
from torch import Tensor

from nas.networks.inherit.pairing import Pairs, paired_layers
from nas.networks.inherit.pieces import Atoms, Piece, PieceLayer, Scales

Side = tuple[str, str, int]
"""Where a channel is met: ("out" | "in" | "sum" | "join" | "image", whose, which group or part)."""
Class = frozenset[Side]
_MAKERS = ("out", "image")


@dataclass(frozen=True, eq=False)
class Known:
    """A network in pieces, and its channels by number (`Atoms`)."""

    pieces: Sequence[Piece]
    atoms: Atoms
    image: Tensor
    ins: Mapping[str, Tensor]
    outs: Mapping[str, Tensor]

    @classmethod
    def of(cls, pieces: Sequence[Piece], channels: int) -> "Known":
        """Of pieces that take images of so many channels."""
        atoms = Atoms(channels)
        atoms.through(pieces, atoms.image)
        same = atoms.same
        ins = {name: same(found) for name, found in atoms.ins.items()}
        outs = {name: same(found) for name, found in atoms.outs.items()}
        return cls(pieces, atoms, same(atoms.image), ins, outs)

    def classes(self, names: Mapping[str, str], places: Pairs, groups: Mapping[str, int]) -> dict[int, Class]:
        """The class of each channel, by its number.

        names: of its layers that are paired, the parent's name. places: of its pieces, the parent's place. groups: how
        many groups of a paired layer are told apart, by the parent's name.
        """
        found: dict[int, set[Side]] = {}

        def met(atoms: Tensor, what: str, whose: str, groups: int = 1, part: int = 0) -> None:
            for place, atom in enumerate(atoms.tolist()):
                found.setdefault(atom, set()).add((what, whose, part + place * groups // len(atoms)))

        met(self.image, "image", "")
        for piece in self.pieces:
            for layer in piece.layers:
                theirs = names.get(layer.name)
                if theirs is not None:
                    met(self.ins[layer.name], "in", theirs, groups[theirs])
                if theirs is not None and not layer.depthwise:
                    met(self.outs[layer.name], "out", theirs, groups[theirs])
        for (place, number, part), atoms in self.atoms.joined.items():
            if place in places:
                met(self.atoms.same(atoms), "join", f"{places[place]}.{number}", part=part)
        for (place, number), atoms in self.atoms.summed.items():
            if place in places:
                met(self.atoms.same(atoms), "sum", f"{places[place]}.{number}")
        return {atom: frozenset(sides) for atom, sides in found.items()}


class Correspondence:
    """Of a child's layers and channels to a parent's.

    pairs: of pieces, by place. layers: the parent's layers by the child's names.
    """

    def __init__(self, parent: Known, child: Known, pairs: Pairs, *, classifier: bool) -> None:
        self.parent, self.child, self.pairs = parent, child, pairs
        both = [
            pair
            for mine, theirs in pairs.items()
            for pair in paired_layers(parent.pieces[theirs], child.pieces[mine])
            if classifier or pair[0].label[-1] != "logits"
        ]
        self.layers = {mine.name: theirs for theirs, mine in both}
        groups = {
            theirs.name: 1 if theirs.depthwise else gcd(theirs.groups, mine.groups) for theirs, mine in both
        }
        names = {name: theirs.name for name, theirs in self.layers.items()}
        self._mine = child.classes(names, pairs, groups)
        theirs_by_name = {theirs.name: theirs.name for theirs, _ in both}
        self._theirs = parent.classes(theirs_by_name, {place: place for place in pairs.values()}, groups)
        self._members_mine, self._members_theirs = _members(self._mine), _members(self._theirs)
        self._chosen: dict[tuple[Class, Class], dict[int, int]] = {}

    def inputs(self, mine: PieceLayer) -> Tensor:
        """For each input channel of a paired layer the parent's at its counterpart, or -1."""
        return self._positions(self.child.ins[mine.name], self.parent.ins[self.layers[mine.name].name])

    def outputs(self, mine: PieceLayer) -> Tensor:
        """For each output channel of a paired layer the parent's at its counterpart, or -1."""
        return self._positions(self.child.outs[mine.name], self.parent.outs[self.layers[mine.name].name])

    def _positions(self, mine: Tensor, theirs: Tensor) -> Tensor:
        taken: dict[Class, set[int]] = {}
        places = {atom: place for place, atom in enumerate(theirs.tolist())}
        candidates = {self._theirs[atom] for atom in places}
        found: dict[int, int] = {}
        for kind in dict.fromkeys(self._mine[atom] for atom in mine.tolist()):
            near = [one for one in candidates if any(side[0] in _MAKERS for side in one & kind)]
            if near:
                # Sorted, so that of equally near classes the same one is taken in every process.
                source = max(sorted(near, key=sorted), key=lambda one: len(one & kind) / len(one | kind))
                chosen = self._choice(kind, source, taken.get(source, set()))
                taken.setdefault(source, set()).update(chosen.values())
                found |= chosen
        return torch.tensor([places.get(found.get(atom, -1), -1) for atom in mine.tolist()])

    def _choice(self, kind: Class, source: Class, taken: set[int]) -> dict[int, int]:
        """The parent's channel of a class for the child's of another, made once."""
        if (kind, source) not in self._chosen:
            mine = self._members_mine[kind]
            theirs = [atom for atom in self._members_theirs[source] if atom not in taken]
            if len(mine) < len(theirs):
                worth = self.importance
                best = sorted(theirs, key=lambda atom: -worth.get(atom, 0.0))[: len(mine)]  # stable
                theirs = sorted(best)
            self._chosen[kind, source] = dict(zip(mine, theirs, strict=False))
        return self._chosen[kind, source]

    @cached_property
    def importance(self) -> dict[int, float]:
        """Of the parent's channels: the squared norm of what reads them, times their scale."""
        scales, found = Scales(), dict[int, float]()
        scales.through(self.parent.pieces, torch.ones(len(self.parent.image)))
        for piece in self.parent.pieces:
            for layer in piece.layers:
                if layer.name in scales.found and not layer.depthwise:
                    worth = (scales.found[layer.name] * _columns(layer)).square()
                    for atom, value in zip(self.parent.ins[layer.name].tolist(), worth.tolist(), strict=True):
                        found[atom] = found.get(atom, 0.0) + value
        return found


def _members(classes: Mapping[int, Class]) -> dict[Class, list[int]]:
    """The channels of each class, in their order."""
    found: dict[Class, list[int]] = {}
    for atom, kind in sorted(classes.items()):
        found.setdefault(kind, []).append(atom)
    return found


def _columns(layer: PieceLayer) -> Tensor:
    """Of each input channel, the norm of the weights that read it."""
    weight = layer.module.weight.detach().float().cpu()
    grouped = weight.reshape(layer.groups, -1, weight.shape[1], weight[0, 0].numel())
    return grouped.square().sum((1, 3)).sqrt().flatten()
