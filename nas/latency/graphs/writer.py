"""From what a module computes to a fragment of an ONNX graph: the operators recorded, and the nodes written."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from onnx import NodeProto, helper, numpy_helper
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nas.latency.graphs.fragment import INPUT, Fragment


@dataclass(frozen=True)
class Recorded:
    """One operator: `relu` for `aten::relu_`, whose arguments stand under their names in its schema."""

    name: str
    arguments: dict[str, Any]
    output: Any
    mutates: bool

    @property
    def inputs(self) -> list[Tensor]:
        """The tensors it reads, those in lists included."""
        return [leaf for leaf in tree_leaves(self.arguments) if isinstance(leaf, Tensor)]


def record(module: nn.Module, x: Tensor) -> tuple[list[Recorded], Any]:
    """What one run of a module, in evaluation mode and on one thread, executes on `x`, and its output.

    It is run for real; each operator passes through a dispatch mode, which writes it down. That takes a few
    milliseconds for a block, needs no tracer's understanding of the module's Python, and leaves the values of
    everything that does not depend on the input at hand. The steps keep all tensors: none gives its identity on.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        recorder = _Recorder()
        with torch.no_grad(), recorder:
            output = module.eval()(x)
    finally:
        torch.set_num_threads(threads)
    return recorder.steps, output


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.steps: list[Recorded] = []

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = function(*args, **(kwargs or {}))
        schema = function._schema
        arguments = {spec.name: spec.default_value for spec in schema.arguments if spec.has_default_value()}
        arguments.update(zip((spec.name for spec in schema.arguments), args, strict=False))
        arguments.update(kwargs or {})
        name = schema.name.removeprefix("aten::")
        mutates = schema.is_mutable
        self.steps.append(Recorded(name.removesuffix("_") if mutates else name, arguments, output, mutates))
        return output


class Unsupported(Exception):
    """This module cannot be written by the table; the message says why."""


class Writer:
    """The fragment while it is written. Operators call `add`, `name` and the like."""

    def __init__(self, x: Tensor, steps: Sequence[Recorded], output: Tensor) -> None:
        self._names: dict[int, str] = {id(x): INPUT}
        self._shared: dict[int, set[int]] = {_memory(x): {id(x)}}
        self._uses = Counter(id(read) for step in steps for read in step.inputs)
        self._uses[id(output)] += 1
        self._input, self._output = x, output
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

    def fragment(self) -> Fragment:
        """All that was written, with the weights that are used."""
        output = self.name(self._output)
        if output == INPUT or output in self._constants:
            output = self.add("Identity", output)
        nodes = tuple(self._nodes.values())
        used = {read for node in nodes for read in node.input}
        kept = {name: w.detach().cpu().numpy() for name, w in self._constants.items() if name in used}
        weights = tuple(numpy_helper.from_array(array, name) for name, array in kept.items())
        return Fragment(nodes, weights, output, tuple(self._input.shape), tuple(self._output.shape))

    def name(self, value: Tensor | None) -> str:
        """Of a tensor that a step reads, be it computed or constant; empty for None (an absent input)."""
        if value is None:
            return ""
        return self._names.get(id(value)) or self.constant(value)

    def constant(self, value: Any) -> str:
        """A weight of these numbers: a tensor, a list of whole numbers, or a number."""
        value = torch.as_tensor(value, dtype=None if isinstance(value, Tensor | float) else torch.int64)
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
