"""How each aten operator is written in ONNX: one table, by the operator's name.

An entry is given the writer, the operator's arguments by the names of its schema, and its result as torch computed
it, of which it may use the shape. It returns the name of what it wrote, in opset 20. Where several operators would do,
the one is taken that deployed networks have (a global average pooling for a mean over the map).
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nas.latency.graphs.writer import Unsupported, Writer

Arguments = dict[str, Any]
Operator = Callable[[Writer, Arguments, Any], str | list[str]]


def _convolution(to: Writer, a: Arguments, out: Tensor) -> str:
    if a["transposed"]:
        raise Unsupported("a transposed convolution")
    bias = [] if a["bias"] is None else [to.name(a["bias"])]
    return to.add(
        "Conv",
        to.name(a["input"]),
        to.name(a["weight"]),
        *bias,
        kernel_shape=list(a["weight"].shape[2:]),
        strides=list(a["stride"]),
        pads=list(a["padding"]) * 2,
        dilations=list(a["dilation"]),
        group=a["groups"],
    )


def _batch_norm(to: Writer, a: Arguments, out: Any) -> list[str]:
    """Into the convolution before it where nothing else reads that."""
    mean, variance = a["running_mean"], a["running_var"]
    if a.get("training") or mean is None:
        raise Unsupported("a batch norm without running statistics")
    ones = torch.ones_like(mean)
    weight = ones if a["weight"] is None else a["weight"]
    bias = 0 * ones if a["bias"] is None else a["bias"]
    convolution = to.foldable(a["input"])
    if convolution is None:
        names = [to.name(value) for value in (a["input"], weight, bias, mean, variance)]
        return [to.add("BatchNormalization", *names, epsilon=a["eps"])]
    scale = weight.double() / (variance.double() + a["eps"]).sqrt()
    to.scale(convolution, scale, bias.double() - mean.double() * scale)
    return [convolution.output[0]]


def _binary(kind: str) -> Callable[[Writer, Arguments, Any], str]:
    def write(to: Writer, a: Arguments, out: Any) -> str:
        if a.get("alpha", 1) != 1 or a.get("rounding_mode"):
            raise Unsupported(f"{kind} with a factor or rounding")
        return to.add(kind, *(_operand(to, a[side]) for side in ("self", "other")))

    return write


def _operand(to: Writer, value: Tensor | float) -> str:
    if isinstance(value, Tensor) and value.dtype != torch.float32:
        raise Unsupported(f"arithmetic in {value.dtype}")
    return to.name(value) if isinstance(value, Tensor) else to.constant(float(value))


def _node(kind: str, *inputs: str, **attributes: float | str) -> Operator:
    """One node of arguments of these names; an attribute that is a text is the argument of that name."""

    def write(to: Writer, a: Arguments, out: Any) -> str:
        given = {name: a[value] if isinstance(value, str) else value for name, value in attributes.items()}
        return to.add(kind, *(to.name(a[name]) for name in inputs), **given)

    return write


def _clip(low: str, high: str) -> Operator:
    """A clamp between two arguments of these names, either of which may be missing."""

    def write(to: Writer, a: Arguments, out: Tensor) -> str:
        bounds = [a.get(name) for name in (low, high)]
        names = ["" if bound is None else to.constant(float(bound)) for bound in bounds]
        return to.add("Clip", to.name(a["self"]), *names[: 2 if names[1] else 1])

    return write


def _mean(to: Writer, a: Arguments, out: Tensor) -> str:
    x, rank = a["self"], a["self"].ndim
    axes = sorted(axis % rank for axis in a["dim"] or range(rank))
    if rank == 4 and axes == [2, 3]:
        pooled = to.add("GlobalAveragePool", to.name(x))
        return pooled if a["keepdim"] else to.add("Flatten", pooled)
    return to.add("ReduceMean", to.name(x), to.constant(axes), keepdims=int(a["keepdim"]))


def _pair(value: list[int]) -> list[int]:
    """Two numbers, where torch lets one stand for both."""
    return list(value) * (2 if len(value) == 1 else 1)


def _window(a: Arguments) -> dict[str, Any]:
    """ONNX's attributes of a pooling; without a stride of its own it goes on by its kernel."""
    kernel = _pair(a["kernel_size"])
    stride, pads = _pair(a["stride"] or kernel), _pair(a["padding"]) * 2
    return {"kernel_shape": kernel, "strides": stride, "pads": pads, "ceil_mode": int(a["ceil_mode"])}


def _max_pool(to: Writer, a: Arguments, out: Any) -> list[str]:
    return [to.add("MaxPool", to.name(a["self"]), **_window(a), dilations=_pair(a["dilation"]))]


def _average_pool(to: Writer, a: Arguments, out: Tensor) -> str:
    if a["divisor_override"] is not None:
        raise Unsupported("an average pooling with a divisor of its own")
    counted = int(a["count_include_pad"])
    return to.add("AveragePool", to.name(a["self"]), **_window(a), count_include_pad=counted)


def _adaptive_average_pool(to: Writer, a: Arguments, out: Tensor) -> str:
    """An ordinary pooling where the input's sides are multiples of the output's."""
    sides = list(zip(a["self"].shape[2:], out.shape[2:], strict=True))
    if any(side % made for side, made in sides):
        raise Unsupported("an adaptive pooling whose windows differ")
    kernel = [side // made for side, made in sides]
    return to.add("AveragePool", to.name(a["self"]), kernel_shape=kernel, strides=kernel)


def _slice(to: Writer, a: Arguments, out: Tensor) -> str:
    start, end = a["start"] or 0, math.inf if a["end"] is None else a["end"]
    bounds = (start, min(end, 2**31 - 1), a["dim"], a["step"])
    return to.add("Slice", to.name(a["self"]), *(to.constant([bound]) for bound in bounds))


def _split(to: Writer, a: Arguments, out: list[Tensor]) -> list[str]:
    sizes = [part.shape[a["dim"]] for part in out]
    return to.add_many(len(out), "Split", to.name(a["self"]), to.constant(sizes), axis=a["dim"])


def _reshape(to: Writer, a: Arguments, out: Tensor) -> str:
    """All that only names the elements' places anew: shapes are known numbers here."""
    return to.add("Reshape", to.name(a["self"]), to.constant(list(out.shape)))


def _transpose(to: Writer, a: Arguments, out: Tensor) -> str:
    order = list(range(out.ndim))
    first, second = a.get("dim0", 0), a.get("dim1", 1)
    order[first], order[second] = order[second], order[first]
    return to.add("Transpose", to.name(a["self"]), perm=order)


def _channel_shuffle(to: Writer, a: Arguments, out: Tensor) -> str:
    images, channels, *sides = out.shape
    apart = to.constant([images, a["groups"], channels // a["groups"], *sides])
    turned = to.add("Transpose", to.add("Reshape", to.name(a["self"]), apart), perm=[0, 2, 1, 3, 4])
    return to.add("Reshape", turned, to.constant(list(out.shape)))


def _pad(to: Writer, a: Arguments, out: Tensor) -> str:
    """Torch counts from the last axis, in pairs; ONNX gives all beginnings, then all ends."""
    pairs = [a["pad"][i : i + 2] for i in range(0, len(a["pad"]), 2)]
    pairs = [[0, 0]] * (out.ndim - len(pairs)) + pairs[::-1]
    amounts = [pair[side] for side in (0, 1) for pair in pairs]
    return to.add("Pad", to.name(a["self"]), to.constant(amounts), to.constant(float(a["value"])))


def _linear(to: Writer, a: Arguments, out: Tensor) -> str:
    if a["beta"] != 1 or a["alpha"] != 1:
        raise Unsupported("a sum of products with factors")
    return to.add("Gemm", *(to.name(a[name]) for name in ("mat1", "mat2", "self")))


def _layer_norm(to: Writer, a: Arguments, out: Any) -> list[str]:
    if a["weight"] is None or a["bias"] is None:
        raise Unsupported("a layer norm without weight or bias")
    names = [to.name(a[name]) for name in ("input", "weight", "bias")]
    return [to.add("LayerNormalization", *names, axis=-len(a["normalized_shape"]), epsilon=a["eps"])]


def _same(to: Writer, a: Arguments, out: Tensor) -> str:
    if out.dtype != a["self"].dtype:
        raise Unsupported(f"a conversion to {out.dtype}")
    return to.name(a["self"])


OPERATORS: dict[str, Operator] = {
    "convolution": _convolution,
    "native_batch_norm": _batch_norm,
    "_native_batch_norm_legit_no_training": _batch_norm,
    "relu": _node("Relu", "self"),
    "hardtanh": _clip("min_val", "max_val"),
    "clamp": _clip("min", "max"),
    "clamp_min": _clip("min", ""),
    "hardswish": _node("HardSwish", "self"),
    "hardsigmoid": _node("HardSigmoid", "self", alpha=1 / 6, beta=0.5),
    "sigmoid": _node("Sigmoid", "self"),
    "silu": lambda to, a, out: to.add("Mul", to.name(a["self"]), to.add("Sigmoid", to.name(a["self"]))),
    "gelu": _node("Gelu", "self", approximate="approximate"),
    "tanh": _node("Tanh", "self"),
    "exp": _node("Exp", "self"),
    "neg": _node("Neg", "self"),
    "abs": _node("Abs", "self"),
    "sqrt": _node("Sqrt", "self"),
    "leaky_relu": _node("LeakyRelu", "self", alpha="negative_slope"),
    "add": _binary("Add"),
    "sub": _binary("Sub"),
    "rsub": lambda to, a, out: _binary("Sub")(to, {**a, "self": a["other"], "other": a["self"]}, out),
    "mul": _binary("Mul"),
    "div": _binary("Div"),
    "mean": _mean,
    "max_pool2d_with_indices": _max_pool,
    "avg_pool2d": _average_pool,
    "_adaptive_avg_pool2d": _adaptive_average_pool,
    "cat": lambda to, a, out: to.add("Concat", *map(to.name, a["tensors"]), axis=a["dim"]),
    "slice": _slice,
    "split": _split,
    "split_with_sizes": _split,
    "view": _reshape,
    "_unsafe_view": _reshape,
    "unsqueeze": _reshape,
    "squeeze": _reshape,
    "permute": lambda to, a, out: to.add(
        "Transpose", to.name(a["self"]), perm=[axis % out.ndim for axis in a["dims"]]
    ),
    "transpose": _transpose,
    "t": _transpose,
    "channel_shuffle": _channel_shuffle,
    "native_channel_shuffle": _channel_shuffle,
    "constant_pad_nd": _pad,
    "addmm": _linear,
    "mm": _node("MatMul", "self", "mat2"),
    "bmm": _node("MatMul", "self", "mat2"),
    "_softmax": _node("Softmax", "self", axis="dim"),
    "native_layer_norm": _layer_norm,
    "clone": _same,
    "_to_copy": _same,
    "alias": _same,
    "detach": _same,
}
