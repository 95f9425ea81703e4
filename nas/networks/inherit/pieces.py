"""A network taken apart: its stem, blocks and head, what each does with its input, and their layers with weights.

Each is traced by torch.fx, so that a primitive needs nothing of its own to inherit. `Flow` sends a value through
the pieces; what is sent (the numbers of channels, their scales, what they stand for) its subclasses say.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, fx, nn

from blocks.layers import SqueezeExcite
from nas.common.errors import UserError
from nas.networks.building import Network

T = TypeVar("T")
Weighted = nn.Conv2d | nn.Linear
_TRANSPARENT = (nn.Identity, nn.Dropout, nn.Sequential)  # the last one empty: others are traced through


@dataclass(frozen=True, eq=False)
class PieceLayer:
    """A convolution or a fully connected layer, with the norm that follows it.

    label: what it is within its piece: layers with the same label may inherit from one another. gate: the name of
    the squeeze-excite whose output it reads, if it does.
    """

    name: str
    module: Weighted
    label: tuple[str, ...]
    norm_name: str | None = None
    norm: nn.BatchNorm2d | None = None
    gate: str | None = None

    @property
    def groups(self) -> int:
        """Of the channels; a fully connected layer has one."""
        return self.module.groups if isinstance(self.module, nn.Conv2d) else 1

    @property
    def depthwise(self) -> bool:
        """Whether it has one filter a channel, so that its channels pass."""
        return self.label[-1] == "depthwise"


@dataclass(frozen=True, eq=False)
class Piece:
    """The stem, a block or the head: its place among them, its name in the network, its layers in their order."""

    place: int
    name: str
    module: nn.Module
    graph: Any
    layers: tuple[PieceLayer, ...]

    def gates(self) -> dict[str, SqueezeExcite]:
        """Its squeeze-excites by their names in the network."""
        return {
            f"{self.name}.{name}": one
            for name, one in self.module.named_modules()
            if isinstance(one, SqueezeExcite)
        }


class _Tracer(fx.Tracer):  # type: ignore[misc]
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, SqueezeExcite) or next(m.children(), None) is None


def pieces_of(network: Network) -> tuple[Piece, ...]:
    """Stem, blocks, head."""
    named = [("stem", network.stem)]
    named += [(f"blocks.{place}", block) for place, block in enumerate(network.blocks)]
    named.append(("head", network.head))
    return tuple(_piece(place, name, module) for place, (name, module) in enumerate(named))


def _piece(place: int, name: str, module: nn.Module) -> Piece:
    graph = _Tracer().trace(module)
    layers = tuple(_layers(name, module, graph))
    return Piece(place, name, module, graph, layers)


def _layers(piece: str, root: nn.Module, graph: Any) -> Iterator[PieceLayer]:
    calls = [node for node in graph.nodes if node.op == "call_module"]
    modules = {node: root.get_submodule(node.target) for node in calls}
    for node, module in modules.items():
        name = f"{piece}.{node.target}"
        if isinstance(module, SqueezeExcite):
            for leaf in ("reduce", "expand"):
                inner = getattr(module, leaf)
                yield PieceLayer(f"{name}.{leaf}", inner, (*_words(node.target), leaf, _kind(inner)))
        elif isinstance(module, Weighted):
            norms = [user for user in node.users if isinstance(modules.get(user), nn.BatchNorm2d)]
            norm = modules[norms[0]] if norms else None
            source = node.args[0]
            gated = isinstance(modules.get(source), SqueezeExcite)
            final = isinstance(module, nn.Linear) and node is calls[-1]
            yield PieceLayer(
                name,
                module,
                (*_words(node.target), "logits" if final else _kind(module)),
                f"{piece}.{norms[0].target}" if norms else None,
                norm if isinstance(norm, nn.BatchNorm2d) else None,
                f"{piece}.{source.target}" if gated else None,
            )
        elif not isinstance(module, nn.BatchNorm2d) and next(module.parameters(), None) is not None:
            raise UserError(f"{name}: cannot inherit the weights of a {type(module).__name__}")


def _words(target: str) -> tuple[str, ...]:
    """A name within a piece without its numbers, which move when a layer comes or goes."""
    return tuple(part for part in target.split(".") if not part.isdecimal())


def _kind(module: Weighted) -> str:
    if isinstance(module, nn.Linear):
        return "linear"
    high, wide = module.kernel_size
    if (high, wide) == (1, 1):
        return "point"
    if 1 < module.groups == module.in_channels == module.out_channels:
        return "depthwise"
    return "square" if high == wide else "flat" if high < wide else "tall"


class Flow(ABC, Generic[T]):
    """Sends a value through pieces, operation by operation. Raises UserError at one that it does not know."""

    piece: Piece

    @abstractmethod
    def layer(self, layer: PieceLayer, x: T) -> T:
        """Behind a layer with weights, before its norm."""

    @abstractmethod
    def norm(self, layer: PieceLayer | None, name: str, module: nn.BatchNorm2d, x: T) -> T:
        """Behind a norm; `layer` is what it follows."""

    @abstractmethod
    def squeeze(self, name: str, module: SqueezeExcite, layers: Sequence[PieceLayer], x: T) -> T:
        """Behind a squeeze-excite, whose two layers are given."""

    @abstractmethod
    def each(self, what: str, module: nn.Module | None, x: T) -> T:
        """Behind an operation that leaves channels what they are: an activation, a pooling, a mean."""

    @abstractmethod
    def merge(self, what: str, a: T, b: T) -> T:
        """The sum, or the product, of two."""

    @abstractmethod
    def join(self, parts: Sequence[T]) -> T:
        """One behind the other."""

    @abstractmethod
    def move(self, x: T, how: Callable[[Tensor], Tensor]) -> T:
        """Channels chosen or put into another order, as `how` does to a tensor [1, C, 1, 1]; padded ones are -1."""

    def through(self, pieces: Sequence[Piece], x: T) -> T:
        """The value behind all of them."""
        for piece in pieces:
            self.piece = piece
            x = self._through(piece, x)
        return x

    def _through(self, piece: Piece, x: T) -> T:
        found: dict[Any, Any] = {}
        layers = {layer.name: layer for layer in piece.layers}
        norms = {layer.norm_name: layer for layer in piece.layers}
        for node in piece.graph.nodes:
            if node.op == "placeholder":
                found[node] = x
            elif node.op == "output":
                result: T = found[node.args[0]]
                return result
            elif node.op == "call_module":
                module, name = piece.module.get_submodule(node.target), f"{piece.name}.{node.target}"
                value = found[node.args[0]]
                if name in layers:
                    found[node] = self.layer(layers[name], value)
                elif isinstance(module, SqueezeExcite):
                    both = [layers[f"{name}.reduce"], layers[f"{name}.expand"]]
                    found[node] = self.squeeze(name, module, both, value)
                elif isinstance(module, nn.BatchNorm2d):
                    found[node] = self.norm(norms.get(name), name, module, value)
                elif isinstance(module, nn.ChannelShuffle):
                    found[node] = self.move(value, _shuffle(module.groups))
                else:
                    same = isinstance(module, _TRANSPARENT)
                    found[node] = value if same else self.each(_settings(module), module, value)
            else:
                found[node] = self._called(node, found)
        raise UserError(f"{piece.name} puts nothing out")

    def _called(self, node: Any, found: dict[Any, Any]) -> Any:
        what = node.target if isinstance(node.target, str) else node.target.__name__
        values = [found[one] for one in node.args if isinstance(one, fx.Node)]
        rest = [one for one in node.args if not isinstance(one, fx.Node)]
        if what == "cat":
            return self.join([found[one] for one in node.args[0]])
        if what in ("add", "mul") and len(values) == 2:
            return self.merge(what, *values)
        x = values[0]
        if what == "chunk":
            return tuple(self.move(x, _part(rest[0], place)) for place in range(rest[0]))
        if what == "getitem":
            return x[rest[0]] if isinstance(x, tuple) else self.move(x, lambda one: one[rest[0]])
        if what == "channel_shuffle":
            return self.move(x, _shuffle(rest[0]))
        if what == "pad":
            return self.move(x, lambda one: nn.functional.pad(one, rest[0], value=-1))
        if what in ("mean", "avg_pool2d", "max_pool2d", "relu", "relu6"):
            return self.each(f"{what} {rest} {sorted(node.kwargs.items())}", None, x)
        raise UserError(f"{self.piece.name}: cannot follow channels through {what!r}")


def _settings(module: nn.Module) -> str:
    """What a module without weights does, in words."""
    return repr(module).replace(", inplace=True", "").replace("inplace=True", "")


def _part(parts: int, place: int) -> Callable[[Tensor], Tensor]:
    return lambda x: x.chunk(parts, 1)[place]


def _shuffle(groups: int) -> Callable[[Tensor], Tensor]:
    return lambda x: x.reshape(1, groups, -1, 1, 1).transpose(1, 2).reshape(x.shape)


class Channels(Flow[Tensor]):
    """A flow of a number a channel: a tensor [C]."""

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """One behind the other."""
        return torch.cat(list(parts))

    def move(self, x: Tensor, how: Callable[[Tensor], Tensor]) -> Tensor:
        """Chosen or in another order; what was padded by `padded`."""
        return self.padded(how(x.reshape(1, -1, 1, 1)).flatten())

    def padded(self, x: Tensor) -> Tensor:
        """The same with a value for padded channels, which are -1."""
        return x


class Scales(Channels):
    """How large each channel is, by its norms: the scale in the input of each layer, by its name."""

    def __init__(self) -> None:
        self.found: dict[str, Tensor] = {}

    def layer(self, layer: PieceLayer, x: Tensor) -> Tensor:
        """Ones until a norm says more; channels that pass a depthwise convolution without one keep theirs."""
        self.found[layer.name] = x
        return x if layer.depthwise else torch.ones(layer.module.weight.shape[0])

    def norm(self, layer: PieceLayer | None, name: str, module: nn.BatchNorm2d, x: Tensor) -> Tensor:
        """The norm's scale."""
        return module.weight.detach().abs().float().cpu()

    def squeeze(self, name: str, module: SqueezeExcite, layers: Sequence[PieceLayer], x: Tensor) -> Tensor:
        """As before: gates are at most one, as a rule."""
        self.found[layers[1].name] = torch.ones(module.reduce.out_channels)
        return x

    def each(self, what: str, module: nn.Module | None, x: Tensor) -> Tensor:
        """As before."""
        return x

    def merge(self, what: str, a: Tensor, b: Tensor) -> Tensor:
        """Of independent terms."""
        return (a.square() + b.square()).sqrt()

    def padded(self, x: Tensor) -> Tensor:
        """Zeros."""
        return x.clamp(min=0)


class Atoms(Channels):
    """Gives each channel a number that it keeps wherever it goes: sums tie two, layers make new ones.

    ins, outs: of each layer, by its name. joined, summed: the channels at each concatenation's parts and each sum, by
    (place of the piece, number within it, number of the part). `image`: of the images.
    """

    def __init__(self, channels: int) -> None:
        self._above: list[int] = []
        self.image = self.fresh(channels)
        self.ins: dict[str, Tensor] = {}
        self.outs: dict[str, Tensor] = {}
        self.joined: dict[tuple[int, int, int], Tensor] = {}
        self.summed: dict[tuple[int, int], Tensor] = {}

    def fresh(self, count: int) -> Tensor:
        """So many new channels."""
        start = len(self._above)
        self._above += range(start, start + count)
        return torch.arange(start, start + count)

    def root(self, atom: int) -> int:
        """The least number of all that are one with this channel."""
        while self._above[atom] != atom:
            self._above[atom] = self._above[self._above[atom]]
            atom = self._above[atom]
        return atom

    def same(self, atoms: Tensor) -> Tensor:
        """Their roots."""
        return torch.tensor([self.root(atom) for atom in atoms.tolist()], dtype=torch.long)

    def layer(self, layer: PieceLayer, x: Tensor) -> Tensor:
        """New channels, unless the layer has a filter a channel."""
        if x.numel() != layer.module.weight.shape[1] * layer.groups:
            raise UserError(f"{layer.name}: cannot follow the channels of its input")
        self.ins[layer.name] = x
        self.outs[layer.name] = x if layer.depthwise else self.fresh(layer.module.weight.shape[0])
        return self.outs[layer.name]

    def norm(self, layer: PieceLayer | None, name: str, module: nn.BatchNorm2d, x: Tensor) -> Tensor:
        """The same."""
        if layer is None:
            raise UserError(f"{name}: cannot inherit a norm that follows no layer with weights")
        return x

    def squeeze(self, name: str, module: SqueezeExcite, layers: Sequence[PieceLayer], x: Tensor) -> Tensor:
        """The same; the gates are tied to them."""
        return self.merge("mul", x, reduce(lambda value, layer: self.layer(layer, value), layers, x))

    def each(self, what: str, module: nn.Module | None, x: Tensor) -> Tensor:
        """The same."""
        return x

    def merge(self, what: str, a: Tensor, b: Tensor) -> Tensor:
        """Tied, channel by channel."""
        if a.numel() != b.numel():
            raise UserError(f"{self.piece.name}: cannot tie {a.numel()} channels to {b.numel()}")
        for one, other in zip(a.tolist(), b.tolist(), strict=True):
            low, high = sorted((self.root(one), self.root(other)))
            self._above[high] = low
        number = sum(place == self.piece.place for place, _ in self.summed)
        self.summed[self.piece.place, number] = a
        return a

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """One behind the other; each part is noted."""
        number = sum(place == self.piece.place and not part for place, _, part in self.joined)
        for part, atoms in enumerate(parts):
            self.joined[self.piece.place, number, part] = atoms
        return super().join(parts)

    def padded(self, x: Tensor) -> Tensor:
        """New channels."""
        missing = x < 0
        x = x.clone()
        x[missing] = self.fresh(int(missing.sum()))
        return x
