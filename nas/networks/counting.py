"""Counting a module that was built: multiply-adds, parameters and activations, by fvcore."""

import math
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from blocks import Block, Head, Stem
from nas.common.errors import UserError

Part = Stem | Block | Head


@dataclass(frozen=True)
class Cost:
    """What one image costs.

    macs: multiply-adds of convolutions and fully connected layers (batch norm, activations, pooling and
    additions are not counted: the papers' convention). params: all trainable numbers, batch norm's included.
    activations: elements put out by those layers.
    """

    macs: int
    params: int
    activations: int

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.macs + other.macs, self.params + other.params, self.activations + other.activations)


def count(part: Part, channels: int, size: int, classes: int = 0) -> Cost:
    """Count a part, as built behind `channels` channels, by fvcore on one map of size x size.

    Leaves torch's random generator as it is.
    """
    with torch.device("meta"):  # nothing is drawn: the numbers do not matter, the shapes do
        module = build_part(part, channels, classes)
    return count_module(module.to_empty(device="cpu"), channels, size)


def count_module(module: nn.Module, channels: int, size: int) -> Cost:
    """Count a module, put into evaluation mode, on one map [1, channels, size, size].

    One trace serves multiply-adds and activations. On one thread: the maps are small, and elsewhere
    trainings may be using the other cores.
    """
    with warnings.catch_warnings():  # its import speaks of torch.jit.script, which is not ours to mend
        warnings.simplefilter("ignore", FutureWarning)
        from fvcore.nn import FlopCountAnalysis
        from fvcore.nn.jit_handles import addmm_flop_jit, conv_flop_jit, linear_flop_jit

    analysis = FlopCountAnalysis(module.eval(), torch.zeros(1, channels, size, size))
    analysis.clear_op_handles().unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analysis.set_op_handle(
        "aten::_convolution",
        _counting(conv_flop_jit),
        "aten::linear",
        _counting(linear_flop_jit),
        "aten::addmm",
        _counting(addmm_flop_jit),
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        counted = analysis.by_operator()
    except RuntimeError as error:
        if "allocate memory" not in str(error):
            raise
        raise UserError(
            f"a part behind {channels} channels at {size}x{size} does not fit into memory; take smaller widths or "
            "a smaller resolution"
        ) from error
    finally:
        torch.set_num_threads(threads)
    params = sum(p.numel() for p in module.parameters())
    return Cost(int(counted["macs"]), params, int(counted["activations"]))


def _counting(macs: Callable[..., Any]) -> Callable[..., Counter[str]]:
    """fvcore's handle of a multiplying operator, made to count the elements it puts out as well."""
    from fvcore.nn.jit_handles import get_shape

    def handle(inputs: Any, outputs: Any) -> Counter[str]:
        number = macs(inputs, outputs)
        number = sum(number.values()) if isinstance(number, Counter) else number
        return Counter(macs=number, activations=math.prod(get_shape(outputs[0])))

    return handle


def build_part(part: Part, channels: int, classes: int) -> nn.Module:
    """The module of a part behind so many channels, with torch's own batch norm."""
    if isinstance(part, Stem):
        return part.build(nn.BatchNorm2d)
    if isinstance(part, Head):
        return part.build(channels, nn.BatchNorm2d, classes)
    return part.build(channels, nn.BatchNorm2d)
