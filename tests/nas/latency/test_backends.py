"""Each runtime that is installed here runs parts and networks; what cannot be run is refused with a reason."""

import importlib.util
from dataclasses import replace

import pytest
import torch

from blocks import Head, InvertedResidual, Stem
from nas.common.errors import UserError
from nas.latency import Conditions, backends
from nas.latency.backends import BACKENDS, torch_runtimes
from nas.latency.timing import modules
from nas.networks.building import build
from nas.networks.cost import Key
from nas.networks.references import Model, reference
from search_spaces import Arch

ARCH = Arch.parse("stem8_HS-ir8_se-ir16_k5_t2_s2-head24_f16_HS")
SMALL = Conditions(resolution=32, classes=5, batch=2)
QUICK = ("onnxruntime", "torch", "openvino")


def installed(name: str) -> str:
    reason = BACKENDS[name].missing()
    if reason:
        pytest.skip(reason)
    return name


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("name", QUICK)
def test_it_runs_networks_and_every_kind_of_part(name: str, precision: str) -> None:
    backend = BACKENDS[installed(name)]
    if precision not in backend.precisions:
        pytest.skip(f"no {precision}")
    conditions = replace(SMALL, backend=name, precision=precision)
    assert backend.load(ARCH, conditions)() is None
    keys: list[Key] = [
        (Stem(8), 3, 32, 0),
        (InvertedResidual(16, expansion=3.0, squeeze_excite=True), 8, 16, 0),
        (Head(24), 16, 4, 5),
    ]
    for key in keys:
        assert backend.load(key, conditions)() is None


@pytest.mark.parametrize("name", QUICK)
def test_it_runs_a_librarys_classifier(name: str) -> None:
    model: Model = reference("torchvision:squeezenet1_1")
    conditions = Conditions(installed(name), resolution=64, classes=5)
    assert BACKENDS[name].load(model, conditions)() is None


@pytest.mark.slow  # its exporter takes seconds
def test_executorch_runs_a_part() -> None:
    conditions = replace(SMALL, backend=installed("executorch"))
    BACKENDS["executorch"].load((InvertedResidual(16), 8, 16, 0), conditions)()


@pytest.mark.parametrize("name", QUICK)
def test_with_one_thread_its_clock_sees_the_work(name: str) -> None:
    backend = BACKENDS[installed(name)]
    run = backend.load(ARCH, Conditions(name, resolution=224))
    run()
    before = backend.cpu_seconds()
    for _ in range(5):
        run()
    assert backend.cpu_seconds() - before > 1e-4


def test_torch_computes_with_the_threads_asked_for_and_puts_them_back() -> None:
    used: list[int] = []
    before = torch.get_num_threads()
    module = torch.nn.ReLU()
    module.register_forward_hook(lambda *_: used.append(torch.get_num_threads()))
    torch_runtimes._eager(module, torch.zeros(1, 1, 2, 2), before + 1)()
    assert used == [before + 1]
    assert torch.get_num_threads() == before


def test_modules_are_deployed_with_batch_norm_folded() -> None:
    torch.manual_seed(3)
    state = torch.random.get_rng_state()
    module, x = modules.deployed(ARCH, SMALL)
    assert torch.equal(torch.random.get_rng_state(), state)
    kinds = {type(layer).__name__ for layer in module.modules()}
    assert "BatchNorm2d" not in kinds and "Conv2d" in kinds
    plain = build(ARCH, 5, 32)
    assert "BatchNorm2d" in {type(layer).__name__ for layer in plain.modules()}
    assert tuple(x.shape) == (2, 3, 32, 32)
    with torch.no_grad():
        assert tuple(module(x).shape) == (2, 5)


def test_what_is_timed_has_no_closed_branch() -> None:
    block = InvertedResidual(16, expansion=2.0)
    with torch.no_grad():
        for weight in (p for p in modules.deployed((block, 16, 8, 5), SMALL)[0].parameters() if p.ndim > 1):
            assert weight.abs().mean() > 1e-3


def test_what_goes_to_a_cuda_device() -> None:
    """The layout and the precision; capture and events need a device and were never run."""
    module, x = torch_runtimes.on_device(*modules.deployed(ARCH, SMALL), "float16", "cpu")
    assert x.dtype == torch.float16
    assert x.is_contiguous(memory_format=torch.channels_last)
    weights = [p for p in module.parameters() if p.ndim == 4 and p.shape[1] > 1 and p.shape[2] > 1]
    assert all(w.dtype == torch.float16 for w in weights)
    assert all(w.is_contiguous(memory_format=torch.channels_last) for w in weights)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_cuda_device_the_reason_is_said() -> None:
    with pytest.raises(UserError, match=r"torch-cuda cannot be used here: torch .*CUDA"):
        backends.find(Conditions("torch-cuda"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_cuda_device_counts_itself(precision: str) -> None:
    seconds = BACKENDS["torch-cuda"].load(ARCH, replace(SMALL, backend="torch-cuda", precision=precision))()
    assert seconds is not None and seconds > 0


def test_an_unknown_backend_is_refused_with_those_there_are() -> None:
    with pytest.raises(UserError, match=r"tflite.*onnxruntime.*torch-cuda"):
        backends.find(Conditions("tflite"))


def test_a_precision_that_a_backend_lacks_is_refused_with_those_that_have_it() -> None:
    with pytest.raises(UserError, match=r"torch has no int8.*--backend onnxruntime or openvino"):
        backends.find(Conditions("torch", "int8"))


def test_a_missing_extra_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    known = importlib.util.find_spec
    monkeypatch.setattr(
        "nas.latency.backends.base.find_spec", lambda name: None if name == "openvino" else known(name)
    )
    with pytest.raises(
        UserError, match=r"openvino cannot be used here: pip install 'nas-search\[openvino\]'"
    ):
        backends.find(Conditions("openvino"))


def test_every_backend_is_registered_under_its_name() -> None:
    for name, backend in BACKENDS.items():
        assert backend.name == name
        assert "float32" in backend.precisions
