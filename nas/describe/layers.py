"""A network as a table: a row a layer, in the columns of the papers' tables, with what each layer costs.

The rows of an arch are its stem, its blocks and its head; those of a library's classifier are the
convolutions, fully connected layers and products of matrices that an image passes, in that order. The rows
of either add up to `nas.cost`.
"""

import re
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor, nn

from blocks import Block, Head
from nas.common.sizes import Size, area, shrunk, size_of, told
from nas.networks.building import build
from nas.networks.cost import TARGET_CLASSES, TARGET_RESOLUTION, cost, default_table
from nas.networks.counting import Cost, Counter, count_module
from nas.networks.memory import Traffic
from nas.networks.references import Model, Reference
from search_spaces.arch import Arch

_ACTIVATIONS = {"ReLU": "RE", "ReLU6": "RE6", "Hardswish": "HS", "SiLU": "SI"}


@dataclass(frozen=True)
class Layer:
    """A row. `size` and `channels` are the input's, `out_size` and `out` the output's.

    `expansion` is the inner width in channels, None where there is none. `stage` counts the resolutions from
    0, the stem's. `memory` is what the row's operators need at once, in bytes at int8 (of a head, all that it has).
    `text` is the block in the words of an arch, empty for a layer that is none.
    """

    operator: str
    size: Size
    channels: int
    out_size: Size
    out: int
    stage: int = 0
    macs: int = 0
    params: int = 0
    kernel: int | None = None
    expansion: int | None = None
    squeeze_excite: bool = False
    activation: str = ""
    stride: int = 1
    groups: int = 1
    memory: int = 0
    text: str = ""


@dataclass(frozen=True)
class Description:
    """A network's rows and their sum, at a resolution and for a number of classes.

    `in_place` is the peak of memory where depthwise convolutions write over their inputs, as TinyEngine's do.
    """

    model: str
    resolution: Size
    classes: int
    channels: int
    note: str
    total: Cost
    in_place: int
    layers: tuple[Layer, ...]

    @property
    def peak(self) -> int:
        """The row that needs most memory, counted from 0."""
        return max(range(len(self.layers)), key=lambda row: self.layers[row].memory)


def describe(
    model: Model,
    resolution: Size = TARGET_RESOLUTION,
    num_classes: int = TARGET_CLASSES,
    channels: int = 3,
) -> Description:
    """The table of what `build(model, num_classes, resolution, channels)` builds. Raises UserError as `cost` does."""
    total, note = cost(model, resolution, num_classes, channels), ""
    if isinstance(model, Arch):
        built = model.fitted(resolution)
        if built != model:
            note = f"strides are removed to keep a map of 2x2 at {told(resolution)}: {built}"
        layers = _of_arch(built, resolution, num_classes, channels)
        with torch.device("meta"):
            traffic = _traffic(build(model, num_classes, resolution, channels), resolution, channels)
    else:
        layers, traffic = _of_reference(model, resolution, num_classes, channels)
    in_place = traffic.peak(in_place=True)
    rows = tuple(_staged(layers))
    return Description(str(model), resolution, num_classes, channels, note, total, in_place, rows)


def _traffic(module: nn.Module, resolution: Size, channels: int) -> Traffic:
    """The tensors that come of an image."""
    counters: list[Counter] = []
    count_module(module, channels, resolution, counters.append)
    return counters[-1].traffic


def _staged(layers: list[Layer]) -> list[Layer]:
    """The layers with their stages: one ends where the map shrinks for good, not for a squeeze."""
    sizes = [max(area(later.out_size) for later in layers[index:]) for index in range(len(layers))]
    order = sorted(set(sizes), reverse=True)
    return [replace(layer, stage=order.index(size)) for layer, size in zip(layers, sizes, strict=True)]


def _of_arch(arch: Arch, resolution: Size, num_classes: int, channels: int) -> list[Layer]:
    first, *parts, last = default_table().parts(arch, resolution, num_classes, channels)
    stem = arch.stem
    half = shrunk(resolution, stem.stride)
    layers = [
        Layer(
            operator=f"conv {stem.kernel}x{stem.kernel}",
            size=resolution,
            channels=channels,
            out_size=half,
            out=stem.out,
            macs=first.macs,
            params=first.params,
            kernel=stem.kernel,
            activation=stem.activation,
            stride=stem.stride,
            memory=first.memory,
            text=str(stem),
        )
    ]
    if stem.pool:
        pooled = shrunk(half, 2)
        layers.append(Layer("max-pool 3x3", half, stem.out, pooled, stem.out, kernel=3, stride=2))
    for (block, width, size), counted in zip(arch.walk(resolution), parts, strict=True):
        layers.append(_of_block(block, width, size, counted))
    return layers + _of_head(arch.head, arch.channels, arch.final_size(resolution), num_classes, last)


def _of_block(block: Block, channels: int, size: Size, counted: Cost) -> Layer:
    """A row from the options that blocks have in common, so that a new primitive needs no code here."""
    kernel = getattr(block, "kernel", None)
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(block).__name__).lower()
    return Layer(
        operator=f"{words} {kernel}x{kernel}" if kernel else words,
        size=size,
        channels=channels,
        out_size=shrunk(size, block.stride),
        out=block.out,
        macs=counted.macs,
        params=counted.params,
        kernel=kernel,
        expansion=block.inner_width(channels),
        squeeze_excite=getattr(block, "squeeze_excite", False),
        activation=getattr(block, "activation", ""),
        stride=block.stride,
        groups=getattr(block, "groups", 1),
        memory=counted.memory,
        text=str(block),
    )


def _of_head(head: Head, channels: int, size: Size, num_classes: int, counted: Cost) -> list[Layer]:
    """Up to three layers and the pooling between; the last has what the others leave of the head's cost."""
    layers, width, act, features = [], head.conv or channels, head.activation, head.features
    if head.conv:
        macs, params = channels * width * area(size), width * (channels + 2)
        layers.append(
            Layer("conv 1x1", size, channels, size, width, 0, macs, params, 1, activation=act, text=str(head))
        )
    layers.append(Layer(f"average {told(size)}", size, width, 1, width))
    if features:
        macs, params = width * features, (width + 1) * features
        layers.append(Layer("fully connected", 1, width, 1, features, 0, macs, params, activation=act))
        width = features
    macs = counted.macs - sum(layer.macs for layer in layers)
    params = counted.params - sum(layer.params for layer in layers)
    layers[0] = replace(layers[0], memory=counted.memory)
    return [*layers, Layer("fully connected", 1, width, 1, num_classes, 0, macs, params)]


def _of_reference(of: Reference, side: Size, classes: int, channels: int) -> tuple[list[Layer], Traffic]:
    """One image of no content through the module; other parameters, such as a norm's, belong to the layer before.

    Products outside of its layers, as attention has them, have rows of their own.
    """
    module = of.shapes(classes, channels)
    layers: list[Layer] = []
    seen: set[nn.Module] = set()
    ends: list[int] = []  # behind which operator each row ends
    counter: Counter

    def begin(fresh: Counter) -> None:
        nonlocal counter
        counter = fresh
        layers.clear()
        ends.clear()
        seen.clear()

    def uncovered() -> int:
        """What was counted since the last row."""
        return counter.macs - sum(layer.macs for layer in layers)

    def add_products(*_: object) -> None:
        if macs := uncovered():
            size, width = (layers[-1].out_size, layers[-1].out) if layers else (side, channels)
            add(Layer("product of matrices", size, width, size, width, 0, macs, 0))

    def add(layer: Layer) -> None:
        layers.append(layer)
        ends.append(len(counter.traffic))

    def passed(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        own = sum(p.numel() for p in layer.parameters(recurse=False)) if layer not in seen else 0
        seen.add(layer)
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            add(_of_module(layer, inputs[0], output, uncovered(), own))
        elif layers:
            act = _ACTIVATIONS.get(type(layer).__name__) or layers[-1].activation
            layers[-1] = replace(layers[-1], params=layers[-1].params + own, activation=act)

    for layer in module.modules():
        if not list(layer.children()) or list(layer.parameters(recurse=False)):
            layer.register_forward_pre_hook(add_products)
            layer.register_forward_hook(passed)
    params = count_module(module, channels, side, begin).params
    add_products()
    if left := params - sum(layer.params for layer in layers):
        end = layers[-1]
        layers.append(Layer("other parameters", end.out_size, end.out, end.out_size, end.out, 0, 0, left))
    return _with_memory(layers, ends, counter.traffic), counter.traffic


def _with_memory(layers: list[Layer], ends: list[int], traffic: Traffic) -> list[Layer]:
    """The rows with what the operators need that run from the end of the row before to their own."""
    live = traffic.live()
    spans = pairwise([0, *ends[:-1], len(traffic)])  # what follows the last is the last's
    needs = [max((live.get(i, 0) for i in range(*span)), default=0) for span in spans]
    with_memory = [replace(layer, memory=need) for layer, need in zip(layers, needs, strict=False)]
    return with_memory + layers[len(with_memory) :]


def _of_module(layer: nn.Conv2d | nn.Linear, taken: Tensor, given: Tensor, macs: int, params: int) -> Layer:
    if isinstance(layer, nn.Linear):
        return Layer("fully connected", 1, layer.in_features, 1, layer.out_features, 0, macs, params)
    high, wide = layer.kernel_size
    depthwise = 1 < layer.groups == layer.in_channels == layer.out_channels
    return Layer(
        operator=f"{'depthwise' if depthwise else 'conv'} {high}x{wide}",
        size=size_of(*taken.shape[-2:]),
        channels=layer.in_channels,
        out_size=size_of(*given.shape[-2:]),
        out=layer.out_channels,
        macs=macs,
        params=params,
        kernel=max(high, wide),
        stride=layer.stride[0],
        groups=layer.groups,
    )
