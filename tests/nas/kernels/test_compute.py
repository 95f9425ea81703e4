from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nas.kernels import compute, library
from nas.kernels.compute import Compute, best, bf16_is_fast, folded

CPU = torch.device("cpu")


def network() -> nn.Sequential:
    """Convolutions with and without a batch norm behind them, of running statistics that are not trivial."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU()),
        nn.Sequential(nn.Conv2d(8, 8, 3, groups=8, bias=True), nn.BatchNorm2d(8, eps=1e-3)),
        nn.BatchNorm2d(8),
        nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU(), nn.BatchNorm2d(8)),
    )
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.running_mean, module.weight.data, module.bias.data):
                assert values is not None
                values.normal_()
            assert module.running_var is not None
            module.running_var.uniform_(0.5, 2)
    return net.eval()


def test_folding_changes_nothing_but_rounding() -> None:
    net, x = network(), torch.randn(4, 3, 9, 9)
    modules, before = list(net.modules()), {k: v.clone() for k, v in net.state_dict().items()}
    with torch.inference_mode():
        expected = net(x)
        with folded(net):
            assert sum(isinstance(m, nn.BatchNorm2d) for m in net.modules()) == 2
            torch.testing.assert_close(net(x), expected)
        assert torch.equal(net(x), expected)
    assert list(net.modules()) == modules
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert all(p.requires_grad and not p.is_inference() for p in net.parameters())


def test_folding_in_bf16_stays_close() -> None:
    net, x = network(), torch.randn(4, 3, 9, 9)
    with torch.inference_mode():
        expected = net(x)
        with Compute(bf16=True).evaluating(net), Compute(bf16=True).precision(CPU):
            found = net(x)
    assert (found.float() - expected).norm() < 0.02 * expected.norm()


def test_folding_is_undone_after_an_error() -> None:
    net = network()
    modules = list(net.modules())
    with pytest.raises(KeyboardInterrupt), folded(net):
        raise KeyboardInterrupt
    assert list(net.modules()) == modules


def test_what_cannot_be_folded_is_left() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)).eval()
    hooked = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).eval()
    seen: list[Tensor] = []
    hooked[0].register_forward_hook(lambda module, args, output: seen.append(output))
    training = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    for one in (net, hooked, training):
        with torch.no_grad(), folded(one):
            one(torch.randn(2, 3, 5, 5))
            assert isinstance(one[1], nn.BatchNorm2d)
    assert len(seen) == 1


@pytest.mark.parametrize("bf16", [False, True])
def test_a_network_is_judged_alike_during_its_training_and_after(bf16: bool) -> None:
    """Its depthwise convolutions are folded too while they stand in for others: else accuracies differ by rounding."""
    how, x = Compute(bf16=bf16), torch.randn(4, 3, 9, 9)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 5, padding=2, groups=8, bias=False), nn.BatchNorm2d(8)
    ).eval()

    def judged() -> Tensor:
        with torch.inference_mode(), how.evaluating(net), how.precision(CPU):
            assert isinstance(net[2], nn.Identity)
            return net(x)

    with how.training(net, CPU):
        assert type(net[1]) is not nn.Conv2d
        during = judged()
    assert torch.equal(during, judged()) and type(net[1]) is nn.Conv2d


def test_without_the_library_the_cpu_computes_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "load", lambda: None)
    assert not bf16_is_fast()
    assert not best(CPU).bf16
    assert best(torch.device("cuda")).bf16


@pytest.mark.skipif(library.load() is None, reason="the library was not built")
def test_bf16_is_probed_without_random_numbers() -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    assert compute._measure_product() > 0
    assert torch.equal(state, torch.get_rng_state())
