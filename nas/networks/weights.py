"""Weights of torchvision's networks in ours: the same numbers under other names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from torch import Tensor, nn

from nas.common.errors import UserError
from nas.common.sizes import Size
from nas.networks.building import Network, build
from search_spaces.arch import Arch

_COUNTER = "num_batches_tracked"  # of a batch norm; old files lack it, and nothing of ours reads it


def from_torchvision(
    arch: Arch, state_dict: Mapping[str, Tensor], num_classes: int = 1000, resolution: Size = 224
) -> Network:
    """The network of `arch` with the numbers of a torchvision model's `state_dict`, ready for use.

    What `build(arch, num_classes, resolution)` returns (float32, in training mode; call `.eval()`), loaded
    with the weights of mobilenet_v2, mobilenet_v3_large, mobilenet_v3_small, or shufflenet_v2_x* for
    the zoo's `shufflenet_v2_figure` at the same width:

        model = from_torchvision(zoo.get("mobilenet_v2"), torchvision.models.mobilenet_v2(...).state_dict())

    Layers are matched in the order of their execution, which is that of the entries. Raises UserError at the
    first one whose kind or shape differs, where one is missing or left over, and where the entries have been
    sorted. What leaves no trace in a state dict (strides, activations, gates, shuffles, eps) is the arch's
    word: another network with layers of the same shapes is loaded without complaint.
    """
    network = build(arch, num_classes, resolution)
    load_layers(network, state_dict, f"{arch} with {num_classes} classes")
    return network


def load_layers(
    network: nn.Module, state_dict: Mapping[str, Tensor], whose: str, *, classifier: bool = True
) -> None:
    """Load the numbers of another layout of the same network, layer by layer in the order of execution.

    whose: the network in words. classifier: whether the last layer is loaded too, or left as it was made. A 1x1
    convolution of a single pixel may stand for a fully connected layer. Raises UserError as `from_torchvision` does.
    """
    ours, theirs = list(_layers(network.state_dict())), list(_layers(state_dict))
    _check_order(theirs)
    if not classifier:
        ours, theirs = ours[:-1], theirs[:-1]
    for number, (mine, other) in enumerate(zip_longest(ours, theirs), 1):
        if mine is None or other is None or mine.shapes != other.shapes:
            raise UserError(
                f"these weights are not those of {whose}: layer {number} of the "
                f"arch is {mine or 'none'}, of the state dict {other or 'none'}"
            )
    loaded = {
        f"{mine.name}.{leaf}": other.tensors[leaf].reshape(tensor.shape) if leaf in other.tensors else tensor
        for mine, other in zip(ours, theirs, strict=True)
        for leaf, tensor in mine.tensors.items()
    }
    network.load_state_dict(network.state_dict() | loaded)


@dataclass(frozen=True)
class _Layer:
    """The tensors of one layer by their last names: weight, bias, running_mean, ..."""

    name: str
    tensors: dict[str, Tensor]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {leaf: _sides(tensor) for leaf, tensor in self.tensors.items() if leaf != _COUNTER}

    def __str__(self) -> str:
        shapes = ", ".join(f"{leaf} {'x'.join(map(str, shape))}" for leaf, shape in self.shapes.items())
        return f"{self.name} ({shapes})"


def _sides(tensor: Tensor) -> tuple[int, ...]:
    """The shape, that of a 1x1 convolution as of a fully connected layer."""
    shape = tuple(tensor.shape)
    return shape[:2] if shape[2:] == (1, 1) else shape


def _layers(state_dict: Mapping[str, Tensor]) -> Iterator[_Layer]:
    """The layers in the order in which their first entries stand. Kinds differ by last names and shapes."""
    layers: dict[str, dict[str, Tensor]] = {}
    for name, tensor in state_dict.items():
        if not isinstance(tensor, Tensor):
            raise UserError(
                f"{name!r} holds a {type(tensor).__name__}, expected a tensor: give the state dict itself"
            )
        layer, _, leaf = name.rpartition(".")
        layers.setdefault(layer, {})[leaf] = tensor
    for layer, tensors in layers.items():
        yield _Layer(layer, tensors)


def _check_order(layers: list[_Layer]) -> None:
    """Refuse entries sorted by name (`features.10` before `features.2`): like layers would be exchanged."""
    last: dict[tuple[str, ...], int] = {}
    for layer in layers:
        parts = layer.name.split(".")
        for depth, part in enumerate(parts):
            if part.isdecimal():
                above = tuple(parts[:depth])
                if int(part) < last.get(above, 0):
                    before = ".".join((*above, str(last[above])))
                    raise UserError(
                        f"{layer.name} stands behind {before}: the entries of the state dict are not in the "
                        "order of execution; give it as torchvision makes it"
                    )
                last[above] = int(part)


_ENDS = {"conv1": -3, "conv_stem": -3, "bn1": -2, "features": -1, "layers": -1, "conv5": 1, "conv_head": 1}
_ENDS |= {"norm_head": 2, "bn2": 2, "classifier": 3, "fc": 3}
_SEPARABLE = ("conv_dw", "bn1", "se", "conv_pw", "bn2")
_INVERTED = ("conv_pw", "bn1", "conv_dw", "bn2", "se", "conv_pwl", "bn3")


def in_order(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of torchvision's or timm's layout whose entries were sorted by name, in the order of execution.

    As far as the zoo's networks go. A file of safetensors has lost its order.
    """
    inverted = {name.rpartition(".conv_pwl.")[0] for name in state if ".conv_pwl." in name}

    def place(name: str) -> list[tuple[int, str]]:
        found, above = list[tuple[int, str]](), ""
        for part in name.split(".")[:-1]:
            inner = _INVERTED if above in inverted else _SEPARABLE
            if part.isdecimal():
                found.append((int(part), ""))
            elif above.startswith("blocks.") and part in inner:
                found.append((inner.index(part), ""))
            elif part == "conv_reduce":
                found.append((-1, ""))
            else:
                found.append((0 if above else _ENDS.get(part, 0), part))
            above = f"{above}.{part}".lstrip(".")
        return found

    return {name: state[name] for name in sorted(state, key=place)}
