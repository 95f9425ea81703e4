"""From the operators that a module executes to a fragment of an ONNX graph.

One table, `nas.latency.graphs.operators`, says how each aten operator is written. Batch norm goes into the
convolution before it, whatever Python is between the two. What depends on no input is a weight.
"""

from torch import Tensor, nn

from nas.latency.graphs.fragment import Fragment
from nas.latency.graphs.operators import OPERATORS
from nas.latency.graphs.tape import record
from nas.latency.graphs.writer import Unsupported, Writer


def lower(module: nn.Module, x: Tensor) -> Fragment:
    """What the module, in evaluation mode, computes for an input such as `x`.

    Raises Unsupported for operators that the table does not have, and where memory is shared in a way that
    single operators do not tell.
    """
    tape = record(module, x)
    if not isinstance(tape.output, Tensor):
        raise Unsupported(f"its output is no tensor but {type(tape.output).__name__}")
    writer = Writer(tape)
    for step in tape.steps:
        if writer.is_constant(step):
            continue
        operator = OPERATORS.get(step.name)
        if operator is None:
            raise Unsupported(f"no rule for aten::{step.name}")
        writer.take(step, operator(writer, step.arguments, step.output))
    return writer.fragment(tape.output)
