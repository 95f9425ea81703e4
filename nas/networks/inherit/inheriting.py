"""The weights of a trained network for the network of another arch."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from blocks import Block
from nas.common.errors import UserError, briefly
from nas.networks.building import Network
from nas.networks.inherit.carrying import OPEN, Carried, carried
from nas.networks.inherit.correspondence import Correspondence, Known
from nas.networks.inherit.meaning import Meaning, Table
from nas.networks.inherit.measuring import Correction, correct_norms, mean_gates
from nas.networks.inherit.pairing import paired
from nas.networks.inherit.pieces import Piece, PieceLayer, pieces_of
from nas.networks.inherit.report import Inheritance, Share


def inherit(
    parent: Network, child: Network, images: Tensor | None = None, *, classifier: bool = True
) -> Inheritance:
    """Give a network that was just built the weights of a trained one of another arch, and say what share they are.

    The child is changed in place. Kernels are cropped to their middle or embedded in zeros. Of channels the most
    important stay, those of a trunk the same ones along every shortcut, those of grouped layers group by group. Blocks
    are left out, or added closed: as their shortcut alone. A squeeze-excite is added open or dropped with its mean gate
    folded into the layer behind it. A block of another kind inherits nothing. The same arch inherits everything, bit by
    bit; a child that contains its parent computes the same in evaluation mode, to 1e-5.

    Norms keep the parent's statistics where the channels that they normalise are still computed as the parent did.
    Where channels, taps or blocks went before them, or activations changed, they are corrected on `images`, float
    [N, C, H, W], normalised as for training, a few hundred, in one batch (`measuring.correct_norms`); these may be left
    out where nothing needs measuring.
    classifier: whether the last layer is inherited as well, where it has as many classes; false where they are others.

    Raises UserError for networks that are not of archs, or take images of different channels, for weights that are not
    finite, for images of another shape, and where they are needed but not given.
    """
    _check(parent, child, images)
    bequest = planned(parent, child, images, classifier=classifier)
    for one in bequest.carried.values():
        one.put()
    _open_gates(child, bequest.opened)
    if images is not None:
        correct_norms(parent, child, images, bequest.corrections)
    corrected = bequest.corrections if images is not None else {}
    layers = tuple(_share(layer, bequest, corrected) for piece in bequest.pieces for layer in piece.layers)
    return Inheritance(layers, bequest.notes)


@dataclass(frozen=True, eq=False)
class Bequest:
    """What a child will get, before anything is changed.

    pieces: the child's. carried: what its layers get, by their names. kept: the layers whose outputs, in the channels
    that they inherit, are computed as in the parent. corrections: of the norms without statistics of the parent's that
    hold, all their channels or some, by the norm's name. opened: the squeeze-excites that start open.
    """

    pieces: Sequence[Piece]
    carried: Mapping[str, Carried]
    kept: frozenset[str]
    corrections: Mapping[str, Correction]
    opened: frozenset[str]
    notes: tuple[str, ...]


def planned(parent: Network, child: Network, images: Tensor | None, *, classifier: bool) -> Bequest:
    """What `inherit` will do. Raises UserError where images are needed but not given."""
    theirs, mine = pieces_of(parent), pieces_of(child)
    channels = _channels(parent)
    known = Correspondence(
        Known.of(theirs, channels),
        Known.of(mine, channels),
        paired(parent.arch, child.arch, theirs, mine),
        classifier=classifier and _classes(theirs) == _classes(mine),
    )
    dropped = sorted(_dropped(known))
    if dropped and images is None:
        raise UserError(_needed(child, f"the mean gate of the parent's {dropped[0]}, which is dropped,"))
    gates = mean_gates(parent, images, dropped) if images is not None and dropped else {}
    found = dict(_all_carried(known, gates))
    opened = frozenset(_opened(known, found))
    table: Table = {}
    Meaning(table).over(theirs)
    parents = frozenset(table.values())
    meaning = Meaning(table, found, opened).over(mine)
    kept = frozenset(name for name in found if meaning.behind[name] in parents)
    changed = [name for name, one in found.items() if one.layer.norm and name not in kept]
    if changed and images is None:
        raise UserError(_needed(child, f"the statistics behind {changed[0]}"))
    notes = tuple(_notes(parent.arch.blocks, child.arch.blocks, known, meaning, found))
    return Bequest(mine, found, kept, dict(_corrections(mine, found, kept)), opened, notes)


def _check(parent: object, child: object, images: Tensor | None) -> None:
    for name, network in (("parent", parent), ("child", child)):
        if not isinstance(network, Network):
            raise UserError(
                f"the {name} is of the type {type(network).__name__}, expected a network of an arch, made by nas.build"
            )
    assert isinstance(parent, Network) and isinstance(child, Network)
    if parent is child:
        raise UserError("parent and child are one network: build the child anew")
    had, takes = _channels(parent), _channels(child)
    if had != takes:
        raise UserError(
            f"the parent is for images of {had} channels, the child for {takes}: expected as many"
        )
    for name, tensor in parent.state_dict().items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise UserError(f"the parent's {name} holds numbers that are not finite")
    if images is not None and (images.ndim != 4 or images.shape[1] != takes or len(images) < 2):
        shape = "x".join(map(str, images.shape))
        raise UserError(f"images of the shape {shape}: expected [N, {takes}, H, W], a few hundred")


def _channels(network: Network) -> int:
    return next(part.in_channels for part in network.modules() if isinstance(part, torch.nn.Conv2d))


def _classes(pieces: Sequence[Piece]) -> int:
    return pieces[-1].layers[-1].module.weight.shape[0]


def _needed(child: Network, what: str) -> str:
    return f"{what} must be measured for the child {briefly(child.arch, 80)}: give a few hundred images"


def _gate_of(layer: PieceLayer, known: Correspondence) -> str | None:
    """The squeeze-excite before a child's layer that the parent lacks there, by its name."""
    missing = layer.gate is not None and f"{layer.gate}.reduce" not in known.layers
    return layer.gate if missing else None


def _dropped(known: Correspondence) -> set[str]:
    """The parent's squeeze-excites before layers that are inherited, which the child lacks, by their names."""
    kept = {theirs.name for theirs in known.layers.values()}
    gates = {theirs.gate for theirs in known.layers.values() if theirs.gate is not None}
    return {gate for gate in gates if f"{gate}.reduce" not in kept}


def _all_carried(known: Correspondence, gates: dict[str, Tensor]) -> Iterator[tuple[str, Carried]]:
    for piece in known.child.pieces:
        for layer in piece.layers:
            if layer.name in known.layers:
                factor = gates.get(known.layers[layer.name].gate or "")
                gate = _gate_of(layer, known)
                opened = None if gate is None else _opening(piece, gate)
                found = carried(layer, known, factor, opened)
                if found is not None:
                    yield layer.name, found


def _opening(piece: Piece, gate: str) -> float:
    return float(piece.gates()[gate].gate(torch.tensor(OPEN)))


def _opened(known: Correspondence, found: dict[str, Carried]) -> set[str]:
    """The child's squeeze-excites that are added before layers that inherit."""
    gates = (_gate_of(one.layer, known) for one in found.values())
    return {gate for gate in gates if gate is not None}


def _open_gates(child: Network, names: Collection[str]) -> None:
    with torch.no_grad():
        for name in names:
            last = child.get_submodule(name).expand
            assert isinstance(last, torch.nn.Conv2d) and last.bias is not None
            last.weight.zero_()
            last.bias.fill_(OPEN)


def _corrections(
    pieces: Sequence[Piece], found: Mapping[str, Carried], kept: Collection[str]
) -> Iterator[tuple[str, Correction]]:
    for piece in pieces:
        for layer in piece.layers:
            if layer.norm is None or layer.norm_name is None:
                continue
            one = found.get(layer.name)
            rows = torch.full([layer.norm.num_features], -1) if one is None else one.outs
            chosen = rows < 0 if layer.name in kept else torch.ones_like(rows, dtype=torch.bool)
            if chosen.any():
                yield layer.norm_name, Correction(chosen, one.source.norm_name if one else None, rows)


def _share(layer: PieceLayer, bequest: Bequest, corrected: Mapping[str, Correction]) -> Share:
    one, correction = bequest.carried.get(layer.name), corrected.get(layer.norm_name or "")
    statistics = "none"
    if layer.norm is not None and correction is not None:
        statistics = "corrected" if correction.chosen.all() else "some"
    elif layer.norm is not None:
        statistics = "kept" if layer.name in bequest.kept else "made"
    source = None if one is None else one.source.name
    return Share(layer.name, source, one.share if one else 0.0, layer.module.weight.numel(), statistics)


def _notes(
    theirs: Sequence[Block],
    mine: Sequence[Block],
    known: Correspondence,
    meaning: Meaning,
    found: Collection[str],
) -> Iterator[str]:
    """A line for each block that was left out or inherits nothing."""
    kinds = {block.token for block in theirs}
    inheriting = {name.split(".")[1] for name in found if name.startswith("blocks.")}
    for place, block in enumerate(mine, 1):
        if str(place - 1) in inheriting:
            continue
        closed = meaning.after[place] == meaning.after[place - 1]
        start = "closed, as its shortcut alone" if closed else "drawn anew"
        if place in known.pairs:
            other = theirs[known.pairs[place] - 1]
            said = f"nothing inherited, for it reads and makes other channels than {other}: {start}"
        elif block.token not in kinds:
            said = f"nothing inherited, for the parent has no {block.token}: {start}"
        else:
            said = (
                f"added {start}" if closed else f"nothing inherited, for the parent has none there: {start}"
            )
        yield f"block {place} ({block}): {said}"
    for place, block in enumerate(theirs, 1):
        if place not in known.pairs.values():
            yield f"the parent's block {place} ({block}): left out"
