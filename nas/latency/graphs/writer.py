"""A fragment of an ONNX graph while it is written: names of tensors, nodes, and the weights that they read."""

from collections import Counter
from typing import Any

import numpy as np
import torch
from onnx import NodeProto, helper
from torch import Tensor

from nas.latency.graphs.fragment import INPUT, Fragment, tensor
from nas.latency.graphs.tape import Recorded, Tape


class Unsupported(Exception):
    """This module cannot be written by the table; the message says why."""


class Writer:
    """The fragment while it is written. Operators call `add`, `name` and the like."""

    def __init__(self, tape: Tape) -> None:
        self._names: dict[int, str] = {id(tape.input): INPUT}
        self._shared: dict[int, set[int]] = {_memory(tape.input): {id(tape.input)}}
        self._uses = Counter(id(read) for step in tape.steps for read in step.inputs)
        self._uses[id(tape.output)] += 1
        self._in_shape = tuple(tape.input.shape)
        self._nodes: dict[str, NodeProto] = {}
        self._constants: dict[str, Tensor] = {}
        self._known: dict[int, str] = {}  # weights by identity: one that is used twice is kept once

    def is_constant(self, step: Recorded) -> bool:
        """Whether a step reads nothing that depends on the input: its result is then a weight.

        Raises Unsupported where a step changes a tensor that is a weight, or of which there are views.
        """
        if step.mutates:
            changed = step.output
            if not isinstance(changed, Tensor) or id(changed) not in self._names:
                raise Unsupported(f"aten::{step.name}_ changes a tensor of the module's own")
            if len(self._shared[_memory(changed)]) > 1:
                raise Unsupported(f"aten::{step.name}_ changes a tensor of which there are views")
        return not any(id(read) in self._names for read in step.inputs)

    def take(self, step: Recorded, made: str | list[str]) -> None:
        """Remember the names of a step's results."""
        outputs = step.output if isinstance(step.output, (tuple, list)) else (step.output,)
        for output, name in zip(outputs, [made] if isinstance(made, str) else made, strict=False):
            self._names[id(output)] = name
            self._shared.setdefault(_memory(output), set()).add(id(output))

    def fragment(self, output: Tensor) -> Fragment:
        """All that was written, with the weights that are used."""
        name = self.name(output)
        if name == INPUT or name in self._constants:
            name = self.add("Identity", name)
        used = {read for node in self._nodes.values() for read in node.input}
        weights = [tensor(key, _numbers(value)) for key, value in self._constants.items() if key in used]
        nodes = tuple(self._nodes.values())
        return Fragment(nodes, tuple(weights), name, self._in_shape, tuple(output.shape))

    def name(self, value: Tensor | None) -> str:
        """Of a tensor that a step reads, be it computed or constant; empty for None (an absent input)."""
        if value is None:
            return ""
        return self._names.get(id(value)) or self.constant(value)

    def constant(self, value: Any) -> str:
        """A weight of these numbers: a tensor, or a Python list, or a number."""
        if not isinstance(value, Tensor):
            is_float = isinstance(value, float)
            value = torch.tensor(value, dtype=torch.float32 if is_float else torch.int64)
        name = self._known.setdefault(id(value), f"w{len(self._known)}")
        self._constants[name] = value
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Write a node of one output, with ONNX's attributes; the name of its output."""
        return self.add_many(1, kind, *inputs, **attributes)[0]

    def add_many(self, outputs: int, kind: str, *inputs: str, **attributes: Any) -> list[str]:
        """Write a node of several outputs; their names."""
        name = f"n{len(self._nodes)}"
        names = [name, *(f"{name}.{index}" for index in range(1, outputs))]
        self._nodes[name] = helper.make_node(kind, inputs, names, **attributes)
        return names

    def foldable(self, value: Tensor) -> NodeProto | None:
        """The convolution that made a tensor which nothing else reads; None for anything else."""
        node = self._nodes.get(self._names.get(id(value), ""))
        if node is None or node.op_type != "Conv" or self._uses[id(value)] != 1:
            return None
        return node if all(name in self._constants for name in node.input[1:]) else None

    def scale(self, node: NodeProto, scale: Tensor, shift: Tensor) -> None:
        """Change a convolution's weights so that it puts out scale * y + shift, a number a channel."""
        weight, *bias = (self._constants[name].double() for name in node.input[1:])
        scaled = weight * scale.view(-1, *[1] * (weight.ndim - 1))
        shifted = bias[0] * scale + shift if bias else shift
        del node.input[1:]
        node.input.extend([self.constant(scaled.float()), self.constant(shifted.float())])


def _memory(value: Tensor) -> int:
    return int(value.untyped_storage()._cdata)


def _numbers(value: Tensor) -> np.ndarray[Any, np.dtype[Any]]:
    return value.detach().cpu().numpy()
