"""What a module computes, as the list of aten operators that one run of it executes.

The module is run once, for real, on one input; each operator passes through a dispatch mode, which writes it
down. That takes a few milliseconds for a block, needs no tracer's understanding of the module's Python, and
leaves the values of everything that does not depend on the input at hand.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


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


@dataclass(frozen=True)
class Tape:
    """The steps in their order. All tensors are kept, so that none's identity is given to another."""

    input: Tensor
    output: Any
    steps: tuple[Recorded, ...]


def record(module: nn.Module, x: Tensor) -> Tape:
    """Run a module, in evaluation mode, on `x` and write down what is executed. On one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        recorder = _Recorder()
        with torch.no_grad(), recorder:
            output = module.eval()(x)
    finally:
        torch.set_num_threads(threads)
    return Tape(x, output, tuple(recorder.steps))


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
