"""From an arch to a module: the network of the papers, at any resolution."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import nas
from nas.common.errors import UserError
from nas.networks.building import Network
from search_spaces import Arch, spaces, zoo
from tests import references, strategies
from tests.examples import few
from tests.families import ENTRIES, FAMILIES


def traced(arch: Arch, size: int, final: int = 2) -> tuple[list[tuple[int, int]], torch.Size]:
    """Channels and height of each block's input and of the last output, and the logits' shape."""
    seen: list[tuple[int, int]] = []
    with torch.device("meta"):
        network = nas.build(arch, 10, size, final=final).eval()
        x = torch.empty(2, 3, size, size)
    network.head.register_forward_pre_hook(lambda _, inputs: seen.append((*inputs[0].shape[1:3],)))
    for block in network.blocks:
        block.register_forward_pre_hook(lambda _, inputs: seen.append((*inputs[0].shape[1:3],)))
    with torch.no_grad():
        logits = network(x)
    return seen, logits.shape


@settings(max_examples=few(40))
@given(strategies.archs(most=4), st.sampled_from((9, 17, 33)))
def test_a_network_is_its_arch_as_the_papers_say(arch: Arch, size: int) -> None:
    """The whole of it against plain functions, with strides as `fitted` leaves them."""
    try:
        network = references.randomise(nas.build(arch, 7, size), spread=1.5)
    except UserError as error:
        assert "too small" in str(error)
        return
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, size, size, dtype=torch.float64, generator=draw)
    with torch.no_grad():
        made, expected = network(x), references.network_output(arch.fitted(size), network, x, 7)
    assert made.shape == (2, 7)
    if not made.isfinite().all():
        assert "HSopen" in str(arch), "nothing else grows as the square of its input, layer after layer"
        return
    torch.testing.assert_close(made, expected)


@settings(max_examples=few(15))
@given(strategies.archs(), st.sampled_from((224, 96, 64, 33, 32, 17, 16)), st.sampled_from((2, 4)))
def test_sizes_are_those_of_the_walk(arch: Arch, size: int, final: int) -> None:
    seen, logits = traced(arch, size, final)
    fitted = arch.fitted(size, final)
    walk = [(channels, height) for _, channels, height in fitted.walk(size)]
    assert seen == [*walk, (arch.channels, fitted.final_size(size))]
    assert seen[-1][1] >= final
    assert logits == (2, 10)


@pytest.mark.parametrize("name", ENTRIES)
def test_hand_designed_networks_leave_7_pixels_of_224_and_2_of_32(name: str) -> None:
    arch = zoo.get(name)
    for size, last in ((224, 7), (32, 2)):
        seen, _ = traced(arch, size)
        assert seen[-1] == (arch.channels, last)
        assert seen[0][1] == -(-size // arch.stem.reduction)


@pytest.mark.parametrize("name", [*ENTRIES, "a sample"])
def test_training_is_finite_and_reaches_the_parameters(name: str) -> None:
    arch = spaces.get().sample(np.random.default_rng(3)) if name == "a sample" else zoo.get(name)
    torch.manual_seed(0)
    network = nas.build(arch, 10, 32).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(2):  # the first step opens the residual branches
        optimizer.zero_grad()
        logits = network(torch.randn(4, 3, 32, 32))
        loss = nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 3]))
        torch.autograd.backward([loss])
        optimizer.step()
    assert logits.shape == (4, 10) and logits.isfinite().all()
    reached = []
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        reached.append(bool(parameter.grad.any()))
    assert sum(reached) > 0.98 * len(reached)  # a squeeze of 8 may be dead behind its ReLU


def test_small_images_lose_strides_and_no_parameter() -> None:
    arch = zoo.get("mobilenet_v3_small")
    shapes = [[p.shape for p in nas.build(arch, 10, size).parameters()] for size in (224, 32)]
    assert shapes[0] == shapes[1]


def test_images_too_small_and_no_classes_are_refused() -> None:
    arch = zoo.get("mobilenet_v3_small")
    with pytest.raises(UserError, match="resolution of 2 "):
        nas.build(arch, 10, 2)
    for classes in (0, -1):
        with pytest.raises(UserError, match="num_classes"):
            nas.build(arch, classes)


def test_weights_are_drawn_as_torchvisions_and_by_the_seed() -> None:
    def network(seed: int) -> Network:
        torch.manual_seed(seed)
        return nas.build(zoo.get("mobilenet_v3_small"), 10, 32)

    one, same, other = (list(network(seed).parameters()) for seed in (0, 0, 1))
    assert all(torch.equal(p, q) for p, q in zip(one, same, strict=True))
    assert not torch.equal(one[0], other[0])
    for layer in network(0).modules():
        if isinstance(layer, nn.Conv2d) and layer.weight.numel() > 5000:
            fan_out = layer.weight.shape[0] * layer.weight[0, 0].numel()
            assert layer.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.1)
        if isinstance(layer, nn.Linear):
            assert layer.weight.std().item() == pytest.approx(0.01, rel=0.1)
        if isinstance(layer, (nn.Conv2d, nn.Linear)) and layer.bias is not None:
            assert not layer.bias.any()


@pytest.mark.parametrize(("name", "eps"), [("mobilenet_v3_small", 1e-3), ("shufflenet_v2", 1e-5)])
def test_eps_reaches_every_batch_norm(name: str, eps: float) -> None:
    norms = [m for m in nas.build(zoo.get(name), 10).modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) > 20 and all(norm.eps == eps for norm in norms)


def test_dropout_is_before_the_classifier() -> None:
    network = nas.build(zoo.get("mobilenet_v3_small"), 10, 32, dropout=0.3)
    dropouts = [m for m in network.modules() if isinstance(m, nn.Dropout)]
    assert len(dropouts) == 1 and dropouts[0].p == 0.3
    order = [type(layer) for layer in network.modules()]
    assert order[order.index(nn.Dropout) + 1] is nn.Linear and order.index(nn.Dropout) == len(order) - 2
    assert not any(isinstance(m, nn.Dropout) for m in nas.build(zoo.get("mobilenet_v2"), 10).modules())


def test_a_network_does_not_change_its_images() -> None:
    for name in FAMILIES:
        network, x = nas.build(zoo.get(name), 10, 32).eval(), torch.rand(1, 3, 32, 32)
        kept: Tensor = x.clone()
        network(x)
        assert torch.equal(x, kept)
