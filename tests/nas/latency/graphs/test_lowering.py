"""Single operators as ONNX Runtime and torch compute them, and what a table of operators cannot tell."""

from collections.abc import Callable

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.common.errors import UserError
from nas.latency import graphs
from nas.latency.graphs import fragment, lower
from nas.latency.graphs.writer import Unsupported
from tests.nas.latency.graphs.running import difference, run


class Function(nn.Module):
    """A function as a module, with some weights for it."""

    def __init__(self, function: Callable[[Tensor, "Function"], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.function = function
        self.conv = nn.Conv2d(8, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8).eval()
        self.vector = nn.Parameter(torch.randn(8, 1, 1))
        nn.init.uniform_(self.norm.running_var, 0.5, 2)  # type: ignore[arg-type]
        nn.init.normal_(self.norm.running_mean)  # type: ignore[arg-type]
        nn.init.normal_(self.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, self)


CASES: dict[str, Callable[[Tensor, Function], Tensor]] = {
    "nothing": lambda x, m: x,
    "relu6": lambda x, m: F.relu6(4 * x),
    "clamp from below": lambda x, m: x.clamp(min=-0.5),
    "clamp from above": lambda x, m: x.clamp(max=0.5),
    "hard swish": lambda x, m: F.hardswish(3 * x),
    "hard sigmoid": lambda x, m: F.hardsigmoid(3 * x),
    "swish": lambda x, m: F.silu(x),
    "gelu": lambda x, m: F.gelu(x),
    "gelu by tanh": lambda x, m: F.gelu(x, approximate="tanh"),
    "leaky relu": lambda x, m: F.leaky_relu(x, 0.2),
    "unary": lambda x, m: (x.abs().sqrt().tanh().exp().sigmoid()).neg(),
    "arithmetic": lambda x, m: (2 - x * 3 + x / 7 - m.vector) * m.vector,
    "in place": lambda x, m: m.conv(x).relu_().add_(1.0),
    "in place twice, seen later": lambda x, m: (lambda y: y.relu_() + y)(m.conv(x)),
    "folded norm": lambda x, m: m.norm(m.conv(x)),
    "folded norm twice": lambda x, m: m.norm(m.norm(m.conv(x))),
    "norm alone": lambda x, m: m.norm(x),
    "norm behind an activation": lambda x, m: m.norm(m.conv(x).relu()),
    "norm of what others read": lambda x, m: (lambda y: m.norm(y) + y)(m.conv(x)),
    "weights used twice": lambda x, m: m.norm(m.conv(m.conv(x))) + m.conv(x),
    "mean over the map": lambda x, m: x.mean((2, 3)),
    "mean kept": lambda x, m: x.mean((-2, -1), keepdim=True),
    "mean over channels": lambda x, m: x.mean(1),
    "maximum": lambda x, m: F.max_pool2d(x, 3, 2, 1),
    "maximum, rounded up": lambda x, m: F.max_pool2d(x, 2, 2, ceil_mode=True),
    "average": lambda x, m: F.avg_pool2d(x, 3, 2, 1),
    "average of what is there": lambda x, m: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False),
    "average to one": lambda x, m: F.adaptive_avg_pool2d(x, 1),
    "average to three": lambda x, m: F.adaptive_avg_pool2d(x, 3),
    "concatenation": lambda x, m: torch.cat((x, m.conv(x)), 1),
    "every other channel": lambda x, m: x[:, 1::2],
    "last channels": lambda x, m: x[:, -3:],
    "halves": lambda x, m: (lambda a, b: b - a)(*x.chunk(2, 1)),
    "unequal parts": lambda x, m: x.split((3, 5), 1)[1],
    "shuffle": lambda x, m: F.channel_shuffle(x, 4),
    "shuffle by hand": lambda x, m: x.view(2, 2, 4, 9, 9).transpose(1, 2).reshape(2, 8, 9, 9),
    "padding": lambda x, m: F.pad(x, (0, 1, 2, 3, 4, 0), value=0.5),
    "permutation": lambda x, m: x.permute(0, 2, 3, 1),
    "linear": lambda x, m: F.linear(x.flatten(2), torch.ones(5, 81), torch.arange(5.0)),
    "linear of rows": lambda x, m: F.linear(x.mean((2, 3)), m.vector.view(1, 8), m.vector.view(8)[:1]),
    "product": lambda x, m: torch.bmm(x.flatten(2), x.flatten(2).transpose(1, 2)),
    "softmax": lambda x, m: x.softmax(1),
    "layer norm": lambda x, m: F.layer_norm(x, (9, 9), torch.ones(9, 9), torch.zeros(9, 9)),
    "dropout and identity": lambda x, m: nn.Identity()(F.dropout(x, training=False)),
    "computed weights": lambda x, m: F.conv2d(x, m.conv.weight.abs() / 3, (m.vector * 2).view(8)),
}


@pytest.mark.parametrize("case", CASES)
def test_it_computes_what_torch_computes(case: str) -> None:
    module, x = Function(CASES[case]).eval(), torch.randn(2, 8, 9, 9)
    written = lower(module, x)
    with torch.no_grad():
        expected = module(x)
    assert written.out_shape == tuple(expected.shape)
    assert difference(run(written, x), expected) < 1e-5


def kinds(case: str) -> list[str]:
    return [node.op_type for node in lower(Function(CASES[case]).eval(), torch.randn(2, 8, 9, 9)).nodes]


def test_a_norm_goes_into_the_convolution_before_it() -> None:
    assert kinds("folded norm") == kinds("folded norm twice") == ["Conv"]
    assert "BatchNormalization" in kinds("norm of what others read")
    assert kinds("norm alone") == ["BatchNormalization"]


def test_hard_swish_is_one_operator_and_a_mean_a_pooling() -> None:
    assert kinds("hard swish") == ["Mul", "HardSwish"]
    assert kinds("mean kept") == ["GlobalAveragePool"]


REFUSED: dict[str, Callable[[Tensor, Function], Tensor]] = {
    "an unknown operator": lambda x, m: x.cumsum(1),
    "a view changed in place": lambda x, m: (lambda y: (y[:, :2].relu_(), y)[1])(m.conv(x)),
    "a scaled sum": lambda x, m: torch.add(x, x, alpha=2),
    "uneven windows": lambda x, m: F.adaptive_avg_pool2d(x, 4),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_table_cannot_tell_is_refused(case: str) -> None:
    with pytest.raises(Unsupported):
        lower(Function(REFUSED[case]).eval(), torch.randn(2, 8, 9, 9))


@pytest.mark.slow
def test_what_the_table_cannot_tell_goes_through_torchs_exporter() -> None:
    """A primitive of a user's own needs no exporter of its own, whatever it is made of."""

    def odd(x: Tensor, module: Function) -> Tensor:
        y = module.norm(module.conv(x)).cumsum(1)
        y[:, :2].relu_()
        return y

    module, x = Function(odd).eval(), torch.randn(2, 8, 9, 9)
    with torch.no_grad():
        expected = module(x)
    assert difference(run(graphs.write(module, x, "a case"), x), expected) < 1e-5


def test_what_nobody_can_write_is_named() -> None:
    def odd(x: Tensor, module: Function) -> Tensor:
        return x if float(x.sum()) > 1e9 else torch.linalg.svd(x.flatten(1))[1]

    with pytest.raises(UserError, match="my block cannot be written as ONNX"):
        graphs.write(Function(odd).eval(), torch.randn(2, 8, 9, 9), "my block")


def test_fragments_follow_each_other_with_weights_of_their_own() -> None:
    module, x = Function(CASES["folded norm"]).eval(), torch.randn(2, 8, 9, 9)
    written = lower(module, x)
    model = fragment.model([written] * 3)
    names = [weight.name for weight in model.graph.initializer]
    assert len(names) == len(set(names)) == 3 * len(written.weights)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    with torch.no_grad():
        expected = module(module(module(x)))
    assert difference(session.run(None, {"x": x.numpy()})[0], expected) < 1e-5


def test_weights_that_nothing_reads_are_left_out() -> None:
    written = lower(Function(CASES["folded norm"]).eval(), torch.randn(2, 8, 9, 9))
    assert len(written.weights) == 2
    assert np.prod(written.weights[0].dims) == 8 * 8 * 9
