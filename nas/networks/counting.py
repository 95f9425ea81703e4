"""Counting a module that was built: multiply-adds, parameters, activations and bytes, from the shapes that pass.

An image of no content (a tensor on torch's `meta` device) is sent through the module, and each of torch's elementary
operators that it meets is counted by its shapes. So every way of writing a product counts, whatever module it is
written in, and nothing is computed.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from blocks import Block, Head, Stem
from nas.common.errors import UserError
from nas.common.sizes import Size, area, sides, told
from nas.networks.bounds import check_numbers
from nas.networks.memory import Traffic

Part = Stem | Block | Head


@dataclass(frozen=True)
class Cost:
    """What one image costs.

    macs: multiply-adds of convolutions, fully connected layers and other products of matrices, those of attention
    among them (normalisation, activations, pooling, resampling and what is done element by element are not counted:
    the papers' convention). params: all trainable numbers, batch norm's included. activations: elements put out by
    the operators that are counted. weights: bytes at int8 (`weight_bytes`). memory: bytes at int8 of the tensors that
    are needed at once, where most are (`memory.Traffic`). uncounted: operators that may multiply and cannot be counted,
    by torch's names.
    """

    macs: int
    params: int
    activations: int
    weights: int = 0
    memory: int = 0
    uncounted: tuple[str, ...] = ()

    def __add__(self, other: Cost) -> Cost:
        """One after the other: all add up, but of the memory the larger is needed."""
        return Cost(
            self.macs + other.macs,
            self.params + other.params,
            self.activations + other.activations,
            self.weights + other.weights,
            max(self.memory, other.memory),
            tuple(sorted({*self.uncounted, *other.uncounted})),
        )


def count(part: Part, channels: int, size: Size, classes: int = 0) -> Cost:
    """Count a part, as built behind `channels` channels, on one map of this size.

    Leaves torch's random generator as it is. Raises UserError for what is too large for any machine.
    """
    try:
        with torch.device("meta"):  # nothing is drawn: the numbers do not matter, the shapes do
            module = build_part(part, channels, classes)
        return count_module(module, channels, size)
    except (RuntimeError, TypeError, OverflowError) as error:
        if "verflow" in str(error):  # of the 64 bits of a size
            raise UserError(
                f"{part} behind {channels} channels at {told(size)} is too large to be counted; take smaller widths"
            ) from None
        raise


def count_module(
    module: nn.Module, channels: int, size: Size, begin: Callable[[Counter], None] | None = None
) -> Cost:
    """Count a module, put into evaluation mode, on one map [1, channels, height, width].

    The module is moved to the `meta` device, which leaves it without its numbers; where it cannot run there, because
    it looks at values, it is counted while it computes, on zeros. `begin` is called with the counter of each
    attempt. Raises UserError where that takes more memory than there is, and what the module raises.
    """
    params, weights = sum(p.numel() for p in module.parameters()), weight_bytes(module)
    try:
        counter = _pass(module.to("meta"), torch.empty(1, channels, *sides(size), device="meta"), begin)
    except (RuntimeError, NotImplementedError):
        check_numbers(params, channels * area(size), size)
        module.to_empty(device="cpu")
        for tensor in (*module.parameters(), *module.buffers()):
            tensor.detach().zero_()
        try:
            counter = _pass(module, torch.zeros(1, channels, *sides(size)), begin)
        except RuntimeError as error:
            if "allocate memory" not in str(error):
                raise
            raise UserError(
                f"a part behind {channels} channels at {told(size)} does not fit into memory; take smaller "
                "widths or a smaller resolution"
            ) from error
    names = tuple(sorted(counter.uncounted))
    return Cost(counter.macs, params, counter.activations, weights, counter.traffic.peak(), names)


def weight_bytes(module: nn.Module) -> int:
    """What a module's weights take at int8: a byte a weight, four bytes a number of what is a vector.

    Vectors are biases, kept as int32, and batch norm's scales and shifts, which come down to a bias and a float32 scale
    for each channel that a convolution puts out. The file around them is not counted.
    """
    return sum(p.numel() * (1 if p.dim() > 1 else 4) for p in module.parameters())


def _pass(module: nn.Module, image: Tensor, begin: Callable[[Counter], None] | None) -> Counter:
    """One image through the module. On one thread: elsewhere trainings may be using the other cores."""
    counter, threads = Counter(image), torch.get_num_threads()
    if begin:
        begin(counter)
    torch.set_num_threads(1)
    try:
        with torch.no_grad(), image.device, _elementary(), counter:
            counter.traffic.finish(module.eval()(image))
    finally:
        torch.set_num_threads(threads)
    return counter


@contextmanager
def _elementary() -> Iterator[None]:
    """Attention as products of matrices and not as one operator for all of an encoder's layer."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


class Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it so
    """Within this context every elementary operator is counted: `macs`, `activations`, names `uncounted`.

    `traffic` has the tensors that come of `image`.
    """

    def __init__(self, image: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.traffic = Traffic(image)
        self.macs = self.activations = 0
        self.uncounted: set[str] = set()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # or torch loads its compiler, a second and more, at the first operator

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Do what the operator does, and count it."""
        name = func.name().partition(".")[0].removeprefix("aten::")
        out = _shaped(name, args)
        if out is None:
            out = func(*args, **(kwargs or {}))
        if name in _PRODUCTS:
            first = out[0] if isinstance(out, tuple) else out
            self.macs += _PRODUCTS[name](args, first)
            self.activations += first.numel()
        elif not _is_free(func, name):
            self.uncounted.add(name)
        pointwise = torch.Tag.pointwise in func.tags or name.rstrip("_") in _POINTWISE
        depthwise = name == "convolution" and _is_depthwise(args)
        self.traffic.record(func, (args, kwargs), out, pointwise=pointwise, depthwise=depthwise)
        return out


def _shaped(name: str, args: tuple[Any, ...]) -> Any:
    """What the commonest operators put out, by shape alone; None of others.

    torch asks its compiler for these shapes, which takes a second to load and four times as long at each.
    """
    if not (args and isinstance(args[0], Tensor) and args[0].is_meta and args[0].is_floating_point()):
        return None
    first = args[0]
    if name in _BATCH_NORMS:
        return torch.empty_like(first), first.new_empty(0), first.new_empty(0)
    if name == "addmm":
        return torch.ops.aten.mm.default(*args[1:3])
    if name == "mean" and len(args) > 1:
        return torch.ops.aten.sum.dim_IntList(*args[:3])
    outplace = name.removesuffix("_")
    if outplace not in (*_ACTIVATIONS, "add", "mul"):
        return None
    if outplace != name:
        return first
    broadcast: Callable[..., torch.Size] = torch.broadcast_shapes
    return first.new_empty(broadcast(*(one.shape for one in args[:2] if isinstance(one, Tensor))))


def _convolution(args: tuple[Any, ...], out: Tensor) -> int:
    """Every weight is used at every place of the output, or of the input where it is transposed."""
    inputs, weight, transposed = args[0], args[1], bool(args[6])
    places: int = (inputs if transposed else out)[:, 0].numel()
    return places * int(weight.numel())


def _is_depthwise(args: tuple[Any, ...]) -> bool:
    """Whether each channel that a convolution puts out is made of the channel in its place."""
    return not args[6] and 1 < int(args[8]) == args[0].shape[1] == args[1].shape[0]


def _attention(args: tuple[Any, ...], out: Tensor) -> int:
    """Queries [..., L, E] by keys [..., S, E], then weights [..., L, S] by values [..., S, V]."""
    query, key, value = args[:3]
    pairs: int = math.prod(query.shape[:-1]) * key.shape[-2]
    return pairs * int(query.shape[-1] + value.shape[-1])


def _inner(first: int) -> Callable[[tuple[Any, ...], Tensor], int]:
    """Elements put out, each a sum over the last axis of the operator's argument at this place."""
    return lambda args, out: out.numel() * args[first].shape[-1]


_PRODUCTS: dict[str, Callable[[tuple[Any, ...], Tensor], int]] = {
    "convolution": _convolution,
    "_convolution": _convolution,
    "convolution_overrideable": _convolution,
    "mm": _inner(0),
    "bmm": _inner(0),
    "mv": _inner(0),
    "dot": _inner(0),
    "vdot": _inner(0),
    "addmm": _inner(1),
    "addmv": _inner(1),
    "baddbmm": _inner(1),
    "_addmm_activation": _inner(1),
    "addbmm": lambda args, out: args[1].shape[0] * out.numel() * args[1].shape[-1],
    "linear": _inner(0),
    "_scaled_dot_product_flash_attention": _attention,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "_scaled_dot_product_efficient_attention": _attention,
    "_scaled_dot_product_cudnn_attention": _attention,
    "_scaled_dot_product_fused_attention_overrideable": _attention,
}
_ACTIVATIONS = ("relu", "hardtanh", "hardswish", "hardsigmoid", "sigmoid", "silu")
_BATCH_NORMS = ("native_batch_norm", "_native_batch_norm_legit_no_training")
_POINTWISE = {*_ACTIVATIONS, *_BATCH_NORMS, "prelu", "_prelu_kernel", "native_dropout"}
"""What is done element by element, beside the operators that torch's tags tell."""
_NORMS = """
cudnn_batch_norm _native_batch_norm_legit native_layer_norm native_group_norm _fused_rms_norm rms_norm
_softmax _log_softmax _safe_softmax
"""
_POOLING = """
avg_pool1d avg_pool2d avg_pool3d max_pool2d_with_indices max_pool3d_with_indices adaptive_max_pool2d
_adaptive_avg_pool2d _adaptive_avg_pool3d mean sum var std var_mean linalg_vector_norm norm upsample_nearest1d
upsample_nearest2d _upsample_nearest_exact2d upsample_linear1d upsample_bilinear2d _upsample_bilinear2d_aa
upsample_bicubic2d _upsample_bicubic2d_aa grid_sampler_2d
"""
_MOVES = """
_unsafe_view unsafe_split unsafe_split_with_sizes cat stack constant_pad_nd reflection_pad1d reflection_pad2d
replication_pad2d roll flip repeat index index_select index_put gather scatter scatter_add masked_select take
im2col col2im channel_shuffle native_channel_shuffle pixel_shuffle pixel_unshuffle copy clone _to_copy
as_strided embedding tril triu sort topk argmax argmin argsort nonzero unique _unique2 one_hot max min amax
amin aminmax any all
"""
_MADE = """
empty empty_like empty_strided new_empty new_zeros new_ones new_full zeros zeros_like ones ones_like full full_like
arange linspace eye scalar_tensor rand randn randperm bernoulli zero fill _local_scalar_dense lift_fresh detach alias
_assert_async set resize
"""
_ELEMENTS = "floor_divide prelu _prelu_kernel native_dropout cumsum cumprod glu"
_FREE = {*_BATCH_NORMS, *_ACTIVATIONS, *f"{_NORMS}{_POOLING}{_MOVES}{_MADE}{_ELEMENTS}".split()}
"""Operators, without the underscore of what works in place, beside those that torch's tags tell."""


def _is_free(func: Any, name: str) -> bool:
    """Whether an operator is one of those that by the papers' convention cost no multiply-adds."""
    if not func.name().startswith(("aten::", "prim::", "prims::")):
        return False  # a library's or a user's own: nobody knows what it does
    free = {torch.Tag.pointwise, torch.Tag.reduction, torch.Tag.inplace_view} & set(func.tags)
    return bool(free) or func.is_view or name.rstrip("_") in _FREE


def recount(module: nn.Module, channels: int, size: Size) -> int:
    """Multiply-adds by fvcore, another counter: it traces the module while that computes on zeros.

    fvcore knows convolutions, fully connected layers and products of matrices; of convolutions those only whose
    padding is given as numbers.
    """
    with warnings.catch_warnings():  # its import speaks of torch.jit.script, which is not ours to mend
        warnings.simplefilter("ignore", FutureWarning)
        from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(module.eval(), torch.zeros(1, channels, *sides(size)))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    products = ("conv", "linear", "addmm", "mm", "matmul", "bmm", "einsum")
    return int(sum(number for name, number in analysis.by_operator().items() if name in products))


def build_part(part: Part, channels: int, classes: int) -> nn.Module:
    """The module of a part behind so many channels, with torch's own batch norm."""
    if isinstance(part, Stem):
        return part.build(nn.BatchNorm2d, channels)
    if isinstance(part, Head):
        return part.build(channels, nn.BatchNorm2d, classes)
    return part.build(channels, nn.BatchNorm2d)
