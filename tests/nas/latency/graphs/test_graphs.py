"""Graphs of parts and networks against the modules they were written from."""

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from blocks import BLOCKS
from nas import build
from nas.common.errors import UserError
from nas.latency import Conditions, graphs
from nas.latency.graphs import fragment, lower
from nas.networks.building import Network
from nas.networks.cost import part_keys
from nas.networks.counting import build_part
from nas.networks.references import reference
from search_spaces import Arch, zoo
from tests.examples import few
from tests.nas.latency.graphs.running import difference, run
from tests.references import randomise
from tests.strategies import archs, blocks_behind

SIDE = 33


def unit_scale(module: nn.Module) -> nn.Module:
    """Random weights, batch norms that put out unit scale: fresh ones put out next to nothing."""
    randomise(module)
    norms = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        module.train()(pictures(8).double())
    return module.float().eval()


def pictures(count: int, side: int = SIDE) -> Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def parts(network: Network) -> list[nn.Module]:
    return [network.stem, *network.blocks, network.head]


def run_whole(network: Network, x: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Each part is written by the table of operators alone, then they run one behind the other."""
    fragments, y = [], x
    with torch.no_grad():
        for part in parts(network):
            fragments.append(lower(part, y))
            y = part(y)
    session = onnxruntime.InferenceSession(fragment.model(fragments).SerializeToString())
    made: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = session.run(None, {"x": x.numpy()})[0]
    return made


@settings(max_examples=few(20))
@given(arch=archs(most=4))
def test_random_archs_of_all_primitives_compute_what_torch_computes(arch: Arch) -> None:
    """To 1e-5, where single precision itself is good for that: some activations magnify what is rounded."""
    try:
        network = build(arch, 7, SIDE)
    except UserError:  # too small for it
        assume(False)
    unit_scale(network)
    x = pictures(2)
    made = run_whole(network, x)
    with torch.no_grad():
        single = network(x)
        exact = network.double()(x.double())
    assume(exact.std() > 1e-3)
    rounding = difference(single.numpy(), exact)
    assume(rounding < 1.5e-6)
    assert difference(made, exact) < 1e-5


@pytest.mark.parametrize("token", BLOCKS)
@settings(max_examples=few(5))
@given(data=st.data())
def test_every_primitive_is_written_by_the_table(token: str, data: st.DataObject) -> None:
    """Without torch's exporter: milliseconds."""
    block = data.draw(blocks_behind(16, BLOCKS[token])).canonical(16)
    module = randomise(build_part(block, 16, 0)).float()
    x = torch.randn(1, 16, 17, 17)
    with torch.no_grad():
        expected = module.eval()(x)
    assert difference(run(lower(module, x), x), expected) < 1e-5


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "shufflenet_v2_x0.5", "mobilenext_x0.35"])
def test_networks_of_the_zoo_compute_what_torch_computes(name: str) -> None:
    """Each part to 1e-5; the whole to that as well, or as far as single precision takes torch itself."""
    network = build(zoo.get(name), 10, SIDE)
    unit_scale(network)
    x = y = pictures(2)
    with torch.no_grad():
        for part in parts(network):
            expected = part(y)
            assert difference(run(lower(part, y), y), expected) < 1e-5
            y = expected
        exact = network.double()(x.double())
    assert exact.std() > 0.1
    rounding = difference(y.numpy(), exact)
    assert difference(run_whole(network.float(), x), exact) < max(1e-5, 10 * rounding)


def test_a_network_is_its_entries_one_behind_the_other() -> None:
    arch, conditions = zoo.get("mobilenet_v3_small"), Conditions(resolution=64, batch=2, classes=5)
    model = graphs.written(arch, conditions)
    keys = part_keys(arch.fitted(64), 64, 5)
    nodes = [node.op_type for key in keys for node in graphs.part_fragment(key, conditions).nodes]
    assert [node.op_type for node in model.graph.node] == [*nodes, "Identity"]
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (y,) = session.run(None, {"x": np.zeros((2, 3, 64, 64), np.float32)})
    assert y.shape == (2, 5)
    assert np.isfinite(y).all()


def test_an_entry_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    write = graphs.write
    monkeypatch.setattr(
        graphs, "write", lambda module, x, what: written.append(what) or write(module, x, what)
    )
    graphs.part_fragment.cache_clear()
    arch = Arch.parse("stem8-ir8-3xir16_t2-head")
    for _ in range(2):
        graphs.written(arch, Conditions(resolution=32))
    assert sorted(written) == ["head", "ir16_t2", "ir16_t2", "ir8", "stem8"]  # behind 8 and behind 16


def test_values_keep_their_scale_through_a_deep_network() -> None:
    """Numbers too small for their format would take a processor many times as long."""
    model = graphs.written(zoo.get("mobilenet_v1"), Conditions(resolution=64))
    x = np.random.default_rng(0).standard_normal((1, 3, 64, 64), dtype=np.float32)
    (y,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    assert 1e-4 < y.std() < 1e4


def test_writing_leaves_torchs_random_numbers_and_threads_alone() -> None:
    torch.manual_seed(5)
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    graphs.part_fragment.cache_clear()
    graphs.written(Arch.parse("stem8-ir8"), Conditions(resolution=32))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_weights_are_the_same_each_time() -> None:
    arch, conditions = Arch.parse("stem8-ir8"), Conditions(resolution=32)
    models = []
    for _ in range(2):
        graphs.part_fragment.cache_clear()
        models.append(graphs.written(arch, conditions).SerializeToString())
    assert models[0] == models[1]


def test_a_librarys_classifier_is_written_whole() -> None:
    model = graphs.written(reference("torchvision:squeezenet1_1"), Conditions(resolution=64, classes=3))
    (y,) = onnxruntime.InferenceSession(model.SerializeToString()).run(
        None, {"x": np.zeros((1, 3, 64, 64), np.float32)}
    )
    assert y.shape == (1, 3)


def test_eight_bits_are_pairs_of_quantisers_and_the_float_graph_stays_as_it_is() -> None:
    arch = Arch.parse("stem8-ir8-ir16_t2_se")
    exact = graphs.written(arch, Conditions(resolution=32))
    short = graphs.written(arch, Conditions(resolution=32, precision="int8"))
    kinds = [node.op_type for node in short.graph.node]
    assert kinds.count("DequantizeLinear") > kinds.count("Conv") > 0
    assert "QuantizeLinear" not in {node.op_type for node in exact.graph.node}
    x = {"x": np.random.default_rng(0).standard_normal((1, 3, 32, 32), dtype=np.float32)}
    results = [onnxruntime.InferenceSession(m.SerializeToString()).run(None, x)[0] for m in (exact, short)]
    assert np.corrcoef(results[0].ravel(), results[1].ravel())[0, 1] > 0.9
    assert not np.array_equal(*results)


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo.names())
def test_every_part_of_the_zoo_at_full_size(name: str) -> None:
    network = build(zoo.get(name), 1000, 224)
    randomise(network)
    network.float().train()
    y = pictures(2, 224)
    with torch.no_grad():
        network(y)
        network.eval()
        for part in parts(network):
            expected = part(y)
            assert difference(run(lower(part, y), y), expected) < 1e-5
            y = expected
